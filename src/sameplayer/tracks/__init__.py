"""Video to tracklets: cameras, boxes of people, shots, and one person's boxes in a row."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
