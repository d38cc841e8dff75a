"""A pilot: a few hundred answers that say what to expect on one's own footage."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
