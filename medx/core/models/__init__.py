"""Weights that medx uses and does not ship: where they come from, how they are checked."""
