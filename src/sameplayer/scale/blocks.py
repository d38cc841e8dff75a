"""Where rows are cut into blocks, and the manifest of a folder of blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sameplayer.errors import DataError, SettingError
from sameplayer.scale.storage.store import Store

MANIFEST = "manifest.json"


def cut(rows: int, blocks: int | None, grain: int, usual: int) -> tuple[int, ...]:
    """Return where blocks begin, and the number of rows at the end.

    blocks    how many; None: as many as it takes for ``usual`` rows a block
    grain     blocks begin at multiples of it, so that no result depends on how many there are;
              where there are too few rows, there are fewer blocks

    Raises SettingError for fewer than one block.
    """
    if blocks is None:
        blocks = -(-rows // usual)
    if blocks < 1:
        raise SettingError("blocks", blocks, "1 or more")
    grains = -(-rows // grain)
    firsts = sorted({grain * (number * grains // blocks) for number in range(blocks)})
    return (*firsts, rows)


def keep_manifest(store: Store, kind: str, facts: Mapping[str, Any]) -> None:
    """Write what a folder holds, or compare it with what it held before.

    Raises DataError where the folder holds results of another kind, data, encoder or settings.
    """
    wanted = json.loads(json.dumps({"kind": kind, **facts}))
    found = read_manifest(store)
    if found is None:
        store.write_text(MANIFEST, json.dumps(wanted, indent=2) + "\n")
        return
    for name in {**wanted, **found}:
        if found.get(name) != wanted.get(name):
            raise DataError(
                f"{store.address}: holds a run with {name} {_short(found.get(name))}; expected "
                f"{_short(wanted.get(name))}. Choose another folder, or remove this one."
            )


def read_manifest(store: Store) -> dict[str, Any] | None:
    """Return what a folder says of itself; None where it says nothing. DataError if damaged."""
    text = store.read_text(MANIFEST)
    if text is None:
        return None
    try:
        found = json.loads(text)
        if not isinstance(found["kind"], str):
            raise TypeError("its kind is no text")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{store.place(MANIFEST)}: damaged ({type(error).__name__}: {error}). Remove the "
            "folder and run again."
        ) from error
    return dict(found)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
