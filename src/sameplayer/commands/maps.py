"""Verbs of explanation: what a match rests on, of two pictures or of a query."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sameplayer.commands.shared import Compute, ReadingSplit, RunThenPictures, RunThenQuery, bar


@dataclass(frozen=True)
class MapChoice:
    """How a map is made."""

    method: str | None = None
    """contributions; occlusion; score-cam; by gradients: grad-cam, legrad (ViTs); random: a
    control. None: the usual one: contributions, or occlusion for transformers and coarse grids."""
    block: int | None = None
    """Block or stage whose channels are looked at, -1: the last; None: the usual one."""
    channels: int = 0
    """Score-CAM: only this many channels, those with the largest activations; 0: all."""
    clusters: int | None = None
    """Score-CAM: score the channels in this many groups of similar maps; 0: each alone; None: the
    usual number."""
    coarse: int | None = None
    """Score-CAM: divide the size of masked pictures by this; 1: full size; None: usual."""

    def settings(self, device: str) -> dict[str, Any]:
        """Return the arguments of ``explain``."""
        settings = {
            "method": self.method,
            "block": self.block,
            "channels": self.channels or None,
            "coarse": self.coarse,
            "half": device != "cpu",
        }
        return settings if self.clusters is None else settings | {"clusters": self.clusters or None}


def explain(
    inputs: RunThenPictures,
    *,
    out: Path,
    maps: MapChoice = MapChoice(),
    compute: Compute = Compute(),
) -> None:
    """Show what the match of two pictures rests on.

    Args:
        out: Picture to write (.png).
    """
    from sameplayer.data.images.picture import decode
    from sameplayer.maps.explanation import explain as explain_match
    from sameplayer.maps.overlay import draw_pair, write_figure

    run, a, b = inputs
    encoder = compute.load(run)
    pictures = decode(Path(a)), decode(Path(b))
    explanation = explain_match(encoder, *pictures, **maps.settings(encoder.device.type))
    write_figure(draw_pair(*pictures, explanation), out)
    print(f"{out}: similarity {explanation.similarity:.4f}")
    for name, words in zip("AB", explanation.refusals, strict=True):
        if words is not None:
            print(f"no map of {name}: {words}")


def explain_query(
    inputs: RunThenQuery,
    *,
    out: Path,
    strip: int = 6,
    maps: MapChoice = MapChoice(),
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Show what the first matches of a query rest on, in a ranked strip.

    Args:
        out: Picture to write (.png).
        strip: Gallery pictures in the strip.
    """
    from sameplayer.maps.explanation import explain as explain_match
    from sameplayer.maps.overlay import draw_strip, write_figure
    from sameplayer.ranking.ranking import find_query, rank

    run, data, query = inputs
    crops = reading.read(data)
    encoder = compute.load(run)
    ranking = rank(compute.embed(encoder, crops))
    row = find_query(ranking.query, query)
    asked = ranking.query.read(row)
    settings = maps.settings(encoder.device.type)
    items = []
    with bar("explaining") as advance:
        for number, item in enumerate(ranking.order()[row, :strip].tolist(), start=1):
            picture = ranking.gallery.read(item)
            person = ranking.gallery.table["person"].iat[item]
            explanation = explain_match(encoder, asked, picture, **settings)
            items.append((picture, explanation, f"{number}: person {person}"))
            advance(number, strip)
    table = ranking.query.table
    name = f"{table['image'].iat[row]}, person {table['person'].iat[row]}"
    write_figure(draw_strip(asked, items, name), out)
    print(f"{out}: {len(items)} nearest of {name}")
