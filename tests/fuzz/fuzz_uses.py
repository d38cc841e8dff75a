"""Reading a folder and using what was read, as the package does: one function a reader."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from sameplayer.commands.numbers import jersey
from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops, describe_crops, read_crops, write_crops
from sameplayer.data.images.picture import decode, header_size
from sameplayer.data.layouts.download import download, unpack
from sameplayer.data.layouts.sources import read_source
from sameplayer.data.reading import read_crop
from sameplayer.encoder.checkpoints import load_published
from sameplayer.encoder.embeddings import load_embeddings
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError, SameplayerError
from sameplayer.evaluation.comparison import compare_runs, write_comparison
from sameplayer.evaluation.logs.page import write_log_page
from sameplayer.evaluation.scores import Scores, evaluate
from sameplayer.evaluation.submission import fuse_submissions, read_submission, write_submission
from sameplayer.identity.export.registry import EXPORTS, export_log
from sameplayer.identity.inputs.corrections import (
    add_corrections,
    read_corrections,
    write_corrections,
)
from sameplayer.identity.inputs.roster import Roster, read_roster
from sameplayer.identity.log.log_files import load_log, save_log
from sameplayer.numbers.network.onnx_reader import OnnxReader
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.reader import NUMBERS
from sameplayer.numbers.tables import read_roster_numbers, table_probabilities
from sameplayer.ranking.jersey_term import with_numbers
from sameplayer.ranking.prepared.gallery import PreparedGallery
from sameplayer.ranking.ranking import Ranking, rank
from sameplayer.tracks.detection.box_files import read_boxes
from sameplayer.tracks.tracking.tracker import track
from sameplayer.tracks.video.checkpoint import NOTHING, PartFolder, joined
from sameplayer.tracks.video.shots import read_cuts, shot_numbers
from sameplayer.training.run.run_metadata import read_config
from sameplayer.training.run.train import train
from sameplayer.training.sampling.plan import make_plan
from tests.fuzz import fuzz_samples as samples


def use_crops(crops: Crops, suffix: str | None = ".csv") -> None:
    """Do with a crop table what the package does; what the check found good can be read."""
    describe_crops(crops)
    assert len(crops.scopes()) == len(crops.persons()) == len(crops)
    bad = {problem.row for problem in check_crops(crops)}
    for row in range(min(len(crops), 12)):
        if row not in bad:
            assert crops.read(row).ndim == 3
        else:
            with suppress(SameplayerError):
                crops.read(row)
    if suffix is not None:
        path = samples.lasting_folder() / f"again{suffix}"
        write_crops(crops, path)
        assert len(read_crops(path)) == len(crops)


def use_table(name: str, folder: Path) -> None:
    crops = read_crops(folder / name)
    for suffix in (".csv", ".parquet"):
        use_crops(crops, suffix)


def use_line_up(folder: Path) -> None:
    roster = read_roster(folder / "line_up.csv")
    assert Roster(roster.players) == roster
    assert [roster.find(player.name) for player in roster.players] == [*range(len(roster.players))]


def use_corrections(folder: Path) -> None:
    rows = read_corrections(folder / "corrections.csv")
    path = samples.lasting_folder() / "again.csv"
    write_corrections(rows, path)
    assert [one.kind for one in read_corrections(path)] == [one.kind for one in rows]
    assert add_corrections(read_corrections(path), path) == 0


def use_log(folder: Path) -> None:
    log = load_log(folder)
    assert len(log.players()) <= len(log)
    out = samples.lasting_folder() / "log"
    for name in EXPORTS:
        assert export_log(log, name, out)
    write_log_page(log, out / "log.html")
    assert len(load_log(save_log(log, out))) == len(log)


def use_source(folder: Path, *, suffix: str | None = None) -> None:
    """Use a layout; whether a table can be written depends on its names, not on the layout."""
    use_crops(read_source(folder), suffix)


def use_numbers(folder: Path) -> None:
    crops = read_crops(folder / "crops.csv")
    shares = table_probabilities(crops.table)
    assert shares.shape == (len(crops), len(NUMBERS) + 1)
    assert ((shares >= 0) & (shares <= 1)).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    distance = np.zeros((len(crops), len(crops)), np.float32)
    ranking = with_numbers(Ranking(distance, crops, crops, "none", "f"), 0.5)
    assert np.isfinite(ranking.distance).all()


class SilentReader:
    """Reads "7" from every picture."""

    name = "silent"
    candidates: Sequence[str] = NUMBERS

    def __init__(self, *_: Any) -> None:
        pass

    def read(self, pictures: Sequence[Any]) -> np.ndarray:
        rows = np.full((len(pictures), len(NUMBERS) + 1), 1e-4)
        rows[:, NUMBERS.index("7")] = 1
        return np.log(rows / rows.sum(axis=1, keepdims=True))


def use_truth(folder: Path) -> None:
    with mock.patch("sameplayer.numbers.readers.OcrReader", SilentReader), quiet():
        jersey(("ocr", str(folder / "crops.csv")), truth=folder / "truth.csv")


@contextmanager
def quiet() -> Iterator[None]:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def use_number_reader(folder: Path) -> None:
    reader = ShirtReader(weights=folder / "shirt.safetensors")
    rows = reader.read([np.full((90, 40, 3), 90, np.uint8)])
    assert np.isfinite(rows).all()


def use_roster(name: str, folder: Path) -> None:
    roster = read_roster_numbers(folder / name)
    assert roster
    assert set(roster) <= set(NUMBERS)


def use_boxes(name: str, folder: Path) -> None:
    camera = "left" if name.startswith("boxes") and not name.endswith("txt") else None
    boxes = read_boxes(folder / name, 100, (640, 360), camera)
    assert (boxes.xywh[:, :2] + boxes.xywh[:, 2:] <= [640, 360]).all()
    ids = track(boxes, np.arange(100) / 25, np.zeros(100, np.int64))
    assert ids.shape == boxes.frame.shape


def use_cuts(folder: Path) -> None:
    shots = shot_numbers(np.arange(9.0), read_cuts(folder / "cuts.csv"))
    assert (np.diff(shots) >= 0).all()


def use_part(folder: Path) -> None:
    """A damaged part is as none; one that is read can be used."""
    seen = PartFolder(folder, "main", {}).read(0)
    if seen is not None:
        both = joined([seen, NOTHING])
        assert len(both.cue) == len(both.boxes()) == len(seen.boxes())
        assert len(both.change) == len(both.shift) == len(both.frame)


def use_submission(folder: Path) -> None:
    distance, queries, gallery = read_submission(folder / "a.csv")
    assert np.isfinite(distance).all()
    assert distance.shape == (len(queries), len(gallery))
    with suppress(DataError):  # of other ids than the second file's
        fused = fuse_submissions([folder / "a.csv", folder / "b.csv"])
        assert np.isfinite(fused[0]).all()
    write_submission(folder / "again.csv", distance, queries, gallery)
    again = read_submission(folder / "again.csv")
    np.testing.assert_array_equal(again[1], queries)
    np.testing.assert_array_equal(again[2], gallery)


def use_config(folder: Path) -> None:
    config = read_config(folder / "config.json").resolved()
    plan = make_plan(samples.run_crops(), config)
    assert len(plan.batches(0))


def use_run(folder: Path) -> None:
    train(samples.run_crops(), folder, samples.SETTINGS, resume=True)


def use_metrics(folder: Path) -> None:
    scores = _scores()
    write_comparison(folder / "page.html", compare_runs([folder, folder], [scores, scores]))


@cache
def _scores() -> Scores:
    return evaluate(rank(samples.embeddings()))


def use_onnx(folder: Path) -> None:
    encoder = load_encoder(folder / "encoder.onnx")
    rows = encoder.embed([samples.pixels()])
    assert rows.shape == (1, encoder.row_width)
    assert np.isfinite(rows).all()


def use_onnx_reader(folder: Path) -> None:
    reader = OnnxReader(folder / "reader.onnx")
    rows = reader.read([samples.pixels()])
    assert rows.shape == (1, len(reader.candidates) + 1)
    np.testing.assert_allclose(np.exp(rows).sum(), 1, atol=1e-3)


def use_encoder(folder: Path) -> None:
    encoder = load_encoder(folder)
    rows = encoder.embed([samples.pixels()])
    assert rows.shape == (1, encoder.feature_width)
    assert np.isfinite(rows).all()
    encoder.save(folder / "again", note="again")
    assert load_encoder(folder / "again").fingerprint() == encoder.fingerprint()


def use_published(folder: Path) -> None:
    encoder = load_published(folder / "tiny.pth", str(folder / "tiny.json"))
    assert encoder.embed([samples.pixels()]).shape == (1, encoder.feature_width)


def use_trainers(folder: Path) -> None:
    for name in ("new.pth.tar", "old.pth.tar"):
        encoder = load_published(folder / name, "test_resnet", height=32, width=32)
        assert encoder.embed([samples.pixels()]).shape == (1, encoder.feature_width)


def use_embeddings(folder: Path) -> None:
    rows = load_embeddings(folder / "e.safetensors")
    for method in ("none", "k-reciprocal"):
        ranking = rank(rows, rerank=method)
        assert not np.isnan(ranking.distance).any()
    rows.save(folder / "again.safetensors")
    assert len(load_embeddings(folder / "again.safetensors", rows.fingerprint)) == len(rows)
    evaluate(ranking)


def use_prepared(folder: Path) -> None:
    embeddings = samples.embeddings()
    gallery = PreparedGallery.load(folder / "prepared.safetensors", embeddings)
    distance = gallery.distances(embeddings.vectors[:2])
    assert distance.shape == (2, len(embeddings))
    assert np.isfinite(distance).all()
    gallery.save(folder / "again.safetensors")


def use_archive(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    try:
        unpack(folder / "data.zip", folder / "out")
    except SameplayerError:
        assert not (folder / "out").exists()
        raise
    finally:
        assert {path.name for path in folder.iterdir()} <= before | {"out"}
    for path in (folder / "out").rglob("*"):
        assert path.resolve().is_relative_to((folder / "out").resolve())
        assert not path.is_symlink()


@cache
def server_address() -> str:
    content = dict(samples.archive())["data.zip"]
    assert isinstance(content, bytes)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "bytes=0-")[len("bytes=") : -1]
            first = int(asked) if self.headers.get("If-Range") == '"one"' else 0
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(content) - first))
            self.send_header("ETag", '"one"')
            self.end_headers()
            self.wfile.write(content[first:])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/data.zip"


def use_download(folder: Path) -> None:
    file = download(server_address(), folder / "data.zip", attempts=2, wait_s=0)
    assert file.read_bytes() == dict(samples.archive())["data.zip"]


def use_headers(folder: Path) -> None:
    """The size of every picture of the folder, as its header states it."""
    broken: SameplayerError | None = None
    for path in sorted(folder.iterdir()):
        try:
            assert min(header_size(path.name, path.read_bytes())) > 0
        except SameplayerError as error:
            broken = error
    if broken is not None:
        raise broken


def use_pictures(folder: Path) -> None:
    """Every picture of the folder; the broken one raises, after the others were read."""
    broken: SameplayerError | None = None
    for path in sorted(folder.iterdir()):
        try:
            picture = decode(path)
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            assert picture.shape[2] == 3
            read_crop(path, (0, 0, 3, 3))
        except SameplayerError as error:
            broken = error
    if broken is not None:
        raise broken


def use_video(name: str, folder: Path) -> None:
    shapes = {read_crop(folder / f"{name}#{number}").shape for number in (3, 1, 5)}
    assert all(len(shape) == 3 and shape[2] == 3 for shape in shapes)
