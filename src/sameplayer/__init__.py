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

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Return a public name; AttributeError with a guess where a stage has that name."""
    try:
        return _public(name)
    except AttributeError as error:
        from pathlib import Path

        for stub in sorted(Path(__file__).parent.glob("*/__init__.pyi")):
            if f" as {name}\n" in stub.read_text():
                where = f"sameplayer.{stub.parent.name}.{name}"
                raise AttributeError(
                    f"No sameplayer attribute {name}. Did you mean {where}?"
                ) from error
        raise
