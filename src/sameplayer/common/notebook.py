"""Display of results in a notebook."""

from __future__ import annotations

from html import escape


class NotebookTable:
    """A result that a notebook displays by its ``table()``, in place of its repr."""

    def table(self) -> str:
        """Return the result as lines of text."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.table())}</pre>"
