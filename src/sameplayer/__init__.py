"""sameplayer tells which pictures show the same player, and why.

The public names stand in ``__init__.pyi`` and load their stage when they are first used, so that
importing the package does not wait for torch. The same holds for the names of each stage.

Where torch is not imported yet, its threads are set to wait without spinning: on a busy machine
spinning threads keep each other from working. OpenMP reads this once, when torch is loaded. What
the user has set (OMP_WAIT_POLICY, GOMP_SPINCOUNT or KMP_BLOCKTIME) is left as it is.
"""

import os
import sys

import lazy_loader

from sameplayer._version import __version__ as __version__

if "torch" not in sys.modules and not any(
    name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
