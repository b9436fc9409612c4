"""Precision@k of image→image and text→image search, with chance levels and intervals."""
