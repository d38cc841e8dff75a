"""Who is who in a match: evidence, splitting, linking, naming, and the log of each player."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
