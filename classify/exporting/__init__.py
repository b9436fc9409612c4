"""Classifiers for other runtimes."""
