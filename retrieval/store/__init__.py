"""Changing an index that is there: add, remove, update, compact, merge, verify."""
