"""Which labels are people: "player", "Referee_2", "goalkeeper team left", and not "ball"."""

from __future__ import annotations

import re
from collections.abc import Iterable

PEOPLE = re.compile(
    r"person|people|player|pedestrian|athlete|human|keeper|referee|coach|goalie|umpire|linesman|"
    r"linesmen|official|runner|skater|swimmer|dancer|cyclist|spieler|torwart|schiedsrichter|joueu|"
    r"gardien|jugador|portero|jogador|goleiro|giocator|portiere|[aá]rbitr|speler|keeper|\b(?:man|"
    r"men|woman|women|boy|girl|child|children|ref|gk|staff|trainer|substitute|captain|striker|"
    r"defender|midfielder|teams?|home|away|equipe|équipe|equipo|mannschaft)\b",
    re.IGNORECASE,
)
OTHERS = re.compile(
    r"\b(?:\w*balls?|puck|goals?|goal ?posts?|net|hoop|rim|basket|court|field|pitch|lines?|bat|"
    r"racket|racquet|stick|shuttlecock|flag|whistle|scoreboard|logo|car|bus|truck|bicycle|"
    r"motorbike|vehicle|distractor|occluder|reflection|crowd|ignored?|background|other)\b",
    re.IGNORECASE,
)


def are_people(labels: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the labels that are people, and those of them that only count as such.

    Where no label is known to be of people, all that are not known to be of something else count.
    """
    labels = list(labels)
    known = [label for label in labels if PEOPLE.search(_words(label))]
    if known:
        return known, []
    rest = [label for label in labels if not OTHERS.search(_words(label))]
    return rest, rest


def unnamed(classes: Iterable[float], where: str, advice: str) -> tuple[str, ...]:
    """Return a note where boxes have several classes of which only the numbers are known.

    where     that holds them, such as "column 8"
    advice    how they can be named
    """
    found = sorted({int(number) for number in classes})
    if len(found) < 2:
        return ()
    told = ", ".join(map(str, found[:10])) + (" and others" if len(found) > 10 else "")
    read = "have no names, so boxes of all of them are read"
    return (f"The classes in {where}, {told}, {read}; {advice}.",)


def _words(label: str) -> str:
    """Return a label with blanks between its words: "TeamLeft_player" is "Team Left player"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_0-9]+", " ", str(label))
