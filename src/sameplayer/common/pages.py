"""HTML pages: the templates of a stage, and pictures that stand within a page."""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, select_autoescape


@cache
def templates(package: str, folder: str = ".", trim: bool = False) -> Environment:
    """Return the templates (``*.j2``) in a folder of a package; what they show is escaped.

    trim    leave out the line end after a block, and the spaces before one
    """
    return Environment(
        loader=PackageLoader(package, folder),
        autoescape=select_autoescape(["j2"]),
        trim_blocks=trim,
        lstrip_blocks=trim,
        extensions=["jinja2.ext.loopcontrols"],
    )


def data_address(kind: str, content: bytes) -> str:
    """Return a file as a data address; ``kind`` is its media type, such as image/jpeg."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
