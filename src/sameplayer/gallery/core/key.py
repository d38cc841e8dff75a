"""The gallery's key: 32 random bytes in a file of their own, for digests and seals."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path

from sameplayer.common.files import write_text
from sameplayer.errors import DataError
from sameplayer.gallery.core.notices import warn_once

KEY = "secret.key"
BYTES = 32


def make_key(folder: Path) -> None:
    """Write a new key into a gallery's folder, for nobody else to read."""
    write_text(folder / KEY, secrets.token_hex(BYTES), private=True)


def read_key(folder: Path) -> bytes:
    """Return the key in a gallery's folder; warn where every user of the machine may read it.

    Raises DataError where it is gone, damaged or no ordinary file.
    """
    path = folder / KEY
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4 * BYTES) if stat.S_ISREG(mode) else b""
        key = bytes.fromhex(text.decode("ascii"))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "no hexadecimal digits"
        raise DataError(
            f"{path}: the gallery's key is gone or damaged ({said}); restore it from a copy."
        ) from error
    if len(key) != BYTES:
        raise DataError(
            f"{path}: not a gallery's key; expected a file of {2 * BYTES} hexadecimal digits: "
            "restore it from a copy."
        )
    if os.name == "posix" and mode & stat.S_IROTH and folder.stat().st_mode & stat.S_IXOTH:
        warn_once(path, f"every user of this machine may read it; run: chmod 600 {path}")
    return key


def secret_of(key: bytes, purpose: str) -> bytes:
    """Return a key for one purpose, made from a gallery's."""
    return hmac.digest(key, b"key\0" + purpose.encode(), "sha256")
