"""Measuring a classifier: figures with intervals, comparisons, pictures, pages."""
