"""Labels of a pilot's pairs: the answers in answers.csv, and what follows from them.

answers.csv has one line per answer, and the last line of a pair counts. Lines are only appended,
under a lock, so two people may answer at once; a stop within a line loses that line alone.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sameplayer.errors import DataError, MissingFile
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.population import KITS, THIRDS

ANSWERS = ("yes", "no", "unsure")
HEADER = "pair,answer\n"
FILE = "answers.csv"

Answer = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of the p drawn pairs.

    answers           pair -> its last answer, in the order in which pairs were first answered
    labels            (p,) int: 1 same person, 0 different persons, answered or implied by answers;
                      -1 unknown
    open              (p,) bool: neither answered nor implied
    changed           number of pairs with both a "yes" and a "no", from one person or from two
    contradictions    pairs whose answer contradicts what the answers before it imply
    """

    answers: dict[str, str]
    labels: np.ndarray
    open: np.ndarray
    changed: int
    contradictions: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Labels({len(self.answers)} answers, {int(self.open.sum())} pairs open)"

    @property
    def answered(self) -> int:
        """Number of answered pairs, "unsure" included."""
        return len(self.answers)


def read_labels(pilot: Pilot) -> Labels:
    """Return the labels that answers.csv gives. Raises DataError for a damaged file."""
    path = pilot.folder / FILE
    return labels_from(pilot, read_answers(path, pilot.places) if path.exists() else [])


def labels_from(pilot: Pilot, answers: Sequence[Answer]) -> Labels:
    """Return the labels that a list of answers, oldest first, gives.

    An implied label counts only for a pair that precedes an answered pair of its stratum: up to
    there the random order was followed, so having a label says nothing about which. Implied labels
    of later pairs would be "same" too often.
    """
    last: dict[str, str] = {}
    changed = set()
    for pair, answer in answers:
        if {last.get(pair, answer), answer} == {"yes", "no"}:
            changed.add(pair)
        last[pair] = answer
    closure, contradictions = TransitiveClosure(pilot.cannot_link), []
    given = np.full(len(pilot.places), -1)
    answered = np.zeros(len(given), bool)
    for pair, answer in last.items():
        place = pilot.places[pair]
        answered[place] = True
        if answer != "unsure":
            given[place] = answer == "yes"
            if not closure.add(*pilot.tracks[place], same=answer == "yes"):
                contradictions.append(pair)
    same = [closure.same(*pair) for pair in pilot.tracks]
    implied = np.array([-1 if known is None else int(known) for known in same])
    labels = np.where(given >= 0, given, np.where(_reached(pilot, answered), implied, -1))
    return Labels(last, labels, ~answered & (implied < 0), len(changed), tuple(contradictions))


def count_labels(pilot: Pilot, labels: np.ndarray) -> np.ndarray:
    """Return (H, 3, 3, 3, 2) counts by stratum, height, sharpness and kit: same, different."""
    counts = np.zeros((len(pilot.population.starts), THIRDS, THIRDS, len(KITS), 2), np.int64)
    known = labels >= 0
    cells = [pilot.pairs[name].to_numpy()[known] for name in ("stratum", "height", "sharp", "kit")]
    np.add.at(counts, (*cells, 1 - labels[known]), 1)
    return counts


def _reached(pilot: Pilot, answered: np.ndarray) -> np.ndarray:
    """Return for each pair whether it stands at or before an answered pair of its stratum."""
    rank, stratum = pilot.pairs["rank"].to_numpy(), pilot.pairs["stratum"].to_numpy()
    last = np.full(int(stratum.max()) + 1, -1)
    np.maximum.at(last, stratum[answered], rank[answered])
    reached: np.ndarray = rank <= last[stratum]
    return reached


