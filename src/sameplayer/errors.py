"""What can go wrong, as one tree.

    SameplayerError             everything below; the command line prints it and exits with 2
    ├── DataError               a folder, table, picture or name is not as expected
    │   ├── MissingFile         there is no file or folder of this name
    │   ├── Unavailable         a database is locked, full, stopped or out of reach: try again
    │   └── Stale               what is to be changed was changed since it was looked at
    ├── WeightsError            weights, checkpoints or presets cannot be loaded
    ├── ConfigError             a setting is unknown or out of range
    │   ├── SettingError        one setting: its name, what was found, what is expected
    │   └── MissingExtra        a part of the package that is installed on demand is not there
    ├── TrainingError           a run cannot start, or stopped because it cannot go on
    └── RankingError            features, ids or distances do not fit each other

Every message says what was wrong and where, what was expected and found, and what to do. Settings
are named as Python arguments; the command line shows them as flags.

``InternalError`` stands apart: it is a mistake of the package, which no user can mend.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any


class SameplayerError(Exception):
    """The root of every error that a user of the package can cause or mend."""


class DataError(SameplayerError):
    """A folder, table, picture or name is not as expected."""


class MissingFile(DataError):  # noqa: N818
    """There is no file or folder of this name."""


class Unavailable(DataError):  # noqa: N818
    """A database cannot be used now: locked, full, stopped or out of reach. Try again later."""


class Stale(DataError):  # noqa: N818
    """What is to be changed was changed since it was looked at; nothing was done."""


class WeightsError(SameplayerError):
    """Weights, checkpoints or presets cannot be loaded."""


class ConfigError(SameplayerError):
    """A setting is unknown or out of range."""


class SettingError(ConfigError):
    """One setting is out of range: ``name`` as in Python, and the rest of the sentence."""

    def __init__(self, name: str, found: object, expected: str) -> None:
        end = "" if expected.endswith(("?", ".")) else "."
        self.name, self.rest = name, f"is {found}; expected {expected}{end}"
        super().__init__(f"{name} {self.rest}")
        self._given = name, found, expected

    def __reduce__(self) -> tuple[Any, ...]:  # errors come from other processes
        name, found, expected = self._given
        return SettingError, (name, str(found), expected)


class MissingExtra(ConfigError):  # noqa: N818
    """A part of the package that is installed on demand is not there."""


class TrainingError(SameplayerError):
    """A training run cannot start, or stopped because it cannot go on."""


class RankingError(SameplayerError):
    """Features, ids or distances do not fit each other."""


class InternalError(Exception):
    """A mistake of the package itself, such as a statement that a database cannot read."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known name, or "" when none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def import_extra(module: str, extra: str, what: str) -> Any:
    """Import a module of an extra; MissingExtra says how to install it.

    what    what needs it, as the beginning of the sentence, such as "Reading numbers"
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{what} needs {module.split('.')[0]} ({error}). Install the extra {extra!r}: "
            f"pip install 'sameplayer[{extra}]', or in a copy of the project "
            f"pip install '.[{extra}]'."
        ) from error
