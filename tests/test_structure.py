"""The shape of the package: public names, sizes of modules and functions, what starts fast."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import sameplayer

SOURCE = Path(sameplayer.__file__).parent
STAGES = (
    "data",
    "synthetic",
    "encoder",
    "maps",
    "numbers",
    "ranking",
    "tracks",
    "identity",
    "evaluation",
    "training",
    "pilot",
    "gallery",
    "scale",
    "serve",
)
PUBLIC = {
    "Crops",
    "Embeddings",
    "Encoder",
    "Explanation",
    "Gallery",
    "Match",
    "NumberReading",
    "PlayerLog",
    "RankConfig",
    "Ranking",
    "Scores",
    "TrainConfig",
    "__version__",
    "check_crops",
    "cmc",
    "compare",
    "create_encoder",
    "export_encoder",
    "find_tracklets",
    "list_encoders",
    "create_gallery",
    "embed",
    "evaluate",
    "explain",
    "fuse",
    "identify_players",
    "load_embeddings",
    "load_encoder",
    "mean_average_precision",
    "open_gallery",
    "rank",
    "read_crops",
    "read_jersey_number",
    "read_source",
    "rerank",
    "same",
    "search",
    "split_by_person",
    "train",
}


def test_the_public_names_are_these_and_exist() -> None:
    assert set(sameplayer.__all__) == PUBLIC
    assert set(dir(sameplayer)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(sameplayer, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        sameplayer.no_such_name  # noqa: B018
    with pytest.raises(AttributeError, match=r"Did you mean sameplayer\.ranking\.k_reciprocal"):
        sameplayer.k_reciprocal  # noqa: B018


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_what_exists_and_hides_no_module(stage: str) -> None:
    package = importlib.import_module(f"sameplayer.{stage}")
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert package.__all__
    assert not modules & set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    for module in modules:
        assert importlib.import_module(f"sameplayer.{stage}.{module}")


def test_no_public_name_hides_a_package() -> None:
    modules = {module.name for module in pkgutil.iter_modules(sameplayer.__path__)}
    assert not modules & set(sameplayer.__all__)


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_no_module_is_over_300_lines_and_no_function_over_60() -> None:
    long = []
    for path in _modules():
        text = path.read_text()
        name = path.relative_to(SOURCE).as_posix()
        if len(text.splitlines()) > 300:
            long.append(f"{name}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                if lines > 60:
                    long.append(f"{name}: {node.name} has {lines} lines")
    assert not long


def test_no_folder_has_more_than_twelve_modules() -> None:
    counts = Counter(path.parent for path in _modules() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > 12} == {}


def test_errors_outside_the_command_line_name_no_flags() -> None:
    wrong = []
    for path in _modules():
        if "commands" in path.relative_to(SOURCE).parts or path.name == "cli.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise):
                words = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
                text = re.sub(
                    r"sameplayer [a-z-]+ .*", "a whole command", " ".join(map(str, words))
                )
                if "--" in text:
                    wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not wrong


@pytest.mark.parametrize(
    "code",
    [
        "import sameplayer",
        "import sameplayer, sys; dir(sameplayer)",
        "from sameplayer.cli import main; main(['--help'])",
        "from sameplayer.cli import main; main(['train', '--help'])",
        "from sameplayer.cli import main; main(['evaluate', '--help'])",
        "from sameplayer.cli import main; main(['check', 'LEAGUE'])",
    ],
)
def test_what_needs_no_network_loads_no_torch(code: str, league_folder: Path) -> None:
    check = "\nfinally:\n import sys; print('torch' in sys.modules, 'numba' in sys.modules)"
    code = f"try:\n {code.replace('LEAGUE', str(league_folder))}{check}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip().splitlines()[-1] == "False False", done.stderr


@pytest.mark.parametrize(
    ("before", "own", "expected"),
    [
        ("", {}, "PASSIVE"),
        ("", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"),
        ("", {"GOMP_SPINCOUNT": "7"}, "None"),
        ("", {"KMP_BLOCKTIME": "7"}, "None"),
        ("sys.modules['torch'] = sys;", {}, "None"),  # too late: torch has read it
    ],
)
def test_torch_waits_without_spinning_unless_the_user_chose(
    before: str, own: dict[str, str], expected: str
) -> None:
    chosen = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    plain = {name: value for name, value in os.environ.items() if name not in chosen}
    code = f"import os, sys; {before} import sameplayer; print(os.environ.get('OMP_WAIT_POLICY'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain | own
    )
    assert done.stdout.strip() == expected


def test_the_architecture_page_lists_every_room(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(root / "docs" / "site")
    page = (root / "docs" / "architecture.md").read_text()
    assert page.endswith(importlib.import_module("tree").tree()), "run: python docs/site/tree.py"


def test_the_reference_lists_every_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(root / "docs" / "site")
    page = (root / "docs" / "api.md").read_text()
    assert page == importlib.import_module("reference").reference(), (
        "run: python docs/site/reference.py"
    )