class TransitiveClosure:
    """What must-links and cannot-links between numbered tracks imply: a = b, b ≠ c give a ≠ c.

    cannot_link    pairs (smaller, larger) that differ from the start; not copied

    A link that contradicts earlier ones is ignored.
    """

    def __init__(self, cannot_link: Collection[tuple[int, int]] = frozenset()) -> None:
        self._given = cannot_link
        self._root: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._differ: dict[int, set[int]] = {}

    def same(self, one: int, other: int) -> bool | None:
        """Return True for the same, False for different, None where neither is implied."""
        first, second = self._root.get(one, one), self._root.get(other, other)
        if first == second:
            return True
        if second in self._differ.get(first, ()):
            return False
        pairs = ((a, b) for a in self._of(first) for b in self._of(second))
        return False if any((min(pair), max(pair)) in self._given for pair in pairs) else None

    def add(self, one: int, other: int, same: bool) -> bool:
        """Add a link; return whether it agrees with those before."""
        known = self.same(one, other)
        if known is not None:
            return known is same
        first, second = self._root.get(one, one), self._root.get(other, other)
        if same:
            self._join(first, second)
        else:
            self._differ.setdefault(first, set()).add(second)
            self._differ.setdefault(second, set()).add(first)
        return True

    def _of(self, root: int) -> list[int]:
        return self._members.get(root, [root])

    def _join(self, first: int, second: int) -> None:
        moved = self._members.pop(second, [second])
        self._members.setdefault(first, [first]).extend(moved)
        self._root.update(dict.fromkeys(moved, first))
        for other in self._differ.pop(second, ()):
            self._differ[other].discard(second)
            self._differ[other].add(first)
            self._differ.setdefault(first, set()).add(other)


def record_answer(pilot: Pilot, pair: str, answer: str) -> None:
    """Append an answer ("yes", "no" or "unsure") to answers.csv; it is on disk on return.

    The last answer to a pair counts. Raises DataError for an unknown pair or answer, and where the
    file cannot be written.
    """
    pilot.row(pair)
    append_answers(pilot.folder, [(pair, checked_answer(answer, f"Pair {pair}"))])


def import_answers(pilot: Pilot, path: str | Path) -> int:
    """Append the answers of a .csv with columns pair,answer, all or none; return their number.

    Raises MissingFile, and DataError naming the line of an unknown pair or answer.
    """
    answers = read_answers(Path(path), pilot.places)
    if answers:
        append_answers(pilot.folder, answers)
    return len(answers)


def append_answers(folder: Path, answers: Sequence[Answer]) -> None:
    """Append lines to answers.csv; they are on disk on return.

    Raises DataError where the file cannot be written; then none of the lines is there.
    """
    path = folder / FILE
    text = "".join(f"{pair},{answer}\n" for pair, answer in answers).encode()
    try:
        with open(path, "a+b") as file:
            _lock(file)
            file.seek(0)
            end = file.read().rfind(b"\n") + 1
            try:
                file.truncate(end)
                file.write((HEADER.encode() if end == 0 else b"") + text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise DataError(
            f"{path}: cannot write the answer ({error.strerror or error}); it was not saved. Free "
            "disk space or make the folder writable, then answer again."
        ) from error


def read_answers(path: Path, pairs: Iterable[str]) -> list[Answer]:
    """Return the answers of a .csv with columns pair and answer (yes, no, unsure), oldest first.

    pairs    the known pairs

    An unfinished last line is left out. Raises MissingFile, and DataError naming the line of an
    unknown pair or answer.
    """
    if not path.is_file():
        raise MissingFile(f"{path}: no such file; expected a .csv with the columns pair,answer.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    lines = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1])))
    if lines and lines[0] != HEADER.strip().split(","):
        raise DataError(
            f"{path}: the header is {','.join(lines[0])[:80]!r}; expected {HEADER.strip()!r}."
        )
    known = set(pairs)
    return [
        _checked_line(path, number, line, known) for number, line in enumerate(lines[1:], 2) if line
    ]


def _checked_line(path: Path, number: int, line: list[str], known: set[str]) -> Answer:
    if len(line) != 2:
        raise DataError(f"{path}: line {number} has {len(line)} cells; expected pair,answer.")
    pair, answer = (cell.strip() for cell in line)
    if pair not in known:
        raise DataError(
            f"{path}: line {number} names the pair {pair[:40]!r}, which is not in this pilot. Is "
            "this the answers file of another pilot?"
        )
    return pair, checked_answer(answer, f"{path}: line {number}")


def checked_answer(answer: str, where: str) -> str:
    """Return an answer; raise DataError, beginning with ``where``, for none of ANSWERS."""
    if answer not in ANSWERS:
        raise DataError(f"{where}: unknown answer {answer[:40]!r}; expected {', '.join(ANSWERS)}.")
    return answer


def _lock(file: io.BufferedRandom) -> None:
    """Lock a file until it is closed; do nothing where there is no flock."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX)
