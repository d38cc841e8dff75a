"""Nearest-neighbour lists: exact on CPU and GPU, or approximate by HNSW."""
