"""A lasting gallery of known players: who is this, how sure, or nobody we know."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
