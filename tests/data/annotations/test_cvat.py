"""CVAT's XML as CVAT exports it, as programs write it, and as it is when it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.annotations.cvat import has_cvat, read_cvat
from sameplayer.errors import DataError
from tests.data.annotations.read_back import boxes, read, texts, written

META = """<meta><task><id>7</id><name>left</name><size>40</size><mode>interpolation</mode>
<overlap>5</overlap><start_frame>0</start_frame><stop_frame>39</stop_frame>
<frame_filter>{filter}</frame_filter><segments><segment><id>1</id><start>0</start><stop>39</stop>
</segment></segments><labels><label><name>player</name><attributes><attribute><name>number</name>
<mutable>False</mutable></attribute></attributes></label><label><name>ball</name></label></labels>
<original_size><width>160</width><height>120</height></original_size><source>left.mp4</source>
</task><dumped>2024-01-02 03:04:05.000000+00:00</dumped></meta>"""


def box(frame: int, left: float, *, key: int = 1, outside: int = 0, more: str = "") -> str:
    return (
        f'<box frame="{frame}" keyframe="{key}" outside="{outside}" occluded="0" xtl="{left}" '
        f'ytl="10.25" xbr="{left + 20}" ybr="50.75" z_order="0">{more}</box>'
    )


def track(number: int, *shapes: str, label: str = "player", more: str = 'source="manual"') -> str:
    return f'<track id="{number}" label="{label}" {more}>{"".join(shapes)}</track>'


def xml(*parts: str, step: str = "") -> str:
    body = "".join(parts)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f"{META.format(filter=step)}{body}</annotations>"
    )


def test_every_listed_box_is_read_with_its_track_and_attributes(tmp_path: Path) -> None:
    said = '<attribute name="Number">07</attribute><attribute name="Team">Reds</attribute>'
    path = written(
        tmp_path / "annotations.xml",
        xml(
            track(
                0,
                box(0, 10.5, more=said),
                box(1, 11.5, key=0),
                box(2, 12.5, outside=1),
                box(5, 40),
                box(6, 41, key=0),
                box(7, 41, outside=1),
            ),
            track(1, box(0, 80), label="ball"),
            track(2, box(3, 90), label="referee"),
        ),
    )
    found, values = read(path)
    assert values == [
        (0, 0, 10.5, 10.25, 20, 40.5),
        (1, 0, 11.5, 10.25, 20, 40.5),
        (5, 0, 40, 10.25, 20, 40.5),
        (6, 0, 41, 10.25, 20, 40.5),
        (0, 1, 80, 10.25, 20, 40.5),
        (3, 2, 90, 10.25, 20, 40.5),
    ]
    assert found.first == 0
    assert texts(found, "label") == ["player"] * 4 + ["ball", "referee"]
    assert texts(found, "number")[:2] == ["07", None]
    assert texts(found, "team")[0] == "Reds"
    assert found.notes == ()
    seen, values = boxes(path, frames=40, size=(160, 120))
    assert [value[0] for value in values] == [1, 2, 4, 6, 7]
    assert any("1 of 'ball'" in note for note in seen.notes)


def test_between_keyframes_a_box_moves_straight_also_towards_the_one_that_is_outside(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "a.xml", xml(track(4, box(0, 10), box(4, 30), box(6, 40, outside=1))))
    found, values = read(path)
    assert sorted(value[:3] for value in values) == [
        (0, 4, 10),
        (1, 4, 15),
        (2, 4, 20),
        (3, 4, 25),
        (4, 4, 30),
        (5, 4, 35),
    ]
    assert found.notes == ("4 boxes between keyframes are added, as CVAT shows them.",)


@pytest.mark.parametrize(
    "text",
    [
        xml(track(0, box(0, 10), box(5, 30)), step="step=5"),
        xml(track(0, box(0, 10), box(5, 30), more='source="auto"')),
        xml(track(0, box(0, 10), box(5, 30)), track(1, box(0, 1, key=0), more='source="auto"')),
    ],
    ids=["each fifth frame", "a program's", "all frames listed"],
)
def test_nothing_is_put_between_boxes_that_are_all_there_are(text: str, tmp_path: Path) -> None:
    found, values = read(written(tmp_path / "a.xml", text))
    assert [value[:3] for value in values if value[1] == 0] == [(0, 0, 10), (5, 0, 30)]
    assert found.notes == ()


def test_outside_towards_a_box_elsewhere_adds_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xml", xml(track(0, box(0, 9, outside=1), box(3, 9))))
    assert [value[0] for value in read(path)[1]] == [3]


def test_turned_boxes_and_other_shapes_are_left_out_and_counted(tmp_path: Path) -> None:
    turned = box(1, 10).replace("occluded", 'rotation="30.0" occluded')
    full = box(2, 10).replace("occluded", 'rotation="360" occluded')
    polygon = '<polygon frame="0" keyframe="1" outside="0" points="1,2;3,4;5,6"/>'
    path = written(tmp_path / "a.xml", xml(track(0, turned, full), track(1, polygon, polygon)))
    found, values = read(path)
    assert [value[0] for value in values] == [2]
    assert found.notes == (
        "1 box with a rotation, track 0, frame 1, is left out.",
        "2 boxes of other shapes (polygons, points), such as track 1, frame 0, are left out.",
    )
    with pytest.raises(DataError, match=r"no box that can be read.*2 boxes"):
        read(written(tmp_path / "b.xml", xml(track(1, polygon, polygon))))


def image(number: int, name: str, *shapes: str, more: str = "") -> str:
    head = f'<image id="{number}" name="{name}" {more} width="160" height="120">'
    return f"{head}{''.join(shapes)}</image>"


def shape(left: float, more: str = "") -> str:
    return (
        f'<box label="player" source="manual" occluded="0" xtl="{left}" ytl="1" xbr="{left + 9}" '
        f'ybr="21" z_order="0">{more}</box>'
    )


def test_images_are_frames_by_the_numbers_of_their_names(tmp_path: Path) -> None:
    known = '<attribute name="track_id">12</attribute><attribute name="identity">Ana</attribute>'
    text = xml(
        image(0, "img1/000006.jpg", shape(3, known), '<tag label="cut"/>'),
        image(1, "img1/000011.jpg", shape(4), '<polygon label="player" points="1,2;3,4"/>'),
    )
    found, values = read(written(tmp_path / "a.xml", text))
    assert found.first is None
    assert values[0] == (6, 12, 3, 1, 9, 20)
    assert values[1][0] == 11
    assert values[1][1] != values[1][1]
    assert texts(found, "name") == ["Ana", None]
    assert "1 box of other shapes" in found.notes[0]


def test_images_of_a_video_count_from_zero_and_names_without_numbers_leave_the_ids(
    tmp_path: Path,
) -> None:
    of_video = xml(image(0, "frame_000000"), image(2, "frame_000002", shape(3)))
    found, values = read(written(tmp_path / "a.xml", of_video))
    assert (found.first, values[0][0]) == (0, 2)
    named = xml(image(0, "a.jpg", shape(3)), image(1, "b.jpg", shape(3)))
    found, values = read(written(tmp_path / "b.xml", named))
    assert (found.first, [value[0] for value in values]) == (0, [0, 1])
    assert "their ids, which count from 0, are read as frames" in found.notes[0]


def test_tasks_of_a_project_are_sequences(tmp_path: Path) -> None:
    tasks = "".join(
        f"<task><id>{number}</id><name>{name}</name><size>9</size></task>"
        for number, name in ((1, "left"), (2, "right"))
    )
    text = (
        f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>"
        + track(0, box(0, 1), more='task_id="1"')
        + track(1, box(0, 2), more='task_id="2"')
        + "</annotations>"
    )
    path = written(tmp_path / "a.xml", text)
    assert texts(read(path)[0], "sequence") == ["left", "right"]
    assert [value[2] for value in boxes(path, camera="right")[1]] == [2]
    with pytest.raises(DataError, match="left, right; name one"):
        boxes(path)


ENTITY = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (xml(track(0, box(0, 1)))[:-30], "not a file of CVAT that can be read"),
        (f"{ENTITY}<annotations>&d;</annotations>", "not a file of CVAT that can be read"),
        ("<annotations>" + "<a>" * 99 + "</a>" * 99 + "</annotations>", "more than 60 deep"),
        (
            xml(track(0, box(0, 1).replace('"1"', '"x"', 1).replace('xtl="1"', 'xtl="l"'))),
            "track 0, frame 0: xtl is 'l'; expected a number",
        ),
        (xml(track(0, box(0, 1).replace('frame="0"', 'frame="0.5"'))), "frame is '0.5'; expected"),
        (xml(track(3, box(0, 1), box(0, 2))), "track 3, frame 0: a second box"),
        (xml(track(0, box(0, 1), box(10**9, 2))), "more than 5,000,000 boxes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "5,000,000" in said:
        monkeypatch.setattr("sameplayer.data.annotations.rows.MOST", 1000)
        said = "more than 1,000 boxes"
    with pytest.raises(DataError, match=said):
        read_cvat(written(tmp_path / "a.xml", text))


def test_other_xml_is_not_taken_for_cvat(tmp_path: Path) -> None:
    assert has_cvat(written(tmp_path / "a.xml", xml()))
    assert not has_cvat(written(tmp_path / "b.xml", "<annotation><object/></annotation>"))
    assert not has_cvat(written(tmp_path / "a.txt", xml()))
    with pytest.raises(DataError, match=r"no known format of boxes[\s\S]*CVAT for video 1.1"):
        read(tmp_path / "b.xml")
