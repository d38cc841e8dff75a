"""What the check of a data set loads, and what the stage's package gives."""

from __future__ import annotations

import subprocess
import sys

import sameplayer.data

HEAVY = ("torch", "torchvision", "sklearn", "scipy", "matplotlib", "timm", "numba", "av")


def test_reading_and_checking_crops_load_nothing_heavy() -> None:
    code = (
        "import sys, sameplayer.data.check, sameplayer.data.splits\n"
        "import sameplayer.data.layouts.sources\n"
        "from sameplayer.data import check_crops, read_source, split_by_person\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_of_the_stage_is_there_and_hides_no_module() -> None:
    names = sameplayer.data.__all__
    assert {"Crops", "SOURCES", "Source", "check_crops", "write_crops"} <= set(names)
    for name in names:
        assert getattr(sameplayer.data, name) is not None
        assert not hasattr(getattr(sameplayer.data, name), "__path__")
        assert f"sameplayer.data.{name}" not in sys.modules
