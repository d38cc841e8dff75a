"""HTML pages from the templates that lie beside this file."""

from __future__ import annotations

import base64
import io
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from sameplayer.data.images.picture import Picture, encode_picture


def render(template: str, **values: Any) -> str:
    """Return a page; values are escaped."""
    loader = PackageLoader("sameplayer.evaluation", ".")
    pages = Environment(loader=loader, autoescape=select_autoescape(["j2"]))
    return pages.get_template(template).render(**values)


def figure_address(figure: Figure) -> str:
    """Return a figure as a PNG within a data address."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return _data_address("image/png", content.getvalue())


def picture_address(picture: Picture) -> str:
    """Return a picture (h, w, 3) as a JPEG within a data address."""
    return _data_address("image/jpeg", encode_picture(picture, ".jpg", 85))


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
