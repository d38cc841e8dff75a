"""Video: the frame that was asked for, whatever the container, from any thread, or an error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops
from sameplayer.data.images import picture as images
from sameplayer.data.layouts.sources import read_source
from sameplayer.data.reading import read_crop
from sameplayer.data.video import frames as module
from sameplayer.data.video.frames import Video, open_video, read_frames
from sameplayer.data.video.stream import decoded
from sameplayer.errors import DataError, MissingExtra, MissingFile, SettingError

av = pytest.importorskip("av")
FRAMES = 60
H264 = {"g": "12", "bf": "2", "x264-params": "scenecut=0", "preset": "veryfast"}


def numbered(number: int, wide: int = 128, high: int = 64) -> np.ndarray:
    """A frame that carries its number: eight bright or dark columns."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    columns = np.repeat(np.array(bits, np.uint8) * 180 + 30, wide // 8)
    return np.broadcast_to(columns[None, :, None], (high, wide, 3)).copy()


def number_in(picture: np.ndarray) -> int:
    columns = np.array_split(picture.mean(axis=(0, 2)), 8)
    return sum(1 << bit for bit, part in enumerate(columns) if part.mean() > 120)


def write_video(
    path: Path,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    stamps: Sequence[int] | None = None,
    frames: int = FRAMES,
    turn: int = 0,
) -> Path:
    """Write frames that carry 1, 2, ...; ``stamps`` are their times in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=H264 if options is None else options)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        if turn:
            stream.set_display_rotation(turn)
        stream.codec_context.time_base = Fraction(1, 1000) if stamps else Fraction(1, 25)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(number + 1), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = stamps[number] if stamps else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def uneven(frames: int = FRAMES) -> list[int]:
    return [0, *np.cumsum(np.random.default_rng(1).integers(15, 300, frames - 1)).tolist()]


VIDEOS = {
    "b-frames.mp4": {},
    "b-frames.mkv": {},
    "stream.ts": {},
    "uneven.mkv": {"stamps": uneven()},
    "uneven.mp4": {"stamps": uneven()},
    "late.mkv": {"stamps": [5000 + 40 * number for number in range(FRAMES)]},
    "open.mp4": {"options": {**H264, "x264-params": "scenecut=0:open-gop=1:bframes=3"}},
    "open.ts": {"options": {**H264, "x264-params": "scenecut=0:open-gop=1:bframes=3"}},
    "pictures.avi": {"codec": "mjpeg", "options": {}},
    "old.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12"}},
    "old.mpg": {"codec": "mpeg2video", "options": {"bf": "2", "g": "12"}},
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, settings in VIDEOS.items():
        write_video(folder / name, **settings)  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize("name", VIDEOS)
def test_every_frame_is_the_one_of_its_number_in_any_order(videos: Path, name: str) -> None:
    opened = Video(videos / name)
    assert len(opened) == FRAMES
    order = [*range(1, FRAMES + 1), *np.random.default_rng(2).integers(1, FRAMES + 1, 60).tolist()]
    assert [number_in(opened.read(number)) for number in order] == order
    assert number_in(Video(videos / name).read(37)) == 37


@pytest.mark.parametrize("name", VIDEOS)
def test_frames_in_order_carry_their_number_and_their_time(videos: Path, name: str) -> None:
    frames = list(read_frames(videos / name))
    numbers = list(range(1, FRAMES + 1))
    assert [frame.number for frame in frames] == numbers
    assert [number_in(frame.picture) for frame in frames] == numbers
    stamps = VIDEOS[name].get("stamps", [40 * number for number in range(FRAMES)])
    expected = (np.array(stamps) - stamps[0]) / 1000  # type: ignore[index, call-overload]
    np.testing.assert_allclose([frame.time_s for frame in frames], expected, atol=0.0011)
    np.testing.assert_allclose(open_video(videos / name).times, expected, atol=0.0011)


def test_fewer_frames_a_second_are_the_first_of_each_part_of_time(videos: Path) -> None:
    times = np.array(uneven()) / 1000
    chosen = [frame.number for frame in read_frames(videos / "uneven.mkv", fps=2)]
    expected = [
        1 + int(np.argmax(times >= part / 2)) for part in np.unique((times * 2).astype(int))
    ]
    assert chosen == expected
    assert len(chosen) < FRAMES


def test_many_threads_get_the_frames_that_they_asked_for(videos: Path) -> None:
    names = [videos / name for name in VIDEOS]
    rng = np.random.default_rng(3)
    asked = [
        (names[rng.integers(len(names))], int(rng.integers(1, FRAMES + 1))) for _ in range(300)
    ]

    def read(item: tuple[Path, int]) -> int:
        return number_in(read_crop(Path(f"{item[0]}#{item[1]}")))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, asked)) == [number for _, number in asked]


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Holds as many entries as frames were decoded by reading (not by opening)."""
    entries: list[int] = []
    whole = module.decoded

    def counting(source: object) -> Iterator[object]:
        for frame in whole(source):
            entries.append(1)
            yield frame

    monkeypatch.setattr(module, "decoded", counting)
    return entries


