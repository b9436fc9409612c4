"""Recipes: named settings of a training, one readable YAML file each."""
