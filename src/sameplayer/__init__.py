"""sameplayer tells which pictures show the same player, and why.

The public names stand in ``__init__.pyi`` and load their stage when they are first used, so that
importing the package does not wait for torch. The same holds for the names of each stage.
"""

import lazy_loader

from sameplayer._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
