"""Valid files of every kind, the smallest that have everything in them; each is made once."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from atexit import register
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pillow_heif
import timm
import torch
from PIL import Image

from sameplayer.data.crops import Crops, write_crops
from sameplayer.data.images.picture import FORMATS
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.load import create_encoder
from sameplayer.identity.log.log_files import save_log
from sameplayer.ranking.config import RankConfig
from sameplayer.ranking.prepared.gallery import PreparedGallery
from sameplayer.tracks.tracking.appearance_cues import CUE
from sameplayer.tracks.video.checkpoint import NOTHING, PartFolder
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.loop import Step
from sameplayer.training.run.train import train
from tests.encoder.onnx_files import plain_model, signed, spec_record
from tests.fuzz.fuzz_names import Files, read_files
from tests.identity.logs import make_log
from tests.numbers.onnx_files import plain_file

SETTINGS = TrainConfig(
    "small", pairs=3, epochs=2, height=32, width=16, validate="none", augment="2022", device="cpu"
)

TURNED = Image.Exif()
TURNED[0x0112] = 6


@cache
def lasting_folder() -> Path:
    """A folder that is removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="fuzz-")
    register(folder.cleanup)
    return Path(folder.name)


def pixels(seed: int = 0, high: int = 12, wide: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (high, wide, 3), dtype=np.uint8)


def png(seed: int = 0) -> bytes:
    return bytes(cv2.imencode(".png", pixels(seed))[1])