def test_frames_in_order_are_decoded_once_and_without_a_seek(
    videos: Path, count: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Video(videos / "stream.ts")
    monkeypatch.setattr(module, "seek", lambda *_: pytest.fail("a seek"))
    for number in range(1, FRAMES + 1, 3):
        opened.read(number)
        opened.read(max(1, number - 2))
    assert len(count) <= FRAMES


@pytest.mark.parametrize("name", ["long.mkv", "long.mp4", "long.ts"])
def test_a_frame_far_ahead_is_reached_from_a_key_frame_near_it(
    tmp_path: Path, count: list[int], name: str
) -> None:
    opened = Video(write_video(tmp_path / name, frames=250))
    assert number_in(opened.read(240)) == 240
    assert 0 < len(count) < 40


def test_a_stream_cut_out_of_the_middle_counts_from_its_first_whole_frame(videos: Path) -> None:
    content = (videos / "stream.ts").read_bytes()
    cut = videos / "cut.ts"
    cut.write_bytes(content[len(content) // 3 // 188 * 188 :])
    shown = [number_in(frame.picture) for frame in read_frames(cut)]
    assert 10 < len(shown) < FRAMES
    assert shown == list(range(shown[0], FRAMES + 1))
    opened = Video(cut)
    assert len(opened) == len(shown)
    assert [number_in(opened.read(n)) for n in (20, 3, 1, len(shown))] == [
        shown[19],
        shown[2],
        shown[0],
        FRAMES,
    ]


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "turned.mp4", frames=3, turn=90)
    picture = open_video(path).read(1)
    _, upright = cv2.VideoCapture(str(path)).read()  # turned as players do
    assert picture.shape == upright.shape == (128, 64, 3)
    assert np.abs(picture[:, :, ::-1].astype(int) - upright).mean() < 5


@pytest.mark.parametrize("number", [0, FRAMES + 1, 10**11])
def test_a_number_that_the_video_has_not_is_refused(videos: Path, number: int) -> None:
    with pytest.raises(DataError, match=f"no frame {number}; expected a number from 1 to {FRAMES}"):
        read_crop(Path(f"{videos / 'b-frames.mp4'}#{number}"))


@pytest.mark.parametrize("number", ["", "x", "-1", "1.5", "²", "1" * 5000])
def test_a_frame_that_is_no_number_is_refused(videos: Path, number: str) -> None:
    with pytest.raises(DataError, match="is not a number; expected a name such as"):
        read_crop(Path(f"{videos / 'b-frames.mp4'}#{number}"))


def test_what_is_no_video_says_so(tmp_path: Path) -> None:
    cases = {"empty.mp4": b"", "text.ts": b"hello " * 500, "cut.mp4": b"\0\0\0\x18ftypmp42" * 3}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: .*video"):
            open_video(tmp_path / name)
    with pytest.raises(MissingFile, match="no such file"):
        read_crop(tmp_path / "absent.mkv#1")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(DataError, match="no video stream"):
        open_video(tmp_path / "sound.mkv")


def test_a_damaged_frame_is_said_and_no_other_is_given_for_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "hurt.mkv", options={**H264, "bf": "0"})
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    content = path.read_bytes()
    at = content.index(packets[29])
    path.write_bytes(content[:at] + b"\xff" * len(packets[29]) + content[at + len(packets[29]) :])
    opened = Video(path)
    assert number_in(opened.read(20)) == 20
    assert number_in(opened.read(40)) == 40
    with pytest.raises(DataError, match="frame 30 is damaged"):
        opened.read(30)
    assert number_in(opened.read(29)) == 29


def test_a_frame_too_large_is_refused(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 128 * 64 - 1)
    with pytest.raises(DataError, match="128 x 64 pixels; at most 8,191"):
        Video(videos / "stream.ts")


def test_a_video_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames=20)
    assert read_crop(Path(f"{path}#7")).shape == (64, 128, 3)
    write_video(path, frames=5)
    with pytest.raises(DataError, match="from 1 to 5"):
        read_crop(Path(f"{path}#7"))


