"""Asking an index by words, by an image, or by one of its own images."""
