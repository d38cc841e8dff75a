"""What several verbs share: kinds of arguments, progress on standard error, embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Data = tyro.conf.Positional[Path]
Rerank = Literal["none", "k-reciprocal", "hard"]
Lambda = Annotated[float | None, tyro.conf.arg(name="lambda")]
console = Console(stderr=True, highlight=False)


def embedded(run: Path, data: Path, split: str | None, source: str | None, scope: str | None):  # type: ignore[no-untyped-def]
    from sameplayer.data.sources import read_source
    from sameplayer.encoder.embed import embed as embed_crops
    from sameplayer.encoder.encoder import load_encoder

    crops = read_source(data, source, scope)
    if split is not None:
        crops = crops.of_split(split)
    encoder = load_encoder(run)
    with bar("embedding") as advance:
        return encoder, embed_crops(encoder, crops, progress=advance)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def steps() -> Iterator[Callable[[Any], None]]:
    text = (
        "epoch {task.fields[epoch]} loss {task.fields[loss]:.3f} rate {task.fields[lr]:.1e} "
        "{task.fields[speed]:.0f} pictures/s {task.fields[left]:.0f} s left"
    )
    with Progress(BarColumn(), TextColumn(text), console=console, transient=True) as bar:
        task = bar.add_task(
            "", total=None, visible=False, epoch="", loss=0.0, lr=0.0, speed=0.0, left=0.0
        )

        def show(step: Any) -> None:
            bar.update(
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
