"""Self-contained HTML pages from the templates of a stage."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from sameplayer.data.images.picture import Picture, encode_picture


def render(
    template: str,
    stage: str = "evaluation",
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,
) -> str:
    """Return a page from a template in the folder of a stage; values are escaped."""
    loader = PackageLoader(f"sameplayer.{stage}", ".")
    pages = Environment(loader=loader, autoescape=select_autoescape(["j2"]))
    pages.filters.update(filters or {})
    return pages.get_template(template).render(**values)


def figure_address(figure: Figure) -> str:
    """Return a figure as a PNG within a data address."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return data_address("image/png", content.getvalue())


def picture_address(picture: Picture) -> str:
    """Return a picture (h, w, 3) as a JPEG within a data address."""
    return data_address("image/jpeg", encode_picture(picture, ".jpg", 85))


def data_address(kind: str, content: bytes) -> str:
    """Return a file's content within a data address; ``kind``: its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
