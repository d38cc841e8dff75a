"""Every snippet of the README and of docs/ runs as it stands, page by page, in one folder."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from sameplayer.cli import GROUPS, VERBS, main
from sameplayer.commands import demo
from sameplayer.commands.model import training
from sameplayer.data.corruption.corruptions import CORRUPTIONS
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import SOURCES, read_source
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.onnx import export, int8
from sameplayer.encoder.onnx.export import encoder_content
from sameplayer.evaluation.report import write_report
from sameplayer.numbers.network import onnx_export
from sameplayer.numbers.readers import READERS
from sameplayer.ranking.fusion import FUSIONS
from sameplayer.ranking.rerank.reranking import RERANKERS
from sameplayer.synthetic import league
from sameplayer.synthetic.league import draw_league
from sameplayer.training.config import TrainConfig
from tests.made_once import made_once

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The same command on a smaller scale; the full one takes minutes.
SMALLER = {
    "sameplayer demo": "sameplayer demo --persons 12 --epochs 1",
    "sameplayer presets person colour small --measure": (
        "sameplayer presets colour small --measure"
    ),
    "sameplayer synth LEAGUE --persons 30 --seed 7 --clips 1": (
        "sameplayer synth LEAGUE --persons 6 --seed 7 --clips 1"
    ),
    "sameplayer embed LEAGUE --split training --out rows.safetensors": (
        "sameplayer embed colour LEAGUE --split training --out rows.safetensors"
    ),
    'sameplayer gallery create CLUB --encoder person --purpose "match analysis 2026" '
    "--retention 365d": "sameplayer gallery create CLUB --encoder colour --purpose test",
    "sameplayer evaluate crops.csv --report report.html": (
        "sameplayer evaluate RUN_A crops.csv --report report.html"
    ),
    "sameplayer open-set LEAGUE --split all --enrolled 5 20 --draws 4 --report open-set.html": (
        "sameplayer open-set colour LEAGUE --split all --enrolled 5 20 --report open-set.html"
    ),
    "sameplayer log MATCH/camera1.mp4 MATCH/camera2.mp4 --boxes MATCH/boxes.csv "
    "--roster MATCH/roster.csv --fps 2 --no-maps --out LOG": (
        "sameplayer log MATCH/camera1.mp4 --boxes MATCH/boxes.csv --roster MATCH/roster.csv "
        "--fps 2 --no-maps --encoder colour --out LOG"
    ),
    "sameplayer synth-match MATCH": "sameplayer synth-match MATCH --seconds 3 --players 4",
    "sameplayer compare person RUN crops.csv": "sameplayer compare colour RUN crops.csv",
    "sameplayer train crops.csv --out RUN": "sameplayer train crops.csv --out RUN --epochs 1 "
    "--preset small",
    "sameplayer train DRAWN/clips --pairs-from tracks --track-gap 10 --pairs 8 --epochs 1 "
    "--validate none --out FOOTAGE": "sameplayer train DRAWN/clips --pairs-from tracks "
    "--track-gap 10 --pairs 8 --epochs 1 --validate none --out FOOTAGE --preset small",
}
# Where a page leaves the size of pictures to the preset, a training takes small ones.
SMALL = ["--height", "64", "--width", "32"]
SMALL_CONFIG = (  # for one epoch, where the page does not say for how many
    ('TrainConfig(preset="small"', 'TrainConfig(preset="small", height=64, width=32'),
    ("width=32)", "width=32, epochs=1)"),
)
SMALL_TOWER = ("vit_tiny_patch16_224", "test_vit")
CONTENTS: dict[str, bytes] = {}  # ONNX graphs by the fingerprint of their encoder
ELSEWHERE = ("pip ", "make ", "git ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, golden: Path) -> Path:
    """What the pages name."""
    return made_once(tmp_path_factory, "docs", lambda out: _fill(out, golden))


@pytest.fixture(autouse=True)
def _registries() -> Iterator[None]:
    """Take away what pages add to choices: other tests run in this process, too."""
    with ExitStack() as kept:
        for choices in (SOURCES, RERANKERS, FUSIONS, READERS, CORRUPTIONS):
            kept.enter_context(patch.dict(choices))
        yield


def _fill(out: Path, golden: Path) -> None:
    """LEAGUE, CROPS (a folder for each person), RUN_A, RUN_B, a checkpoint."""
    drawn = draw_league(out / "LEAGUE", 48, 1, test_persons=6, challenge_persons=6, frames=4)
    crops: Crops = read_source(drawn)
    for row in range(len(crops)):
        person = crops.table["person"].iat[row]
        if crops.table["role"].iat[row] == "train":
            (out / "CROPS" / str(person)).mkdir(parents=True, exist_ok=True)
            shutil.copy(crops.path(row), out / "CROPS" / str(person))
    shutil.copy(crops.path(0), out / "crop.jpeg")
    shutil.copy(golden / "tiny-vit.pth", out / "checkpoint.pth")
    shutil.copy(golden / "tiny-vit.json", out / "checkpoint.json")
    settings = ["--preset", "small", "--pairs", "16", "--epochs", "1", "--validate", "none", *SMALL]
    assert main(["train", str(out / "LEAGUE"), "--out", str(out / "RUN_A"), *settings]) == 0
    shutil.copytree(out / "RUN_A", out / "RUN_B")


def _snippets(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+(?: [\w-]+)?)\n(.*?)^```", page.read_text(), re.S | re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run(
    page: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "postgresql:///" in page.read_text():
        for name, value in request.getfixturevalue("server").variables("clubs").items():
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(demo, "FRAMES", 4)
    monkeypatch.setattr(demo, "TrainConfig", _small_training)
    monkeypatch.setattr(demo, "write_report", _short_report)
    monkeypatch.setattr(league, "draw_league", functools.partial(draw_league, frames=4))
    for writer in (export, int8):
        monkeypatch.setattr(writer, "encoder_content", _content_once)
    if "export shirt" in page.read_text():
        written = request.getfixturevalue("shirt_onnx")
        monkeypatch.setattr(onnx_export, "export_reader", lambda _, out: shutil.copy(written, out))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    made = {name for _, text in _snippets(page) for name in re.findall(r"--out (\S+)", text)}
    for item in folder.iterdir():
        if item.name not in made and not re.search(f"synth {item.name}", page.read_text()):
            (tmp_path / item.name).symlink_to(item)
    for kind, text in _snippets(page):
        if kind.startswith("python"):
            code = functools.reduce(lambda code, pair: code.replace(*pair), SMALL_CONFIG, text)
            exec(compile(code, str(page), "exec"), {})
        elif kind.startswith("sh"):
            for line in text.splitlines():
                _run(line, kind, capsys)


def _small_training(_: str, **settings: Any) -> TrainConfig:
    """The demo's training, of the small preset on small pictures."""
    return TrainConfig("small", height=64, width=32, **settings)


