"""The audit of a gallery."""

from __future__ import annotations

from pathlib import Path

from sameplayer.commands.gallery.gallery import Club, Who
from sameplayer.commands.shared import lines_shown


def audit(
    gallery: Club,
    head: str | None = None,
    events: Path | None = None,
    accept: bool = False,
    who: Who = Who(),
) -> int:
    """Check the chain of events, the rows and the files; 1 where something is wrong.

    Args:
        head: A head that you kept, as this command printed it: it must still be in the chain.
        events: Write all events to this file (.csv or .json), without what they say in detail.
        accept: First take the rows and picture files as they are now as right, as an event.
    """
    from sameplayer.gallery.integrity.audit import accept as accepting
    from sameplayer.gallery.integrity.audit import write_events

    with who.open(gallery) as opened:
        if events is not None:
            write_events(opened, events, actor=who.actor)
        if accept:
            accepting(opened, actor=who.actor)
        found = opened.verify(head)
    print(lines_shown(str(found)))
    return 1 if found.wrong else 0
