"""Programs that change a gallery are killed, again and again: is it whole after each?

    python benchmarks/gallery/crash.py --kills 200

A process enrols, merges, forgets or changes settings, and is killed (SIGKILL) at a random moment.
Then the gallery is opened: what was begun last must be there as a whole or not at all, what was
done before must be there, a stopped deletion is finished with no byte left, and the audit finds
nothing wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.encoder.load import load_encoder
from sameplayer.gallery.core.records import NewPicture
from sameplayer.gallery.gallery import Gallery, create_gallery, open_gallery
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.corrections import merge
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.pending_deletions import unfinished

EACH = 4  # pictures a person
KINDS = ("enrol", "merge", "forget", "settings")
LONGEST = 0.12  # seconds after which a process is killed, at most
Step = tuple[str, list[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = crash(Path(folder) / "club", given.kills, given.seed)
    print(", ".join(f"{what}: {count}" for what, count in sorted(counts.items())))
    print(f"{given.kills} kills: opened each time, nothing half done, nothing wrong in the audit")


def crash(folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill so many processes; return what was found, AssertionError for what is not whole."""
    rng = np.random.default_rng(seed)
    create_gallery(folder, load_encoder("colour"), purpose="crash", retention=1).close()
    counts: Counter[str] = Counter()
    for kill in range(kills):
        kind = KINDS[kill % len(KINDS)]
        with open_gallery(folder) as gallery:
            _fill(gallery, kill)
        steps = _killed(folder, kind, kill, float(rng.uniform(0.001, LONGEST)))
        counts.update(_check(folder, steps))
    return counts


def _killed(folder: Path, kind: str, kill: int, after: float) -> list[tuple[Step, bool]]:
    """Let a process work, and kill it; return its steps, and whether each was done."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the process is forked while others' threads rest
        child = os.fork()
    if child == 0:
        os.close(reader)
        _work(folder, kind, kill, writer)
    os.close(writer)
    with open(reader) as told:
        first = told.readline()
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines = [first, *told.readlines()]
    steps: list[tuple[Step, bool]] = []
    for line in (one for one in lines if one.endswith("\n")):
        word, what = json.loads(line)
        assert word in ("begun", "done"), what
        if word == "begun":
            steps.append((tuple(what), False))
        else:
            steps[-1] = (steps[-1][0], True)
    return steps


def _work(folder: Path, kind: str, kill: int, writer: int) -> None:
    """Do one step after the other, and tell each; never return."""

    def tell(word: str, what: Any) -> None:
        os.write(writer, (json.dumps([word, what]) + "\n").encode())

    try:
        gallery = open_gallery(folder)
        for at, (step, run) in enumerate(_steps(gallery, kind, kill)):
            tell("begun", step)
            run()
            tell("done", at)
        tell("begun", ("nothing", []))
        time.sleep(10)
    except BaseException:
        tell("failed", traceback.format_exc())
    finally:
        os._exit(1)


def _steps(gallery: Gallery, kind: str, kill: int) -> Iterator[tuple[Step, Callable[[], Any]]]:
    names = [one.name for one in gallery.persons("active")]
    if kind == "enrol":
        for at in range(50):
            batch = {f"Enrolled {kill}-{at}-{one}": _pictures() for one in range(3)}
            yield (
                ("enrol", list(batch)),
                lambda batch=batch: enrol_pictures(gallery, batch, actor="child"),
            )
    elif kind == "merge":
        for into, other in zip(names[::2], names[1::2], strict=False):
            counts = [gallery.person(into).pictures, gallery.person(other).pictures]
            yield (
                ("merge", [into, other, *counts]),
                lambda into=into, other=other: merge(gallery, into, other, actor="child"),
            )
    elif kind == "forget":
        for name in names:
            yield ("forget", [name]), lambda name=name: forget(gallery, name, actor="child")
    else:
        for days in range(1, 1000):
            yield ("settings", [days]), lambda days=days: gallery.set("child", retention=days)


def _check(folder: Path, steps: list[tuple[Step, bool]]) -> Counter[str]:
    """Open the gallery and look at every step; return what was found."""
    found: Counter[str] = Counter()
    with open_gallery(folder) as gallery:
        with gallery.database.write() as cursor:
            gallery.files.settle(cursor)
        with gallery.database.read() as cursor:
            stopped = unfinished(gallery, cursor)
        for marker in stopped:
            assert forget(gallery, marker.key, actor="parent").bytes_found == 0
            found["forget, stopped and finished"] += 1
        report = verify(gallery)
        assert not report.wrong, report
        assert not report.unfinished, report
        for (kind, what), done in steps:
            if kind != "nothing":
                there = LOOKS[kind](gallery, what)
                assert there or not done, (kind, what)
                found[f"{kind}, {_word(there, done)}"] += 1
    return found


def _word(there: bool, done: bool) -> str:
    if done:
        return "done before"
    return "stopped: all is there" if there else "stopped: nothing is there"


def _enrolled(gallery: Gallery, names: list[str]) -> bool:
    """Tell whether persons were enrolled; they are all there, or none."""
    persons = [one for one in gallery.persons() if one.name in names]
    assert len(persons) in (0, len(names)), persons
    assert all(len(gallery.pictures(one.id)) == EACH for one in persons)
    return bool(persons)


def _merged(gallery: Gallery, what: list[Any]) -> bool:
    into, other, own, more = what
    kept = gallery.person(into)
    merged = gallery.person(other).id == kept.id
    assert kept.pictures == (own + more if merged else own), what
    assert merged or gallery.person(other).pictures == more, what
    return merged


def _forgotten(gallery: Gallery, what: list[str]) -> bool:
    left = [one for one in gallery.persons() if one.name == what[0]]
    assert all(len(gallery.pictures(one.id)) >= EACH for one in left)
    return not left


def _set(gallery: Gallery, what: list[int]) -> bool:
    return (gallery.settings.retention or 0) >= what[0]


LOOKS = {"enrol": _enrolled, "merge": _merged, "forget": _forgotten, "settings": _set}


def _fill(gallery: Gallery, kill: int) -> None:
    """Have persons to merge and to forget, but not ever more."""
    gallery.set("parent", retention=1)
    persons = gallery.persons("active")
    for one in persons[30:]:
        forget(gallery, one.id, actor="parent")
    batch = {f"Filled {kill}-{one}": _pictures() for one in range(12 - len(persons))}
    enrol_pictures(gallery, batch, actor="parent")


def _pictures() -> list[NewPicture]:
    rng = np.random.default_rng()
    rows = rng.normal(size=(EACH, 864)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [NewPicture(row, rng.bytes(16).hex(), 80, 40, 1.0, rng.bytes(1500)) for row in rows]


if __name__ == "__main__":
    main()
