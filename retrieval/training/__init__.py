"""Training the compact encoder."""
