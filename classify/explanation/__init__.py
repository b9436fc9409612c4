"""Where a classifier looked: heat-maps, their pictures and what they are worth."""
