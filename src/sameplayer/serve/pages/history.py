"""History with undo, export, and forgetting a person."""

from __future__ import annotations

from fastapi.responses import Response

from sameplayer.common.names import name_key
from sameplayer.errors import SameplayerError, Unfinished
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.pending_deletions import pending_marker
from sameplayer.gallery.reverting import undo as undoing
from sameplayer.gallery.search.lookups import names_of, person_by_id
from sameplayer.gallery.tokens import list_tokens
from sameplayer.serve.api.responses import exported, not_finished
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import as_refused
from sameplayer.serve.pages.base import (
    Page,
    PageDep,
    page_router,
    redirect,
    revision_of,
    whole_number,
)
from sameplayer.serve.service import ADMIN

router = page_router()
LISTED = 50  # events of a page
WORDS = {
    "ask": "asked about a picture",
    "look": "viewed",
    "enrol": "enrolled pictures",
    "question": "saved a question",
    "confirm": "confirmed a player",
    "reject": "rejected a suggestion",
    "nobody": "marked a question as unknown",
    "skip": "skipped a question",
    "merge": "merged two players",
    "split": "split a player",
    "rename": "renamed a player",
    "restrict": "changed a restriction",
    "remove": "removed pictures",
    "undo": "undid a change",
    "redo": "redid a change",
    "forget": "deleted a player",
    "receipt": "wrote a deletion receipt",
    "export": "exported a player",
    "create": "created the gallery",
    "settings": "changed settings",
    "calibrate": "calibrated",
    "token": "changed tokens",
    "list": "listed players",
    "show": "viewed",
    "audit": "verified the audit log",
    "policy": "changed legal basis or expiry",
    "readmit": "allowed a deleted name again",
}


@router.get("/history")
@needs("read")
def history(page: PageDep) -> Response:
    """Show the history, newest first."""
    return _history(page)


@router.post("/undo")
@needs("correct", "read")
def undo(page: PageDep) -> Response:
    """Take an event back."""
    try:
        done = undoing.undo(page.gallery, revision_of(page, "seq"), actor=page.caller.actor)
    except SameplayerError as error:
        refused = as_refused(error, page.caller.service.hidden)
        return _history(page, refused.said["what"], refused.status_code)
    return redirect(f"{page.base_url}/{_back(page)}?done={done.seq}")


@router.post("/export/{person}")
@needs("admin")
def export(page: PageDep, person: str) -> Response:
    """Everything of one person, as a zip."""
    named = f'attachment; filename="person-{person_by_id(page.gallery, person).id}.zip"'
    answer = exported(page.caller, person)
    answer.headers["Content-Disposition"] = named
    return answer


@router.get("/forget/{person}")
@needs("admin")
def forget_page(page: PageDep, person: str) -> Response:
    """Show what forgetting would delete and ask for confirmation, or what is left to finish."""
    if pending_marker(page.gallery, person) is not None:
        return page.show("forget.html.j2", person=None, key=person)
    found = person_by_id(page.gallery, person)
    page.caller.record_view(found.id)
    return page.show("forget.html.j2", person=found)


@router.post("/forget/{person}")
@needs("admin")
def forget_now(page: PageDep, person: str) -> Response:
    """Forget, once the name was typed; finish what was stopped."""
    if pending_marker(page.gallery, person) is None:
        found = person_by_id(page.gallery, person)
        if name_key(page.one("name")) != name_key(found.name) or found.id != person:
            words = "That is not the name."
            return page.show("forget.html.j2", 422, person=found, notice=words)
        if found.revision != revision_of(page, "revision"):
            words = "Somebody changed this person meanwhile. Look again, then decide."
            return page.show("forget.html.j2", 409, person=found, notice=words)
    try:
        receipt = forget(page.gallery, person, actor=page.caller.actor, reason=page.one("reason"))
    except Unfinished as error:
        refused = not_finished(page.caller, error)
        shown = page.show(
            "forget.html.j2", 503, person=None, key=person, notice=refused.said["what"]
        )
        shown.headers.update(refused.headers or {})
        return shown
    finally:
        page.caller.service.evict(page.gallery.settings.id)
    return page.show("receipt.html.j2", receipt=receipt)


def _back(page: Page) -> str:
    """Return the page of the gallery that an undo came from: never another address."""
    back = page.one("back")
    parts = back.split("/")
    if parts[0] == "persons" and len(parts) == 2 and parts[1].isalnum():
        return back
    return back if back in ("review", "history") else "history"


def _history(page: Page, notice: str = "", status: int = 200) -> Response:
    gallery, asked = page.gallery, page.request.query_params
    person, before = asked.get("person"), asked.get("before", "")
    if person is not None:
        person = person_by_id(gallery, person).id
    found = undoing.history(gallery, person, LISTED + 1, whole_number(before))
    shown = found[:LISTED]
    words = [WORDS.get(one.kind, one.kind) for one in shown]
    rows = list(zip(shown, words, undoing.why_not_undone(gallery, shown), strict=True))
    subjects = sorted({key for one in shown for key in one.subjects})
    names = names_of(gallery, subjects)
    page.caller.record_view(*names)
    labels = {f"token {one.id}": one.label for one in list_tokens(gallery)}
    labels |= {f"token {key}": ADMIN.label for key in (ADMIN.id, "owner")}  # owner: of before
    return page.show(
        "history.html.j2",
        status,
        rows=rows,
        names=names,
        labels=labels,
        person=person,
        before=shown[-1].seq if len(found) > LISTED else None,
        notice=notice,
    )
