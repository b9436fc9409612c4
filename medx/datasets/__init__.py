"""Datasets: manifests, ways in, built-in phantoms."""
