"""Looking for what goes wrong in a dataset before anything learns from it."""
