"""Several runs side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sameplayer.errors import RankingError
from sameplayer.evaluation import evaluate
from sameplayer.evaluation.comparison import compare_runs, comparison_table, write_comparison
from sameplayer.ranking import rank
from tests.ranking.drawn import persons


def test_runs_are_held_to_the_first_and_shown_as_table_and_page(tmp_path: Path) -> None:
    noisy, clean = (evaluate(rank(persons(count=40, noise=noise))) for noise in (1.2, 0.6))
    folders = tmp_path / "a", tmp_path / "b"
    for folder, losses in zip(folders, ((3.0, 2.0), (2.5, 1.5)), strict=True):
        folder.mkdir()
        lines = [f"{epoch},{loss},0.5" for epoch, loss in enumerate(losses, 1)]
        (folder / "metrics.csv").write_text("\n".join(["epoch,loss,mAP", *lines]))
    runs = compare_runs(folders, [noisy, clean])
    assert runs[0].against_first is None
    assert runs[1].against_first is not None
    assert [row["loss"] for row in runs[1].metrics] == [2.5, 1.5]
    lines = comparison_table(runs).splitlines()
    assert f"{100 * noisy.mAP:.2f}" in lines[1]
    assert f"{100 * runs[1].against_first.difference:+.2f} points, p < 0.001" in lines[2]
    write_comparison(tmp_path / "page.html", runs)
    page = (tmp_path / "page.html").read_text()
    assert runs[1].against_first.table() in page.replace("&lt;", "<")
    assert page.count("data:image/png") == 1
    untrained = compare_runs([tmp_path, tmp_path], [noisy, clean])
    write_comparison(tmp_path / "bare.html", untrained)
    assert "<img" not in (tmp_path / "bare.html").read_text()


def test_scores_of_other_queries_are_refused(tmp_path: Path) -> None:
    scores = evaluate(rank(persons()))
    other = replace(scores, per_query_ap=scores.per_query_ap[1:])
    with pytest.raises(RankingError, match="not of the same queries"):
        compare_runs([tmp_path, tmp_path], [scores, other])