def _crop_table() -> pd.DataFrame:
    rows = 8
    return pd.DataFrame(
        {
            "image": [f"{row % 4}.png" for row in range(rows)],
            "person": [None if row == 7 else f"p{row // 2}" for row in range(rows)],
            "role": ["train", "train", "query", "gallery"] * 2,
            "sequence": [str(row // 2) for row in range(rows)],
            "frame": range(rows),
            "camera": [str(row % 2) for row in range(rows)],
            "game": ["g1"] * rows,
            "team": ["left", "right"] * 4,
            "left": [0, 1.5, None, 0] * 2,
            "top": [0, 2, None, 0] * 2,
            "width": [4, 5.5, None, 8] * 2,
            "height": [4, 7, None, 12] * 2,
            "number": [str(row) for row in range(rows)],
            "read_number": [str(row) if row % 3 else None for row in range(rows)],
            "read_number_probability": [0.1 * row for row in range(rows)],
            "read_number_frames": [1] * rows,
        }
    )


@cache
def crop_table(suffix: str) -> Files:
    folder = lasting_folder() / suffix
    folder.mkdir()
    write_crops(Crops(_crop_table(), folder, "game"), folder / f"crops.{suffix}")
    return read_files(folder) | {f"{name}.png": png(name) for name in range(4)}


@cache
def excel_table() -> Files:
    """A crop table as Excel saves it."""
    folder = lasting_folder() / "excel"
    folder.mkdir()
    _crop_table().to_excel(folder / "crops.xlsx", index=False)
    return read_files(folder) | {f"{name}.png": png(name) for name in range(4)}


@cache
def table_of_another_tool() -> Files:
    """Other columns, semicolons, decimal commas, paths of Windows and a code page."""
    text = "img_path;label;bbox;x1;y1;x2;y2\r\n" + "".join(
        f"C:\\d\\{name}.png;Łukasz {name};[1, 2, 3, 4];1,5;2;{name + 9};20\r\n" for name in range(4)
    )
    return {"crops.csv": text.encode("cp1250")} | {f"{n}.png": png(n) for n in range(4)}


@cache
def player_log() -> Files:
    folder = lasting_folder() / "player log"
    return read_files(save_log(make_log(lasting_folder(), video=False), folder))


@cache
def number_table() -> Files:
    truth = b"person,number\np0,7\np1,10\np2,00\n"
    return dict(crop_table("csv")) | {"truth.csv": truth}


@cache
def boxes(suffix: str) -> Files:
    """Boxes of two people in three frames of two cameras, one of them with a track."""
    folder = lasting_folder() / f"boxes {suffix}"
    folder.mkdir()
    rows = [
        (frame, 10.5 * person, 20.0, 9.25, 30.0, 0.75, person, camera)
        for camera in ("left", "right")
        for frame in (1, 2, 3)
        for person in (1, 2)
    ]
    columns = ["frame", "left", "top", "width", "height", "score", "track", "camera"]
    table = pd.DataFrame(rows, columns=columns)
    if suffix == "parquet":
        table.to_parquet(folder / "boxes.parquet")
    elif suffix == "csv":
        table.to_csv(folder / "boxes.csv", index=False)
    else:
        order = ["frame", "track", *columns[1:6]]
        table[:6][order].to_csv(folder / "boxes.txt", index=False, header=False)
    return read_files(folder)


def annotations(kind: str) -> Files:  # type: ignore[no-redef]
    """Boxes of two people in two frames, as other tools write them."""
    return {name: content.encode() for name, content in ANNOTATIONS[kind].items()}


ANNOTATIONS = {
    "cvat": {
        "a.xml": """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>left</name><size>9</size>
<frame_filter>step=1</frame_filter></task></meta>
<track id="0" label="player" source="manual">
<box frame="0" keyframe="1" outside="0" xtl="1.5" ytl="2" xbr="30" ybr="60">
<attribute name="number">7</attribute></box>
<box frame="3" keyframe="1" outside="0" xtl="4" ytl="2" xbr="33" ybr="60" rotation="0"></box>
<box frame="4" keyframe="1" outside="1" xtl="4" ytl="2" xbr="33" ybr="60"></box></track>
<image id="5" name="frame_000005" width="640" height="360">
<box label="player" xtl="1" ytl="2" xbr="30" ybr="60"></box><points points="1,2"/></image>
</annotations>"""
    },
    "coco": {
        "a.json": json.dumps(
            {
                "videos": [{"id": 1, "name": "left"}],
                "images": [
                    {"id": at, "file_name": f"{at:06d}.jpg", "frame_id": at - 1, "video_id": 1}
                    for at in (1, 2)
                ],
                "annotations": [
                    {
                        "id": at,
                        "image_id": at,
                        "category_id": 1,
                        "bbox": [1.5, 2, 30, 40],
                        "track_id": 3,
                        "iscrowd": 0,
                        "score": 0.5,
                        "attributes": {"number": "7"},
                    }
                    for at in (1, 2)
                ],
                "categories": [{"id": 1, "name": "person"}],
            }
        )
    },
    "game state": {
        "Labels-GameState.json": json.dumps(
            {
                "images": [
                    {"image_id": f"106000000{at}", "file_name": f"{at:06d}.jpg"} for at in (1, 2)
                ],
                "annotations": [
                    {
                        "id": "1",
                        "image_id": f"106000000{at}",
                        "track_id": 1,
                        "category_id": 1,
                        "attributes": {"role": "player", "jersey": "7"},
                        "bbox_image": {"x": 1, "y": 2, "w": 30, "h": 40},
                    }
                    for at in (1, 2)
                ],
                "categories": [{"id": 1, "name": "player"}],
            }
        )
    },
    "label studio": {
        "a.json": json.dumps(
            [
                {
                    "id": 1,
                    "data": {"video": "left.mp4"},
                    "annotations": [
                        {
                            "updated_at": "2024",
                            "was_cancelled": False,
                            "result": [
                                {
                                    "id": "a",
                                    "type": "videorectangle",
                                    "meta": {"text": ["identity: Ana"]},
                                    "value": {
                                        "framesCount": 9,
                                        "labels": ["Ana"],
                                        "sequence": [
                                            {
                                                "frame": frame,
                                                "enabled": frame < 5,
                                                "rotation": 0,
                                                "x": 10,
                                                "y": 20,
                                                "width": 30,
                                                "height": 40,
                                            }
                                            for frame in (1, 5)
                                        ],
                                    },
                                }
                            ],
                        }
                    ],
                }
            ]
        )
    },
    "sink": {
        "a.json": json.dumps(
            [
                {
                    "x_min": 1.5,
                    "y_min": 2,
                    "x_max": 30,
                    "y_max": 40,
                    "class_id": 0,
                    "tracker_id": 3,
                    "confidence": 0.5,
                    "frame": frame,
                }
                for frame in (1, 2)
            ]
        )
    },
    "yolo": {
        "a_1.txt": "0 0.5 0.5 0.25 0.5 0.875 7\n0 0.25 0.5 0.125 0.5 0.5 8\n",
        "a_2.txt": "0 0.5 0.5 0.25 0.5 0.875 7\n",
        "data.yaml": "names:\n  0: person\n  1: ball\n",
    },
}


@cache
def part_of_video() -> Files:
    """What was seen in a minute of a video, as a stopped run keeps it."""
    folder = lasting_folder() / "part"
    seen = replace(
        NOTHING,
        frame=np.array([1, 2]),
        change=np.zeros(2),
        shift=np.zeros((2, 2)),
        last=np.zeros((4, 6, 3), np.uint8),
        box_frame=np.array([1, 2]),
        xywh=np.ones((2, 4)),
        score=np.ones(2),
        track=np.array([-1, 3]),
        cue=np.zeros((2, CUE), np.float16),
    )
    PartFolder(folder, "main", {}).write(0, seen)
    return read_files(folder)


@cache
def synergy() -> Files:
    training = [f"reid_training/{p:04d}_0{p}_0{f}.png" for p in (1, 2) for f in (0, 1)]
    test = [
        f"reid_test/{part}/0{p}_01_0{f}.png"
        for f, part in enumerate(("query", "gallery"))
        for p in (3, 4)
    ]
    challenge = [f"reid_challenge/{part}/{p}.png" for part in ("query", "gallery") for p in (1, 12)]
    names = [*training, *test, *challenge]
    return {name: png(seed) for seed, name in enumerate(names)}


@cache
def with_persons() -> Files:
    table = b"person,game,team,number\n1,g1,left,7\n2,g1,right,10\n3,g2,left,00\n4,g2,right,\n"
    return dict(synergy()) | {"persons.csv": table}


@cache
def market() -> Files:
    names = [f"bounding_box_train/000{p}_c{c}s1_00015{c}_01.png" for p in (2, 7) for c in (1, 2)]
    names += ["query/0003_c1s3_000001_00.png", "bounding_box_test/0003_c2s3_000021_00.png"]
    names += [
        "bounding_box_test/0000_c2s3_000022_00.png",
        "bounding_box_test/-1_c2s3_000023_00.png",
    ]
    return {name: png(seed) for seed, name in enumerate(names)}


@cache
def duke() -> Files:
    names = [f"bounding_box_train/000{p}_c{c}_f004415{c}.png" for p in (2, 7) for c in (1, 2)]
    names += ["query/0003_c1_f0000001.png", "bounding_box_test/0003_c2_f0000021.png"]
    return {name: png(seed) for seed, name in enumerate(names)}


@cache
def msmt17() -> Files:
    names = [
        f"{part}/000{p}/000{p}_00{c}_0{c}_0303morning_0008_{c}.png"
        for part in ("train", "test")
        for p in (0, 1)
        for c in (1, 2)
    ]
    lines = [f"{name.split('/', 1)[1]} {int(name.split('/')[1])}" for name in names]
    lists = {"train": lines[:2], "val": lines[2:4], "query": lines[4::2], "gallery": lines[5::2]}
    told = {f"list_{name}.txt": "\n".join(part).encode() for name, part in lists.items()}
    return told | {name: png(seed) for seed, name in enumerate(names)}


@cache
def layumi() -> Files:
    """Person 2 to train and to validate, person 3 to test, a distractor and junk."""
    folders = {"train_all": "22", "train": "2", "val": "2", "query": "3", "gallery": "330"}
    names = [
        f"{folder}/000{p}/000{p}_c{c}s1_00000{c}_00.png"
        for folder, persons in folders.items()
        for c, p in enumerate(persons)
    ]
    names.append("gallery/-1/-1_c1s1_000009_00.png")
    return {name: png(seed) for seed, name in enumerate(names)}


@cache
def soccernet() -> Files:
    names = [
        f"train/league/2015/game1/{a}/{a}-{a}-{p}-00{p}-Player_team_left-{p}-r{a}-12x8.png"
        for a in (1, 2)
        for p in (3, 4)
    ]
    for part, a in (("query", 0), ("gallery", 1)):
        names.append(f"valid/{part}/league/2015/game2/1/{a}-5-9-000-Goalkeeper-None-r5-12x8.png")
        names.append(f"challenge/{part}/{a}-8-12x8.png")
    return {name: png(seed) for seed, name in enumerate(names)}


@cache
def person_folders() -> Files:
    names = [
        f"{part}/anna-{p}/{part}_{f}.png"
        for part in ("train", "query", "gallery")
        for p in (1, 2)
        for f in (1, 2)
    ]
    return {name: png(seed) for seed, name in enumerate(names)}


@cache
def mot() -> Files:
    lines = [f"{f},{p},{p}.5,1,4,6,1,1,0.9" for f in (1, 2, 3) for p in (1, 2)]
    facts = "[Sequence]\nname=clip\nimDir=img1\nframeRate=25\nseqLength=3\nimWidth=8\nimExt=.png\n"
    text = {"gt/gt.txt": "\n".join(lines).encode(), "seqinfo.ini": facts.encode()}
    return text | {f"img1/{number:06d}.png": png(number) for number in (1, 2, 3)}


@cache
def soccer_tracks() -> Files:
    """A clip as SoccerNet-Tracking writes it, and one with the labels that CVAT writes."""
    lines = [f"{f},{p},{p}.5,1,4,6,1,-1,-1,-1" for f in (1, 2) for p in (1, 2)]
    game = b"[Sequence]\ntrackletID_1= player team left;10\ntrackletID_2= ball;1\n"
    named = [f"{f},{p},1.5,1,4,6,1,{p},1.0" for f in (1, 2) for p in (1, 2)]
    clips = {
        "a/gameinfo.ini": game,
        "a/gt/gt.txt": "\n".join(lines).encode(),
        "b/gt/labels.txt": b"player\nball\n",
        "b/gt/gt.txt": "\n".join(named).encode(),
    }
    return clips | {f"{clip}/img1/{at:06d}.jpg": png(at) for clip in "ab" for at in (1, 2)}


@cache
def tracker() -> Files:
    lines = [f"{f},{p},1,1,4,6,-1,-1,-1,-1" for f in (1, 2) for p in (1, 2)]
    clip = {f"img1/{number:06d}.jpg": png(number) for number in (1, 2)}
    one = clip | {"tracks.txt": "\n".join(lines).encode()}
    return {f"{name}/{path}": content for name in ("a", "b") for path, content in one.items()}


@cache
def embeddings() -> Embeddings:
    rows = 24
    table = pd.DataFrame(
        {
            "image": [f"{row}.png" for row in range(rows)],
            "person": [str(row // 4) for row in range(rows)],
            "role": ["query", "gallery", "gallery", "gallery"] * 6,
            "camera": ["0", "1", "1", "1"] * 6,
            "game": ["g"] * rows,
            "id": [str(row) for row in range(rows)],
        }
    )
    vectors = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(vectors, Crops(table, lasting_folder(), "game"), "0123456789abcdef", {"a": 1})


@cache
def embeddings_file() -> Files:
    embeddings().save(lasting_folder() / "e.safetensors")
    return {"e.safetensors": (lasting_folder() / "e.safetensors").read_bytes()}


@cache
def prepared() -> Files:
    path = lasting_folder() / "prepared.safetensors"
    PreparedGallery(embeddings(), RankConfig("k-reciprocal", 4, 3)).save(path)
    return {"prepared.safetensors": path.read_bytes()}


@cache
def encoder_folder() -> Files:
    create_encoder("small", pretrained=False).save(lasting_folder() / "encoder", note="a")
    return read_files(lasting_folder() / "encoder")


def onnx_file() -> Files:
    return {"encoder.onnx": signed(plain_model(), **spec_record())}


def onnx_reader() -> Files:
    return {"reader.onnx": plain_file()}


@cache
def run_crops() -> Crops:
    root = lasting_folder() / "run-pictures"
    root.mkdir()
    for row in range(8):
        (root / f"{row}.png").write_bytes(png(row))
    table = pd.DataFrame(
        {
            "image": [f"{row}.png" for row in range(8)],
            "person": [str(row // 2) for row in range(8)],
            "role": ["train"] * 8,
        }
    )
    return Crops(table, root)


@cache
def stopped_run() -> Files:
    """A run that was stopped in its second epoch."""

    def interrupt(step: Step) -> None:
        if step.epoch == 2:
            raise KeyboardInterrupt

    out = lasting_folder() / "run"
    try:
        train(run_crops(), out, SETTINGS, progress=interrupt)
    except KeyboardInterrupt:
        return read_files(out)
    raise AssertionError("the run was not stopped")


@cache
def vit_checkpoint() -> Files:
    """An OpenCLIP configuration of a tiny ViT and weights in its layout."""
    rng = torch.Generator().manual_seed(0)
    shapes = {
        "class_embedding": (16,),
        "positional_embedding": (5, 16),
        "proj": (16, 4),
        "conv1.weight": (16, 3, 8, 8),
        "ln_pre.weight": (16,),
        "ln_pre.bias": (16,),
        "ln_post.weight": (16,),
        "ln_post.bias": (16,),
    }
    block = {
        "ln_1.weight": (16,),
        "ln_1.bias": (16,),
        "ln_2.weight": (16,),
        "ln_2.bias": (16,),
        "attn.in_proj_weight": (48, 16),
        "attn.in_proj_bias": (48,),
        "attn.out_proj.weight": (16, 16),
        "attn.out_proj.bias": (16,),
        "mlp.c_fc.weight": (64, 16),
        "mlp.c_fc.bias": (64,),
        "mlp.c_proj.weight": (16, 64),
        "mlp.c_proj.bias": (16,),
    }
    shapes |= {f"transformer.resblocks.0.{name}": shape for name, shape in block.items()}
    state = {f"model.visual.{n}": torch.randn(shape, generator=rng) for n, shape in shapes.items()}
    target = io.BytesIO()
    torch.save({"state_dict": {**state, "model.logit_scale": torch.tensor(2.0)}}, target)
    vision = {
        "image_size": 16,
        "patch_size": 8,
        "width": 16,
        "layers": 1,
        "head_width": 8,
        "mlp_ratio": 4.0,
    }
    config = {"embed_dim": 4, "quick_gelu": True, "vision_cfg": vision, "text_cfg": {"width": 8}}
    return {"tiny.pth": target.getvalue(), "tiny.json": json.dumps(config).encode()}


@cache
def trainers_checkpoint() -> Files:
    """A checkpoint of a tiny ResNet as torchreid's trainer saves it, in both forms of torch's."""
    network = timm.create_model("test_resnet", num_classes=2)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    optimizer = {
        "state": {0: {"step": 1, "exp_avg": torch.zeros(2)}},
        "param_groups": [{"lr": 0.1}],
    }
    record = {"state_dict": state, "epoch": 60, "rank1": np.float64(0.5), "optimizer": optimizer}
    files = {}
    for name, old in (("new.pth.tar", False), ("old.pth.tar", True)):
        target = io.BytesIO()
        torch.save(record, target, _use_new_zipfile_serialization=not old)
        files[name] = target.getvalue()
    return files


@cache
def archive() -> Files:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in ("data/a.txt", "data/b/c.txt", "d.txt"):
            opened.writestr(name, name * 30)
    return {"data.zip": target.getvalue()}


@cache
def pictures(suffix: str) -> Files:
    """Colour, grey and what else a format has, as OpenCV and Pillow write them."""
    files: Files = {}
    if suffix != ".heic":
        files[f"colour{suffix}"] = bytes(cv2.imencode(suffix, pixels(1, 33, 21))[1])
    grey = Image.fromarray(pixels(2, 20, 16)[:, :, 0])
    modes = {
        ".jpg": ("CMYK", "L"),
        ".png": ("P", "LA", "1", "I;16"),
        ".bmp": ("P", "1"),
        ".tif": ("CMYK", "1", "I;16", "RGBA"),
        ".webp": ("RGBA",),
        ".gif": ("P",),
        ".avif": ("RGBA", "L"),
        ".heic": ("RGB", "RGBA"),
    }[suffix]
    for mode in modes:
        target = io.BytesIO()
        picture = grey.convert("I;16") if mode == "I;16" else grey.convert("RGB").convert(mode)
        settings = {"compression": "tiff_lzw"} if suffix == ".tif" and mode != "1" else {}
        if suffix == ".heic":
            pillow_heif.from_pillow(picture).save(target, exif=TURNED.tobytes())
        else:
            settings |= {"exif": TURNED.tobytes()} if suffix in (".jpg", ".png", ".avif") else {}  # type: ignore[dict-item]
            kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:])
            picture.save(target, kind, **settings)
        files[f"{mode.replace(';', '')}{suffix}"] = target.getvalue()
    return files


@cache
def headers() -> Files:
    """A small picture in every format that is read."""
    files: Files = {}
    for kind in FORMATS:
        target = io.BytesIO()
        Image.fromarray(pixels(1, 33, 21)).save(target, kind)
        files[f"x.{kind.lower()}"] = target.getvalue()
    return files


@cache
def video(container: str, codec: str, name: str) -> Files:
    target = io.BytesIO()
    with av.open(target, "w", format=container) as opened:
        stream = opened.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.gop_size = 3
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(pixels(number, 32, 48), format="rgb24")
            opened.mux(stream.encode(frame))
        opened.mux(stream.encode())
    return {name: target.getvalue()}
