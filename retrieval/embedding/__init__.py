"""Embedding many images: decoded in workers, kept in shards, never computed twice."""
