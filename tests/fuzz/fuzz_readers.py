"""READERS: every reader of files in the package, with a valid folder and a use of what is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from sameplayer.numbers.network.shirt_reader import WEIGHTS
from tests.fuzz import fuzz_samples as samples
from tests.fuzz.fuzz_archives import STATE, ZIP
from tests.fuzz.fuzz_containers import GRAPH, INNER, PARQUET, TENSORS, pack_tensors, unpack_tensors
from tests.fuzz.fuzz_mutations import BYTES, JSON, TABLE, TEXT, Mutation
from tests.fuzz.fuzz_names import FOLDER, NAMES, Files
from tests.fuzz.fuzz_uses import (
    server_address,
    use_archive,
    use_boxes,
    use_config,
    use_corrections,
    use_cuts,
    use_download,
    use_embeddings,
    use_encoder,
    use_headers,
    use_line_up,
    use_log,
    use_metrics,
    use_number_reader,
    use_numbers,
    use_onnx,
    use_onnx_reader,
    use_part,
    use_pictures,
    use_prepared,
    use_published,
    use_roster,
    use_run,
    use_source,
    use_submission,
    use_table,
    use_trainers,
    use_truth,
    use_video,
)

Use = Callable[[Path], None]
SOME = {name: BYTES[name] for name in ("flip", "truncate", "insert", "replace_all")}
WORDS = SOME | TEXT
CELLS = WORDS | TABLE
OBJECTS = WORDS | JSON
VALUES = TABLE | {"drop_separator": TEXT["drop_separator"]}


@dataclass(frozen=True)
class Reader:
    """One reader of files.

    files        makes the valid folder: path -> content
    use          reads a folder and uses what was read, as the package does
    kinds        what is done to which files: a part of their paths -> kinds of mutation
    mutations    how many are tried
    """

    files: Callable[[], Files]
    use: Use
    kinds: dict[str, Any]
    mutations: int

    def strategy(self) -> st.SearchStrategy[list[Mutation]]:
        """Lists of one mutation, or of two."""
        choices = [
            (place, kind)
            for place, kinds in self.kinds.items()
            for kind in kinds
            for _ in range(_weight(kind))
        ]
        one = st.sampled_from(choices).flatmap(lambda choice: self._one(*choice))
        return st.lists(one, min_size=1, max_size=2)

    def _one(self, place: str, kind: str) -> st.SearchStrategy[Mutation]:
        names = [name for name in sorted(self.files()) if place in name]
        given = self.kinds[place][kind]
        arguments = given[1] if len(given) == 2 and callable(given[0]) else given
        numbers = st.tuples(*arguments)
        return st.builds(Mutation, st.sampled_from(names), st.just(kind), numbers)


def _weight(kind: str) -> int:
    """How often a kind is tried: seldom where it only breaks the frame that holds the values."""
    if kind in BYTES:
        return 1
    return 20 if kind == "change_json" else 3


def begun_download() -> Files:
    content = dict(samples.archive())["data.zip"]
    assert isinstance(content, bytes)
    marker = f'{{"url": "{server_address()}", "version": "\\"one\\""}}'
    return {"data.zip.partial": content[:50], "data.zip.partial.json": marker.encode()}


def _given(**files: bytes) -> Callable[[], Files]:
    return lambda: {name.replace("_", "."): content for name, content in files.items()}


def _config() -> Files:
    return {"config.json": samples.stopped_run()["config.json"]}


def _plain_encoder() -> Files:
    """The weights without the record in them, as others may save them again."""
    files = dict(samples.encoder_folder())
    weights = files["model.safetensors"]
    assert isinstance(weights, bytes)
    return files | {"model.safetensors": pack_tensors(unpack_tensors(weights)[0], None)}


def _metrics() -> Files:
    return {"metrics.csv": samples.stopped_run()["metrics.csv"]}


def _number_reader() -> Files:
    return {"shirt.safetensors": WEIGHTS.read_bytes()}


LINE_UP = b"team,number,name,colour\nReds,7,Ana,red\nReds,00,Bo,red\nBlues,7,Cleo,\n"
CORRECTIONS = (
    b"kind,first_camera,first_frame,first_x,first_y,second_camera,second_frame,second_x,second_y,"
    b"player,note\nsame,left,3,20,30.5,right,9,1,2,,\nis,left,5,7,8,,,,,Ana,seen\n"
)
SUBMISSION = b"0,10,11,12\n1,0.50000,0.25000,1.00000\n2,0.75000,0.10000,0.30000\n"
LAYOUT = NAMES | FOLDER
AGAIN = partial(use_source, suffix=".csv")
READERS: dict[str, Reader] = {
    "crops.csv": Reader(
        partial(samples.crop_table, "csv"),
        partial(use_table, "crops.csv"),
        {"crops.csv": CELLS, "0.png": FOLDER},
        45,
    ),
    "crops.parquet": Reader(
        partial(samples.crop_table, "parquet"),
        partial(use_table, "crops.parquet"),
        {"crops.parquet": BYTES | PARQUET},
        42,
    ),
    "crops.xlsx": Reader(
        samples.excel_table, partial(use_table, "crops.xlsx"), {"crops.xlsx": BYTES | ZIP}, 34
    ),
    "crops of another tool": Reader(
        samples.table_of_another_tool, partial(use_table, "crops.csv"), {"crops.csv": CELLS}, 36
    ),
    "crops.json": Reader(
        partial(samples.crop_table, "csv"),
        partial(use_table, "crops.csv"),
        {"crops.json": OBJECTS},
        36,
    ),
    "persons.csv": Reader(samples.with_persons, AGAIN, {"persons.csv": CELLS}, 36),
    "gt.txt": Reader(samples.mot, use_source, {"gt/gt.txt": CELLS}, 42),
    "seqinfo.ini": Reader(samples.mot, use_source, {"seqinfo.ini": WORDS, "gt/": FOLDER}, 36),
    "names of tracks": Reader(
        samples.soccer_tracks, use_source, {"gameinfo.ini": WORDS, "labels.txt": WORDS}, 34
    ),
    "tracker": Reader(samples.tracker, AGAIN, {"tracks.txt": CELLS, "img1": LAYOUT}, 36),
    "soccernet": Reader(samples.soccernet, use_source, {"": LAYOUT}, 36),
    "market1501": Reader(samples.market, use_source, {"": LAYOUT}, 36),
    "duke": Reader(samples.duke, use_source, {"": LAYOUT}, 34),
    "layumi": Reader(samples.layumi, use_source, {"": LAYOUT}, 34),
    "msmt17": Reader(samples.msmt17, use_source, {"list_": WORDS, ".png": LAYOUT}, 36),
    "synergy": Reader(samples.synergy, use_source, {"": LAYOUT}, 36),
    "folder": Reader(samples.person_folders, AGAIN, {"": LAYOUT}, 36),
    "config.json": Reader(_config, use_config, {"config.json": OBJECTS}, 45),
    "encoder": Reader(
        samples.encoder_folder, use_encoder, {"model.safetensors": BYTES | TENSORS}, 36
    ),
    "encoder.json": Reader(
        _plain_encoder, use_encoder, {"encoder.json": OBJECTS, "model": TENSORS | FOLDER}, 36
    ),
    "encoder.onnx": Reader(samples.onnx_file, use_onnx, {"encoder.onnx": BYTES | GRAPH}, 36),
    "reader.onnx": Reader(samples.onnx_reader, use_onnx_reader, {"reader.onnx": BYTES | GRAPH}, 36),
    "state.pt": Reader(samples.stopped_run, use_run, {"state.pt": BYTES | STATE}, 36),
    "resumed run": Reader(
        samples.stopped_run, use_run, {"config.json": OBJECTS, "metrics.csv": FOLDER}, 30
    ),
    "metrics.csv": Reader(_metrics, use_metrics, {"metrics.csv": CELLS}, 20),
    "embeddings": Reader(
        samples.embeddings_file, use_embeddings, {"e.safetensors": BYTES | TENSORS | INNER}, 45
    ),
    "prepared gallery": Reader(
        samples.prepared, use_prepared, {"prepared.safetensors": BYTES | TENSORS}, 36
    ),
    "roster.csv": Reader(
        _given(r_csv=b"name,number\na,7\nb,10\nc,00\n"),
        partial(use_roster, "r.csv"),
        {"r.csv": CELLS},
        34,
    ),
    "roster.txt": Reader(
        _given(r_txt=b"7\n10\n00\n"), partial(use_roster, "r.txt"), {"r.txt": CELLS}, 34
    ),
    "line-up": Reader(lambda: {"line_up.csv": LINE_UP}, use_line_up, {"line_up.csv": CELLS}, 36),
    "corrections": Reader(
        lambda: {"corrections.csv": CORRECTIONS}, use_corrections, {"corrections.csv": CELLS}, 36
    ),
    "boxes.csv": Reader(
        partial(samples.boxes, "csv"), partial(use_boxes, "boxes.csv"), {"boxes.csv": CELLS}, 36
    ),
    "boxes.parquet": Reader(
        partial(samples.boxes, "parquet"),
        partial(use_boxes, "boxes.parquet"),
        {"boxes.parquet": BYTES | PARQUET},
        36,
    ),
    "boxes.txt": Reader(
        partial(samples.boxes, "txt"), partial(use_boxes, "boxes.txt"), {"boxes.txt": CELLS}, 36
    ),
    "CVAT": Reader(
        partial(samples.annotations, "cvat"), partial(use_boxes, "a.xml"), {"a.xml": WORDS}, 36
    ),
    "COCO": Reader(
        partial(samples.annotations, "coco"), partial(use_boxes, "a.json"), {"a.json": OBJECTS}, 36
    ),
    "game state": Reader(
        partial(samples.annotations, "game state"),
        partial(use_boxes, "Labels-GameState.json"),
        {".json": OBJECTS},
        34,
    ),
    "Label Studio": Reader(
        partial(samples.annotations, "label studio"),
        partial(use_boxes, "a.json"),
        {"a.json": OBJECTS},
        36,
    ),
    "JSON sink": Reader(
        partial(samples.annotations, "sink"), partial(use_boxes, "a.json"), {"a.json": OBJECTS}, 34
    ),
    "YOLO": Reader(
        partial(samples.annotations, "yolo"),
        partial(use_boxes, "."),
        {".txt": WORDS | NAMES, "data.yaml": WORDS},
        36,
    ),
    "cuts.csv": Reader(
        _given(cuts_csv=b"second,kind\n2.5,live\n4,replay\n"), use_cuts, {"cuts.csv": CELLS}, 34
    ),
    "part of a video": Reader(samples.part_of_video, use_part, {"part-": BYTES | TENSORS}, 36),
    "player log": Reader(
        samples.player_log, use_log, {".parquet": BYTES | PARQUET, "log.json": OBJECTS | FOLDER}, 36
    ),
    "submission": Reader(
        _given(a_csv=SUBMISSION, b_csv=SUBMISSION), use_submission, {"a.csv": CELLS}, 36
    ),
    "read numbers": Reader(samples.number_table, use_numbers, {"crops.csv": VALUES}, 36),
    "truth.csv": Reader(samples.number_table, use_truth, {"truth.csv": CELLS}, 34),
    "number reader": Reader(
        _number_reader, use_number_reader, {"shirt.safetensors": SOME | TENSORS}, 30
    ),
    "checkpoint": Reader(samples.vit_checkpoint, use_published, {"tiny.pth": BYTES | STATE}, 36),
    "checkpoint of torchreid": Reader(
        samples.trainers_checkpoint,
        use_trainers,
        {"new.pth.tar": BYTES | STATE, "old.pth.tar": BYTES},
        34,
    ),
    "OpenCLIP json": Reader(samples.vit_checkpoint, use_published, {"tiny.json": OBJECTS}, 36),
    "archive": Reader(samples.archive, use_archive, {"data.zip": BYTES | ZIP}, 45),
    "begun download": Reader(
        begun_download, use_download, {".partial.json": OBJECTS | FOLDER, ".partial": FOLDER}, 30
    ),
    "video mp4": Reader(
        partial(samples.video, "mp4", "mpeg4", "x.mp4"),
        partial(use_video, "x.mp4"),
        {"x.mp4": BYTES},
        36,
    ),
    "video mkv": Reader(
        partial(samples.video, "matroska", "mpeg4", "x.mkv"),
        partial(use_video, "x.mkv"),
        {"x.mkv": BYTES},
        30,
    ),
    "video ts": Reader(
        partial(samples.video, "mpegts", "mpeg2video", "x.mov"),
        partial(use_video, "x.mov"),
        {"x.mov": BYTES},
        30,
    ),
}
READERS["picture headers"] = Reader(samples.headers, use_headers, {"": BYTES}, 70)
READERS |= {
    f"picture {suffix}": Reader(
        partial(samples.pictures, suffix), use_pictures, {suffix: BYTES}, 34
    )
    for suffix in (".jpg", ".png", ".bmp", ".webp", ".tif", ".gif", ".avif", ".heic")
}
