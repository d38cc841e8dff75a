"""A light install has no torch: what the shipped networks do there, verb by verb."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sameplayer import data
from sameplayer.cli import main

REAL = Path(data.__file__).with_name("real")
WITHOUT = """
import sys

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "timm"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent)
from sameplayer.cli import main

for line in sys.stdin.read().splitlines():
    if main(line.split(" ")):
        sys.exit(f"failed: {line}")
"""


def run(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    command, given = [sys.executable, "-c", WITHOUT], "\n".join(lines)
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, check=False, env=env
    )


def test_a_log_is_made_without_torch(tmp_path: Path) -> None:
    match = tmp_path / "m"
    words = ["--seconds", "3", "--cameras", "1", "--players", "2"]
    assert main(["synth-match", str(match), *words]) == 0
    done = run(tmp_path, "log m/camera1.mp4 --boxes m/boxes.csv --out l")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "l" / "report.html").read_text()
    assert "No maps: A map needs torch" in page
    assert "pip install" in page
    assert "No numbers" not in page


def test_known_players_and_tables_do_without_torch(tmp_path: Path) -> None:
    table, one, other = (REAL / name for name in ("crops.csv", "01.jpeg", "02.jpeg"))
    done = run(
        tmp_path,
        f"same {one} {other}",
        f"jersey shirt {table} --out numbers.csv",
        f"search person {table} 0 --k 3",
        f"evaluate person {table}",
        "gallery create g --purpose test --retention 2y --by me",
        f"gallery enrol g {table}",
        f"gallery ask g {one}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("similarity 0.")
    assert (tmp_path / "numbers.csv").stat().st_size


@pytest.mark.parametrize(
    "line",
    [
        "explain person {0} {0} --out x.png",
        "export person --out x.onnx",
        "same {0} {0} --encoder colour",
    ],
)
def test_what_needs_torch_says_so_in_one_line(line: str, tmp_path: Path) -> None:
    done = run(tmp_path, line.format(REAL / "01.jpeg"))
    assert done.returncode
    said = [one for one in done.stderr.splitlines() if not one.startswith("failed: ")]
    assert len(said) == 1
    assert said[0].startswith("sameplayer: ")
    assert "pip install 'sameplayer[train]'" in said[0]
