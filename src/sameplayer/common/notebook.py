"""How results show themselves in a notebook."""

from __future__ import annotations

from html import escape


class NotebookTable:
    """A result whose ``table()``, lines of text, a notebook shows in place of its repr."""

    def table(self) -> str:
        """Return the result as lines of text."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.table())}</pre>"
