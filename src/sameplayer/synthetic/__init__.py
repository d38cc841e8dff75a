"""Drawn players: a league of crops, matches on video, and shirts with numbers, all from a seed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
