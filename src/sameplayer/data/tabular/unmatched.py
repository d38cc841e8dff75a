"""Tables that are put together by persons: who of one is not in the other, and why."""

from __future__ import annotations

from collections.abc import Collection


def unmatched(named: Collection[str], known: Collection[str], here: str, there: str) -> str:
    """Return a sentence on names that are not known, or "" where all are.

    here, there    what names and what knows them, as in "persons.csv"

    Where only zeros in front keep names apart, the sentence says so: spreadsheets take 0007 for 7.
    """
    known = set(known)
    lost = [name for name in dict.fromkeys(named) if name not in known]
    if not lost:
        return ""
    count = f"{len(lost)} of {len(set(named))} persons of {here}"
    text = f"{count} {'is' if len(lost) == 1 else 'are'} not in {there}, such as {lost[0]!r}."
    plain = {name.lstrip("0"): name for name in known if name.isdigit()}
    near = [name for name in lost if name.isdigit() and name.lstrip("0") in plain]
    if near:
        text += (
            f" {len(near)} of them lost or won zeros in front: {near[0]!r} here is "
            f"{plain[near[0].lstrip('0')]!r} there. Spreadsheets do so; write such ids as text in "
            "both places."
        )
    return text
