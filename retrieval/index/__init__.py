"""The index: vectors in FAISS with what is known of each image."""
