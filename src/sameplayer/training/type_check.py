"""Whether the value of a setting is of the type that the setting is annotated with."""

from __future__ import annotations

import math
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def expected_kind(value: object, hint: Any) -> str | None:
    """Return in words what a value of another type should be; None where it fits ``hint``."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if any(_fits(value, kind) for kind in kinds):
        return None
    return " or ".join(KINDS[_kind(kind)] for kind in kinds if kind is not type(None))


def _kind(hint: Any) -> type:
    return str if get_origin(hint) is Literal else hint


def _fits(value: object, hint: Any) -> bool:
    kind = _kind(hint)
    if kind is not float:
        return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False