def test_without_the_library_the_extra_is_named(
    videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"sameplayer\[video\]"):
        Video(videos / "stream.ts")


@pytest.mark.parametrize("name", ["clip.avi", "clip.ts", "clip.mp4"])
def test_a_mot_folder_with_a_video_is_checked_and_read(tmp_path: Path, name: str) -> None:
    codec = {"codec": "mjpeg", "options": {}} if name.endswith("avi") else {}
    write_video(tmp_path / name, frames=20, **codec)  # type: ignore[arg-type]
    (tmp_path / "gt").mkdir()
    lines = [
        f"{frame},{track},{16 * track},0,16,64,1,1,1"
        for track in range(8)
        for frame in range(1, 21)
    ]
    (tmp_path / "gt" / "gt.txt").write_text("\n".join(lines))
    crops = read_source(tmp_path)
    seen: list[tuple[int, int]] = []
    assert check_crops(crops, lambda done, total: seen.append((done, total))) == []
    assert seen == [(done, 20) for done in range(1, 21)]
    frames, persons = crops.table["frame"].astype(int), crops.table["person"].astype(int)
    for row in range(0, len(crops), 7):
        bright = crops.read(row).mean() > 120
        assert bright == bool(frames[row] >> persons[row] & 1)


def test_check_names_the_rows_of_frames_that_are_not_there(videos: Path) -> None:
    names = ["stream.ts#3", "stream.ts#99", "stream.ts#x", "gone.ts#1", "stream.ts#2"]
    table = pd.DataFrame({"image": names, "role": "train"})
    problems = check_crops(Crops(table, videos))
    assert [(problem.row, problem.kind) for problem in problems] == [
        (1, "unreadable picture"),
        (2, "unreadable picture"),
        (3, "missing file"),
    ]


def test_a_frame_that_was_read_is_the_callers_own(videos: Path) -> None:
    path = Path(f"{videos / 'stream.ts'}#5")
    for box in (None, (0.0, 0.0, 64.0, 64.0)):
        first = read_crop(path, box)
        first[:] = 0
        assert read_crop(path, box).any()


def test_a_box_is_cut_out_of_a_frame(videos: Path) -> None:
    picture = read_crop(Path(f"{videos / 'stream.ts'}#2"), (16, 8, 16, 20))
    assert picture.shape == (20, 16, 3)
    assert picture.mean() > 120


def test_a_stream_whose_time_starts_again_is_counted(videos: Path) -> None:
    content = (videos / "stream.ts").read_bytes()
    (videos / "twice.ts").write_bytes(content + content)
    expected = [*range(1, FRAMES + 1)] * 2
    assert [number_in(frame.picture) for frame in read_frames(videos / "twice.ts")] == expected
    opened = Video(videos / "twice.ts")
    assert [number_in(opened.read(number)) for number in (3, 100, 62, 1, 120)] == [3, 40, 2, 1, 60]


def test_frames_of_one_time_are_timed_by_the_rate_of_the_stream(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "one.mp4", stamps=[0] * 30, frames=30))
    np.testing.assert_allclose(video.times, np.arange(30) / 25)


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_that_is_none_is_a_wrong_setting(videos: Path, fps: float) -> None:
    with pytest.raises(SettingError, match="fps is"):
        read_frames(videos / "stream.ts", fps=fps)


def test_a_script_that_read_a_video_ends_without_a_word(videos: Path) -> None:
    crop = f"{videos / 'stream.ts'}#3"
    code = f"from sameplayer.data.reading import read_crop; read_crop({crop!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == done.stdout == ""


@pytest.mark.parametrize("name", VIDEOS)
@pytest.mark.parametrize("first", [1, 14, 38, 60])
def test_picked_frames_are_those_of_their_numbers(videos: Path, name: str, first: int) -> None:
    numbers = list(range(first, FRAMES + 1, 7))
    picked = list(Video(videos / name).pick(numbers))
    assert [frame.number for frame in picked] == numbers
    assert [number_in(frame.picture) for frame in picked] == numbers


def test_picking_late_frames_decodes_none_long_before(
    videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded_frames = []

    def counted(source: object) -> Iterator[object]:
        for frame in decoded(source):
            decoded_frames.append(frame)
            yield frame

    monkeypatch.setattr("sameplayer.data.video.frames.decoded", counted)
    assert [frame.number for frame in Video(videos / "b-frames.mp4").pick([54, 56])] == [54, 56]
    assert len(decoded_frames) <= 56 - 36
