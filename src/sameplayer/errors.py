"""What can go wrong, as one tree.

    SameplayerError             everything below; the command line prints it and exits with 2
    ├── DataError               a folder, table, picture or name is not as expected
    │   ├── MissingFile         there is no file or folder of this name
    │   ├── Unavailable         a database is locked, full, stopped or out of reach: try again
    │   ├── Unfinished          somebody's deletion could not be finished: do the same again
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
import os
import re
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


class Unfinished(Unavailable):
    """A person is deleted, but bytes may be left; the same call finishes it."""


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


def of_windows(path: object) -> str:
    """Return " It is a path of Windows..." for such a path on another system, or ""."""
    if os.name == "nt" or not re.search(r"\\|(^|/)[A-Za-z]:[\\/]", str(path)):
        return ""
    return " It is a path of Windows; write it with slashes, relative to the table's folder."


def import_extra(module: str, extra: str, what: str) -> Any:
    """Import a module of an extra; MissingExtra says how to install it.

    what    what needs it, as the beginning of the sentence, such as "Reading numbers"
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(missing_extra(module, extra, what, error)) from error


def missing_extra(module: str, extra: str, what: str, error: ImportError) -> str:
    """Return how to install the extra that a module is missing from."""
    return (
        f"{what} needs {module.split('.')[0]} ({error}). Install the extra {extra!r}: "
        f"pip install 'sameplayer[{extra}]', or in a copy of the project pip install '.[{extra}]'."
    )


def refuse_other_types(
    call: str, /, advice: str = "", **given: tuple[object, type | tuple[type, ...]]
) -> None:
    """Raise ConfigError unless every argument of a function is of a type that it takes.

    call      the function's name
    advice    a sentence on what to do
    given     argument -> what was given, and the type or types that it may be
    """
    if all(isinstance(value, kinds) for value, kinds in given.values()):
        return
    takes = [
        f"{name}: {' or '.join(kind.__name__ for kind in _as_tuple(kinds))}"
        for name, (_, kinds) in given.items()
    ]
    found = ", ".join(type(value).__name__ for value, _ in given.values())
    takes_all = ", ".join(takes).replace("NoneType", "None")
    end = f" {advice}" if advice else ""
    raise ConfigError(f"{call} takes ({takes_all}); found ({found}).{end}")


def _as_tuple(kinds: type | tuple[type, ...]) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)
