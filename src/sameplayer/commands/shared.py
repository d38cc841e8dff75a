"""What several verbs share: their arguments, progress on standard error, embedding."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from tyro.constructors import PrimitiveConstructorSpec

from sameplayer.common.names import is_one_line
from sameplayer.encoder.networks.presets import DEFAULT
from sameplayer.scale.config import EmbedConfig

if TYPE_CHECKING:
    from sameplayer.data.crops import Crops
    from sameplayer.encoder.embeddings import Embeddings
    from sameplayer.encoder.encoder import Encoder

RUN = "Run folder, saved encoder, ONNX file, preset, or name of a timm model."
USUAL = f" Left out: {DEFAULT}."
DATA = "Folder or table of crops."

Data = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DATA", help=DATA)]]
Picture = tyro.conf.Positional[
    Annotated[Path, tyro.conf.arg(metavar="PICTURE", help="Picture of one player.")]
]
QUERY = (
    "Row of the query, from 0, or the path of its picture, or a part of the path that no other has."
)
console = Console(stderr=True, highlight=False)


Scope = Literal["set", "game", "sequence"]
Item = TypeVar("Item")


def default_shown(default: str) -> str:
    """Return how help states a default; nothing where it is empty."""
    return f"(default: {default})" if default else ""


NO_DEFAULT = tyro.conf.arg(help_behavior_hint=default_shown)
Several = Annotated[tuple[Item, ...], NO_DEFAULT]
"""Several values, none by default."""


def switched(function: Callable[..., Any], arguments: Sequence[str]) -> list[str]:
    """Return arguments in which ``--mirror`` stands for yes and ``--no-mirror`` for no.

    Switches with a default yes or no are such flags anyway; those that may also be left to the
    encoder or gallery take a value for the parser.
    """
    parameters = inspect.signature(function).parameters.values()
    optional = {one.name for one in parameters if one.annotation == "bool | None"} | {"mirror"}
    words: list[str] = []
    for word in arguments:
        name = word.removeprefix("--").removeprefix("no-")
        if word.startswith("--") and name.replace("-", "_") in optional:
            words += [f"--{name}", str(not word.startswith("--no-"))]
        else:
            words.append(word)
    return words


class RunsAndData(NamedTuple):
    """One or more runs, and what they are tried on."""

    runs: tuple[Path, ...]
    data: Path


def _runs_and_data(words: list[str]) -> RunsAndData:
    if not words:
        raise ValueError("expected the runs, then the data")
    *runs, data = map(Path, words)
    return RunsAndData(tuple(runs) or (Path(DEFAULT),), data)


RunsThenData = tyro.conf.Positional[
    Annotated[
        RunsAndData,
        tyro.conf.arg(help=f"Each: {RUN}{USUAL} Last: {DATA}", help_behavior_hint=""),
        PrimitiveConstructorSpec(
            nargs="*",
            metavar="[RUN ...] DATA",
            instance_from_str=_runs_and_data,
            is_instance=lambda value: isinstance(value, RunsAndData),
            str_from_instance=lambda value: [*map(str, value.runs), str(value.data)],
        ),
    ]
]


def usual_or(usual: str, what: str, *others: str) -> Any:
    """Return what tyro reads some words with, the first of which may be left out.

    usual    what stands for it then
    what     the kind of thing it is: run, reader
    """

    def read(words: list[str]) -> tuple[str, ...]:
        if len(words) not in (len(others), len(others) + 1):
            raise ValueError(
                f"expected a {what}, which may be left out, then {' '.join(others)}, "
                f"found {len(words)} words"
            )
        return (usual, *words)[-len(others) - 1 :]

    return PrimitiveConstructorSpec(
        nargs=(len(others), len(others) + 1),
        metavar=" ".join((f"[{what.upper()}]", *others)),
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=list,
    )


RunThenData = tyro.conf.Positional[
    Annotated[
        tuple[str, str],
        tyro.conf.arg(help=f"{RUN}{USUAL} Then: {DATA}", help_behavior_hint=""),
        usual_or(DEFAULT, "run", "DATA"),
    ]
]
RunThenQuery = tyro.conf.Positional[
    Annotated[
        tuple[str, str, str],
        tyro.conf.arg(help=f"{RUN}{USUAL} Then: {DATA} Last: {QUERY}", help_behavior_hint=""),
        usual_or(DEFAULT, "run", "DATA", "QUERY"),
    ]
]
RunThenPictures = tyro.conf.Positional[
    Annotated[
        tuple[str, str, str],
        tyro.conf.arg(
            help=f"{RUN}{USUAL} Then: two pictures of a player each.", help_behavior_hint=""
        ),
        usual_or(DEFAULT, "run", "PICTURE", "PICTURE"),
    ]
]


@dataclass(frozen=True)
class Reading:
    """How the data are read."""

    source: str | None = None
    """Layout: table, synergy, market1501, dukemtmcreid, cuhk03np, veri776, msmt17, soccernet, mot,
    folder; None: found by its files."""
    scope: Scope | None = None
    """Where a person id holds; None: as the layout says."""

    def read(self, data: str | Path, *, warn: bool = True) -> Crops:
        """Return all rows; ``warn`` as in ``read_source``."""
        from sameplayer.data.layouts.sources import read_source

        return read_source(data, self.source, self.scope, warn=warn)


@dataclass(frozen=True)
class ReadingSplit(Reading):
    """How the data are read, and which split of them."""

    split: str = "test"
    """Which split: training, valid, test, challenge; all: every row."""

    def read(self, data: str | Path, *, warn: bool = True) -> Crops:
        """Return the rows of the split."""
        crops = Reading.read(self, data, warn=warn)
        return crops if self.split == "all" else crops.of_split(self.split)


EVERY_ROW = ReadingSplit(split="all")
HIDDEN = ReadingSplit(split="challenge", scope="set")


@dataclass(frozen=True)
class Compute(EmbedConfig):
    """Where and how a network runs, and which views of a picture it embeds."""

    mirror: Annotated[bool | None, tyro.conf.arg(metavar="")] = None
    """Embed the mirrored picture too, for twice the work; --no-mirror: do not; None: as the encoder
    is set."""
    colour: float | None = None
    """Share of the colour histogram in the similarity, 0: none; None: as the encoder is set."""

    def load(self, run: str | Path) -> Encoder:
        """Return the encoder of a run, on the device."""
        from sameplayer.encoder.load import load_encoder

        encoder = load_encoder(run, device=self.device, engine=self.engine)
        if self.mirror is None and self.colour is None:
            return encoder
        return encoder.with_views(mirror=self.mirror, colour=self.colour)

    def embed(self, encoder: Encoder, crops: Crops) -> Embeddings:
        """Return the crops' features, showing progress."""
        from sameplayer.encoder.embed import embed

        settings: dict[str, Any] = {"batch_size": self.batch_size, "precision": self.precision}
        with bar("embedding") as advance:
            return embed(encoder, crops, **settings, progress=advance)


