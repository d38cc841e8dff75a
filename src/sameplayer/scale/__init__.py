"""Past one machine: embedding, neighbour lists and exact re-ranking as files over row blocks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
