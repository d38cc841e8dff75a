"""The settings, the loss, the schedule, the loop and what a run leaves."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
