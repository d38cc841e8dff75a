"""Re-ranking: k-reciprocal encoding and hard weights, whole or as the top M of each query."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
