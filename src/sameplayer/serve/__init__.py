"""The gallery over HTTP: an API for programs, and pages for people (extra ``serve``)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
