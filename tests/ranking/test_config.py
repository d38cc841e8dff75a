"""RankConfig: checked once, recorded whole, and light to load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from inspect import signature
from itertools import pairwise
from typing import Any

import pytest

from sameplayer.errors import SettingError
from sameplayer.ranking import RankConfig, hard_weights, k_reciprocal
from sameplayer.ranking.config import NeighbourSearch

OUT_OF_RANGE: list[dict[str, Any]] = [
    {"k1": 0},
    {"k2": -1},
    {"k1": 2.5},
    {"k1": 10**12},
    {"lambda_": 1.5},
    {"lambda_": float("nan")},
    {"memory_gb": 0},
    {"memory_gb": float("nan")},
    {"effort": 0},
]


@pytest.mark.parametrize("bad", OUT_OF_RANGE, ids=str)
def test_a_value_out_of_range_is_named_as_in_python(bad: dict[str, Any]) -> None:
    name, value = next(iter(bad.items()))
    with pytest.raises(SettingError, match=f"^{name} is {value}; expected"):
        RankConfig("hard", **bad)


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(TypeError, match="memroy_gb"):
        RankConfig(memroy_gb=3)  # type: ignore[call-arg]


def test_the_defaults_are_those_of_the_functions() -> None:
    config = RankConfig()
    for method, function in (("k-reciprocal", k_reciprocal), ("hard", hard_weights)):
        defaults = {name: p.default for name, p in signature(function).parameters.items()}
        assert (config.k1, config.k2) == (defaults["k1"], defaults["k2"]) == (20, 6)
        assert RankConfig(method).weight == defaults["lambda_"]
    assert config.search == NeighbourSearch()


def test_facts_hold_what_decides_the_result_and_no_more() -> None:
    assert RankConfig(k1=9).facts() == {"rerank": "none"}
    assert RankConfig("hard", k1=9).facts() == {
        "rerank": "hard",
        "k1": 9,
        "k2": 6,
        "lambda": 0.5,
        "approximate": False,
    }
    rough = RankConfig("k-reciprocal", lambda_=0.0, approximate=True, effort=8).facts()
    assert (rough["lambda"], rough["approximate"], rough["effort"]) == (0.0, True, 8)


def test_every_setting_has_its_line_of_help() -> None:
    import ast
    from pathlib import Path

    from sameplayer.ranking import config

    tree = ast.parse(Path(str(config.__file__)).read_text())
    body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "RankConfig").body
    told = [
        line.target.id
        for line, after in pairwise(body)
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and isinstance(after, ast.Expr)
    ]
    assert told == [field.name for field in fields(RankConfig)]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from sameplayer.ranking.config import RankConfig; print(RankConfig().method)", "none"),
        ("from sameplayer.ranking import RERANKERS; print(*RERANKERS)", "none k-reciprocal hard"),
        (
            "from sameplayer.ranking import FUSIONS; print(*FUSIONS)",
            "similarity dissimilarity combined",
        ),
        (
            "from sameplayer.evaluation import PROTOCOLS; print(*PROTOCOLS)",
            "allshots market1501 cuhk03",
        ),
    ],
)
def test_names_are_known_without_compiled_code_or_networks(code: str, names: str) -> None:
    heavy = "('torch', 'numba', 'matplotlib', 'pandas', 'cv2', 'sklearn', 'scipy')"
    code += f"; import sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [names, "[]"]


def test_scoring_loads_no_compiled_code_and_no_plots() -> None:
    code = "import sys, sameplayer.evaluation.scores, sameplayer.ranking.ranking; "
    code += "print([n for n in ('torch', 'numba', 'matplotlib', 'sklearn') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
