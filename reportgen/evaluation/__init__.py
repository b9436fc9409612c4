"""How good finished reports are, beside what saying nothing of the image reaches."""
