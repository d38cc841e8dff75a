"""The drawn league and clips: decided by the seed, and not solved by colours."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.networks.colour import colour_features
from sameplayer.errors import DataError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.synthetic.league import draw_clip, draw_league


def test_a_league_is_decided_by_its_seed_to_the_byte(tmp_path: Path) -> None:
    first, again, other = (
        draw_league(tmp_path / name, 3, seed, test_persons=2, challenge_persons=2, frames=3)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert all((first / n).read_bytes() == (again / n).read_bytes() for n in names)
    assert any(
        (first / n).read_bytes() != (other / n).read_bytes()
        for n in names
        if n.suffix == ".jpeg" and (other / n).exists()
    )
    with pytest.raises(DataError, match="already holds files"):
        draw_league(tmp_path / "a", 3, 1)


def test_stopped_drawing_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_league(tmp_path / "a", 3, 1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_colour_histogram_does_not_solve_the_league(tmp_path: Path) -> None:
    root = draw_league(tmp_path / "a", 2, 1, test_persons=30, challenge_persons=2)
    test = read_source(root).of_split("test")
    pictures = [test.read(row) for row in range(len(test))]
    scores = evaluate(rank(Embeddings(colour_features(pictures), test, "histogram")))
    assert scores.mAP < 0.13  # random rows reach 0.04


def test_a_drawn_clip_has_nothing_wrong_and_writes_into_a_new_folder_only(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "clip", frames=3, players=3)
    assert check_crops(read_source(clip)) == []
    with pytest.raises(DataError, match="already holds files"):
        draw_clip(clip)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="already holds files"):
        draw_clip(tmp_path / "file")
