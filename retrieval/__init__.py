"""Image and text search: encoders, embedding, FAISS indexes, Precision@k."""
