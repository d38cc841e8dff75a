"""The page "who is this?": pictures in, an answer out, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fastapi.responses import Response

from sameplayer.errors import SameplayerError
from sameplayer.gallery.core.records import Answer, NewPicture, PictureFilter
from sameplayer.gallery.search.asking import ask_ready
from sameplayer.gallery.search.lookups import names_of
from sameplayer.gallery.search.questions import keep_question, stated
from sameplayer.serve.api.query import decoded, embedded
from sameplayer.serve.api.responses import persons_in, picture_bytes
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import Refused, as_refused
from sameplayer.serve.http.sessions import Asked
from sameplayer.serve.pages.base import Page, PageDep, page_router, redirect
from sameplayer.serve.pages.explain import explain_pair

router = page_router()
WHOLE_FRAME = 500_000  # pixels from which a picture that is wider than high is no crop
FILTERS = ("team", "game", "camera", "since", "until")


@router.get("/ask")
@needs("query")
def ask_page(page: PageDep) -> Response:
    """Where pictures are dropped."""
    return page.show("ask.html.j2")


@router.post("/ask")
@needs("query", heavy=True)
def ask(page: PageDep) -> Response:
    """Answer, and hold the pictures for a while, so that they can be looked at beside it."""
    try:
        pictures = embedded(page.caller, decoded(page.caller, page.files), keep=True)
    except (Refused, SameplayerError) as error:
        refused = as_refused(error, page.caller.service.hidden)
        if refused.status_code >= 500:
            raise
        return page.show("ask.html.j2", refused.status_code, notice=notice_of(refused), given=page)
    where = PictureFilter(**{name: page.one(name).strip() or None for name in FILTERS})
    tracks = [pictures] if page.one("track") == "yes" else [[one] for one in pictures]
    groups = []
    for track in tracks:
        answer = ask_ready(page.gallery, track, actor=page.caller.actor, where=where, top=3)
        groups.append((tuple(track), _nameless(answer)))
    asked = Asked(page.gallery.settings.id, page.caller.token.id, tuple(groups))
    return redirect(f"{page.base_url}/asked/{page.caller.service.asked.add(asked)}")


@router.get("/asked/{key}")
@needs("query")
def answer_page(page: PageDep, key: str) -> Response:
    """Show the answer: candidates, probabilities, and the most similar pictures."""
    asked = held(page, key)
    groups = [(track, named(page, answer)) for track, answer in asked.groups]
    page.caller.record_view(*(key for _, answer in asked.groups for key in persons_in(answer)))
    notice = _frames([one for track, _ in asked.groups for one in track])
    return page.show("answer.html.j2", key=key, groups=groups, keep=len(groups), notice=notice)


@router.get("/asked/{key}/{group}/{at}.jpg")
@needs("query")
def asked_picture(page: PageDep, key: str, group: int, at: int) -> Response:
    """Return an uploaded picture."""
    return Response(_picture(page, key, group, at).content, media_type="image/jpeg")


@router.get("/asked/{key}/{group}/why/{picture}")
@needs("query", "read", heavy=True)
def why_page(page: PageDep, key: str, group: int, picture: str) -> Response:
    """Show what matches in both pictures, and the shirt numbers read in them."""
    mine = _picture(page, key, group, 0).content or b""
    why = explain_pair(page.caller, mine, picture_bytes(page.caller, picture))
    return page.show("why.html.j2", why=why, back=f"{page.base_url}/asked/{key}")


@router.post("/asked/{key}/{group}/keep")
@needs("query")
def keep(page: PageDep, key: str, group: int) -> Response:
    """Keep pictures as a question for a person's word."""
    tracks = held(page, key).groups
    if not 0 <= group < len(tracks):
        raise gone()
    kept, answer = tracks[group]
    if not page.gallery.refresh_settings().keep_pictures:
        kept = tuple(replace(one, content=None) for one in kept)
    question = keep_question(page.gallery, kept, page.caller.actor, stated(answer))
    if question is None:
        raise Refused(
            422,
            "these pictures are in the gallery already, or were forgotten",
            expected="new pictures",
        )
    sees = page.caller.token.allows("correct") and page.caller.token.allows("read")
    return redirect(f"{page.base_url}/review/{question}" if sees else f"{page.base_url}/ask")


def notice_of(refused: Refused) -> str:
    """Return what was refused as one text, for a page that stays."""
    said = refused.said
    which = said["where"].removeprefix("pictures.")
    first = f"Picture {int(which) + 1}: " if which.isdecimal() else ""
    found = f" ({said['found']})" if said["found"] else ""
    what = said["what"].removeprefix(f"picture {which}: ")
    if not what.endswith("."):  # else it says what to do
        do = said["hint"] or "try another file"
        what += f"{found}. {do[:1].upper()}{do[1:]}."
    return f"{first}{what[:1].upper()}{what[1:]}"


def held(page: Page, key: str) -> Asked:
    """Return what this caller asked a while ago; Refused (404) once it is gone."""
    found = page.caller.service.asked.get(key)
    mine = found is not None and found.owner == page.caller.token.id
    if found is None or not mine or found.gallery != page.gallery.settings.id:
        raise gone()
    return found


def gone() -> Refused:
    """Return the answer for pictures that are not held any more."""
    return Refused(
        404,
        "these pictures are not held any more",
        expected="an answer of the last 15 minutes",
        hint="ask again",
    )


def named(page: Page, answer: Answer) -> Answer:
    """Return an answer with the names that people have now, without those who are gone."""
    names = names_of(page.gallery, persons_in(answer))
    shown = (one for one in answer.candidates if one.person in names)
    return replace(answer, candidates=tuple(replace(one, name=names[one.person]) for one in shown))


def _frames(pictures: Sequence[NewPicture]) -> str:
    """Return a word on pictures that are no crops, or an empty text."""
    large = [one for one in pictures if one.high < one.wide and one.high * one.wide >= WHOLE_FRAME]
    if not large:
        return ""
    size = f"{large[0].wide} x {large[0].high}"
    return f"A picture of {size} pixels may be a whole frame. Ask with the crop of one player."


def _nameless(answer: Answer) -> Answer:
    """Names are looked up when they are shown: nothing of a forgotten person is held."""
    return replace(answer, candidates=tuple(replace(one, name="") for one in answer.candidates))


def _picture(page: Page, key: str, group: int, at: int) -> NewPicture:
    tracks = held(page, key).groups
    if not (0 <= group < len(tracks) and 0 <= at < len(tracks[group][0])):
        raise gone()
    return tracks[group][0][at]