@dataclass(frozen=True)
class Fusing:
    """How several models' distances become one."""

    fuse: str = "similarity"
    """similarity, dissimilarity or combined."""
    weights: tuple[float, ...] | None = None
    """A number over 0 for each model; None: equal weights."""
    normalise: str = "none"
    """Make distances of different scale comparable first: none, score or rank."""


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error; yield the function that takes (done, all)."""
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def steps() -> Iterator[Callable[[Any], None]]:
    """Show a training run on standard error; yield the function that takes each step."""
    text = (
        "epoch {task.fields[epoch]} loss {task.fields[loss]:.3f} rate {task.fields[lr]:.1e} "
        "{task.fields[speed]:.0f} pictures/s {task.fields[left]:.0f} s left"
    )
    with Progress(BarColumn(), TextColumn(text), console=console, transient=True) as shown:
        task = shown.add_task(
            "", total=None, visible=False, epoch="", loss=0.0, lr=0.0, speed=0.0, left=0.0
        )

        def show(step: Any) -> None:
            shown.update(
                task,
                visible=True,
                completed=(step.epoch - 1) * step.steps + step.step,
                total=step.epochs * step.steps,
                epoch=f"{step.epoch}/{step.epochs}",
                loss=step.loss,
                lr=step.lr,
                speed=step.pictures_per_second,
                left=step.seconds_left,
            )

        yield show


def at_least(count: int, what: str, given: Sequence[object]) -> None:
    """Raise SameplayerError where fewer than ``count`` were given."""
    from sameplayer.errors import SameplayerError

    if len(given) < count:
        raise SameplayerError(f"{len(given)} given; expected {count} or more {what}.")


def say(text: str) -> None:
    """Print one line in which others' words may stand, such as names: see ``one_line``."""
    print(one_line(text))


def one_line(text: str) -> str:
    """Return a text with control characters, line breaks and marks of direction escaped.

    A terminal obeys the ones and takes the others for lines of its own; names, facts and actors
    come from files and from other people.
    """
    if is_one_line(text):
        return text
    return "".join(one if is_one_line(one) else ascii(one)[1:-1] for one in text)


def lines_shown(text: str) -> str:
    """Return a text of several lines, each as ``one_line`` shows it."""
    return "\n".join(one_line(line) for line in text.split("\n"))
