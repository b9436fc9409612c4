"""Galleries in Milvus: the same commands and answers past one machine."""
