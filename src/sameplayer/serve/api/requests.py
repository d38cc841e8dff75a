"""Bodies of requests that change a gallery, and the receipt of a deletion."""

from __future__ import annotations

from pydantic import BaseModel

from sameplayer.serve.api.schemas import Few, Given, Hex16, Hex32, Name


class ToPersonIn(Given):
    """A person by id."""

    person: Hex16


class NameIn(Given):
    """A name that nobody has."""

    name: Name


class MergeIn(Given):
    """Who is the same person too, and the revision of that one that was seen."""

    other: Hex16
    expected_other: int


class SplitIn(Given):
    """Pictures that show somebody else, and the name of that one."""

    pictures: Few[Hex32]
    name: Name


class RestrictIn(Given):
    """Keep, and never answer with (true), or answer with again."""

    on: bool


class ForgetIn(Given):
    """Why, in words that name nobody: they stay."""

    reason: str = ""


class ReceiptOut(BaseModel):
    """What was forgotten, in counts; ``copies`` are exports that somebody may still have."""

    person: str
    pictures: int
    rows: int
    events: int
    bytes_found: int
    copies: list[str]
    notes: list[str]
