"""The site's first page is the project's README, with its links as the site needs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the page, or the README in place of index.md; the site knows languages alone."""
    if page.file.src_uri == "index.md":
        readme = Path(config.config_file_path).with_name("README.md").read_text()
        markdown = readme.replace("](docs/", "](").replace("[Security](SECURITY.md)", "SECURITY.md")
    return re.sub(r"^(```\w+) [\w-]+$", r"\1", markdown, flags=re.M)  # words for the tests
