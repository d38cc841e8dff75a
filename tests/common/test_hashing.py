"""Fingerprints tell files and parts from others."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.common.hashing import file_fingerprint, part_fingerprint
from sameplayer.errors import MissingFile


def test_a_file_that_changed_anywhere_has_another_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "match.mp4"
    content = bytearray(5 << 20)
    path.write_bytes(content)
    before = file_fingerprint(path)
    assert file_fingerprint(path) == before
    content[len(content) // 2] = 1
    path.write_bytes(content)
    assert file_fingerprint(path) != before
    with pytest.raises(MissingFile, match=r"none\.mp4: no such file"):
        file_fingerprint(tmp_path / "none.mp4")


def test_a_part_tells_its_fingerprint_as_a_text_or_a_method_or_not_at_all() -> None:
    class Told:
        fingerprint = "a"

    class Asked:
        def fingerprint(self) -> str:
            return "b"

    assert [part_fingerprint(one) for one in (Told(), Asked(), len)] == ["a", "b", None]
