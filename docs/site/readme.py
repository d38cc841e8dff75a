"""The site's first page is the project's README, with its links as the site needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the README in place of index.md."""
    if page.file.src_uri != "index.md":
        return markdown
    readme = Path(config.config_file_path).with_name("README.md").read_text()
    return readme.replace("](docs/", "](")
