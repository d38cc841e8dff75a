"""Self-contained HTML pages from the templates of a stage."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from sameplayer.common.pages import data_address, templates
from sameplayer.data.images.picture import Picture, encode_picture


def render(template: str, **values: Any) -> str:
    """Return a page; values are escaped."""
    return templates("sameplayer.evaluation").get_template(template).render(**values)


def figure_address(figure: Figure) -> str:
    """Return a figure as a PNG within a data address."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return data_address("image/png", content.getvalue())


def picture_address(picture: Picture) -> str:
    """Return a picture (h, w, 3) as a JPEG within a data address."""
    return data_address("image/jpeg", encode_picture(picture, ".jpg", 85))
