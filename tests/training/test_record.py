"""What a run folder says of itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sameplayer.data.crops import Crops
from sameplayer.errors import ConfigError, MissingFile
from sameplayer.training.run.run_metadata import read_config, read_run, run_data
from sameplayer.training.run.train import train
from tests.training.small_runs import QUICK


@pytest.fixture(scope="module")
def run(league: Crops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("record") / "run"
    train(league, out, QUICK)
    return out


def test_settings_layout_and_scope_come_back(run: Path, league: Crops) -> None:
    record = read_run(run)
    assert record.config == read_config(run / "config.json")
    assert (record.root, record.source, record.scope) == (league.root, "synergy", "set")
    expected = {"root": str(league.root), "source": "synergy", "scope": "set"}
    assert run_data(run) == run_data(run / "best") == expected


def test_a_folder_of_seeds_gives_its_first_run(run: Path, tmp_path: Path) -> None:
    for seed in (10, 2):
        shutil.copytree(run, tmp_path / f"seed-{seed}")
        config = json.loads((run / "config.json").read_text())
        (tmp_path / f"seed-{seed}" / "config.json").write_text(json.dumps({**config, "seed": seed}))
    assert read_run(tmp_path).config.seed == 2


def test_where_there_is_no_run_it_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no run to resume"):
        read_run(tmp_path)
    shutil.copytree(run / "best", tmp_path / "encoder")
    assert run_data(tmp_path / "encoder") == {}


@pytest.mark.parametrize("data", [None, [], {"root": "x"}, {"root": "", "source": "", "scope": 1}])
def test_a_record_without_facts_is_refused(run: Path, tmp_path: Path, data: object) -> None:
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data": data}))
    for read in (read_run, run_data):
        with pytest.raises(ConfigError, match="root, source, scope"):
            read(tmp_path / "run")
