from .reranking import hard_weights as hard_weights
from .reranking import k_reciprocal as k_reciprocal
