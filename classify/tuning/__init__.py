"""Choosing settings on val: sweeps and the range test of learning rates."""