def _content_once(encoder: Encoder) -> bytes:
    """An encoder's graph, traced once for all pages; each file is still compared with torch."""
    name = encoder.fingerprint()
    if name not in CONTENTS:
        CONTENTS[name] = encoder_content(encoder)
    return CONTENTS[name]


def _short_report(*given: Any, **pictures: Any) -> None:
    """The demo's report, of the best and the worst query."""
    write_report(*given, **(pictures | {"best": 1, "worst": 1}))


def _run(line: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = line.split("#")[0].strip()
    if not command or command.startswith(ELSEWHERE):
        return
    words = shlex.split(SMALLER.get(command, command).replace(*SMALL_TOWER))
    assert words[0] == "sameplayer", line
    if "--preset" in words and "--height" not in words:
        words += SMALL
    code = main(words[1:])
    said = capsys.readouterr().err
    if kind == "sh no-network":
        assert code == 2, line
        assert re.search("SAMEPLAYER_WEIGHTS|copy the file", said), said
    else:
        assert code == 0, f"{line}\n{said}"


def _commands(page: Path) -> list[str]:
    """The command lines of blocks that are shown but not run."""
    blocks = [text for kind, text in _snippets(page) if kind == "text"]
    lines = [
        re.sub(r"^torchrun .*? -m sameplayer\.cli", "sameplayer", line)
        for block in blocks
        for line in block.splitlines()
    ]
    return [line for line in lines if line.startswith("sameplayer ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_only_shown_are_parsed(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parsed: list[str] = []

    def instead_of(verb: str, function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def remember(*_: object, **__: object) -> None:
            parsed.append(verb)

        return remember

    for verb, function in VERBS.items():
        monkeypatch.setitem(VERBS, verb, instead_of(verb, function))
    for group, verbs in GROUPS.items():
        for verb, function in verbs.items():
            monkeypatch.setitem(verbs, verb, instead_of(group, function))
    monkeypatch.setattr(training, "train_for", lambda _: VERBS["train"])
    for line in _commands(page):
        command = re.sub(r"\[.*?\]|SEED\b", lambda found: "1" * (found[0] == "SEED"), line)
        assert main(shlex.split(command, comments=True)[1:]) == 0, line
    assert parsed == [line.split()[1] for line in _commands(page)]
    assert page.name != "reproduce.md" or len(parsed) >= 8


def test_pages_name_only_files_that_exist() -> None:
    for page in PAGES:
        words = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)#]+)\)", words):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
