"""Our ONNX files: a graph, and among its metadata a record (JSON) of what it is.

Whoever wrote a file, it is refused before any runtime sees it where it is too large or names other
files to load; runtimes know no operators but those built into them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sameplayer.errors import MissingFile, WeightsError

FORMAT = 1
RECORD = "sameplayer"  # the key of the record among the file's metadata
LARGEST = 2**31 - 1  # bytes, as protobuf allows
OPSET = 18
# A tensor in another file has an entry with the key "location", which protobuf writes after its
# length: 8, in one byte or (ending in 0) in more. No other way leads to another file.
EXTERNAL_DATA = re.compile(rb"[\x00\x08]location")


def read_content(path: str | Path) -> bytes:
    """Return the bytes of an ONNX file that keeps its weights in itself.

    Raises MissingFile, and WeightsError for a file that cannot be read, is over 2 GiB or names
    other files to load.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path}: over 2 GiB; an ONNX file of ours is smaller.")
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}).") from error
    if EXTERNAL_DATA.search(content):
        raise WeightsError(f"{path}: keeps weights in other files, which are never read.")
    return content


def parse_record(text: str | None, what: str, kind: str) -> dict[str, Any]:
    """Return the record that a file's metadata hold.

    text    the metadata's value under ``RECORD``; None where there is none
    what    the file's name, for errors
    kind    what the file must hold, such as "encoder"

    Raises WeightsError for a file without a record, and for one of another format or kind.
    """
    command = f"sameplayer export {'ENCODER' if kind == 'encoder' else kind} --out FILE.onnx"
    try:
        record = json.loads(text or "null")
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise WeightsError(
            f"{what}: not an ONNX file that sameplayer wrote: its metadata hold no record "
            f"{RECORD!r}. Write one with: {command}"
        )
    if record.get("format") != FORMAT:
        raise WeightsError(
            f"{what}: of format {record.get('format')!r}; this version of sameplayer reads format "
            f"{FORMAT}. Export it again: {command}"
        )
    if record.get("kind") != kind:
        raise WeightsError(f"{what}: holds {record.get('kind')!r}; expected {kind!r}.")
    return record
