"""Making a pilot, going on with one, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import encode_picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError, MissingFile, SameplayerError, SettingError
from sameplayer.pilot import load_pilot, make_pilot, next_question, record_answer, report
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.measure import measure, tracks_of
from tests.fixtures import CONFIG


def test_what_is_loaded_is_what_was_made(made: Pilot) -> None:
    again = load_pilot(made.folder)
    assert again.pairs.equals(made.pairs.astype(again.pairs.dtypes.to_dict()))
    assert (again.population.counts == made.population.counts).all()
    assert again.config == made.config
    assert again.facts == made.facts
    assert made.population.counts.sum() == made.facts["pairs"]


def test_no_name_of_the_data_is_in_the_pilot(made: Pilot, named: Crops) -> None:
    images = {Path(name).name for name in named.table["image"]}
    files = {path.name for path in made.folder.rglob("*")}
    assert not files & images
    text = "".join(
        path.read_text() for path in made.folder.iterdir() if path.suffix in (".csv", ".json")
    )
    assert not any(image in text for image in images)


def test_it_goes_on_with_more_pairs_and_keeps_names_order_and_answers(
    pilot: Pilot, named: Crops, colour: Encoder
) -> None:
    first = str(next_question(pilot))
    record_answer(pilot, first, "no")
    more = make_pilot(named, colour, pilot.folder, replace(CONFIG, pairs=300))
    assert len(more.pairs) > len(pilot.pairs)
    kept = more.pairs[more.pairs["pair"].isin(pilot.pairs["pair"])]
    columns = list(pilot.pairs.columns)
    assert kept.reset_index(drop=True)[columns].equals(pilot.pairs.reset_index(drop=True))
    assert report(load_pilot(pilot.folder))["answers"]["asked"] == 1
    assert next_question(more) != first


def test_a_stopped_run_goes_on_and_looks_at_no_picture_twice(
    named: Crops, colour: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sameplayer.pilot.create.save_pilot", stop)
        with pytest.raises(KeyboardInterrupt):
            make_pilot(named, colour, tmp_path / "P", CONFIG)
    with pytest.raises(MissingFile, match="folder of a finished pilot"):
        load_pilot(tmp_path / "P")
    seen: list[int] = []
    make_pilot(named, colour, tmp_path / "P", CONFIG, progress=lambda done, _: seen.append(done))
    assert not seen
    assert load_pilot(tmp_path / "P").facts["pictures"] == len(named)


def test_other_data_encoders_and_settings_are_refused(
    pilot: Pilot, named: Crops, colour: Encoder
) -> None:
    with pytest.raises(DataError, match="another footage"):
        make_pilot(named.where(range(50)), colour, pilot.folder, CONFIG)
    with pytest.raises(DataError, match="another encoder"):
        make_pilot(named, colour.with_views(mirror=True), pilot.folder, CONFIG)
    with pytest.raises(DataError, match="made with seed 0, now 1"):
        make_pilot(named, colour, pilot.folder, replace(CONFIG, seed=1))
    with pytest.raises(DataError, match="has 120 pairs"):
        make_pilot(named, colour, pilot.folder, replace(CONFIG, pairs=30))


def test_folders_of_anything_else_are_refused(
    named: Crops, colour: Encoder, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file; expected a new folder"):
        make_pilot(named, colour, tmp_path / "file", CONFIG)
    with pytest.raises(DataError, match="holds 'file', which is not part"):
        make_pilot(named, colour, tmp_path, CONFIG)
    with pytest.raises(MissingFile, match="sameplayer pilot DATA --out PILOT"):
        load_pilot(tmp_path)


def test_one_track_and_tracks_of_one_frame_ask_nothing(
    named: Crops, colour: Encoder, tmp_path: Path
) -> None:
    one = replace(named, table=named.table.assign(track="1", game="1", sequence="1", camera="1"))
    with pytest.raises(DataError, match=r"all of one track"):
        make_pilot(one, colour, tmp_path / "P", CONFIG)
    few = named.where(range(5))
    table = few.table.assign(track=list("abcde"), frame=1, sequence="s", camera="c", game="g")
    with pytest.raises(DataError, match="no pair to ask about"):
        make_pilot(replace(few, table=table), colour, tmp_path / "Q", CONFIG)
    with pytest.raises(SettingError, match="columns of the table"):
        make_pilot(named, colour, tmp_path / "R", replace(CONFIG, track="nothing"))
    assert not (tmp_path / "P").exists()


def test_a_track_lasts_within_one_camera_and_the_empty_cell_is_no_track(named: Crops) -> None:
    few = named.where(range(4))
    table = few.table.assign(track=["1", "1", "1", None], camera=["a", "a", "b", "b"], sequence="s")
    tracks, known = tracks_of(replace(few, table=table), "track")
    assert known
    assert tracks[0] == tracks[1]
    assert len(set(tracks.tolist())) == 3
    assert tracks_of(few, "track")[0].tolist() == [0, 1, 2, 3]


def test_tracks_that_one_frame_shows_side_by_side_are_known_to_differ(
    named: Crops, colour: Encoder
) -> None:
    few = named.where(range(6))
    table = few.table.assign(
        track=list("aabbcd"), frame=[1, 2, 2, 3, 9, None], sequence="s", camera="c", game="g"
    )
    pictures = measure(replace(few, table=table), colour, CONFIG)
    pairs = pictures.pairs()
    known = {
        frozenset((int(one), int(other)))
        for one, other in zip(pairs.first[pairs.differ], pairs.second[pairs.differ], strict=True)
    }
    assert known == {frozenset(pair) for pair in ((0, 2), (0, 3), (1, 2), (1, 3))}
    assert len(pairs) == 15 - 2


def test_without_kits_the_report_says_so(named: Crops, colour: Encoder, tmp_path: Path) -> None:
    grey = tmp_path / "grey"
    grey.mkdir()
    rng = np.random.default_rng(0)
    for row in range(12):
        picture = np.full((40 + row, 20, 3), 100 + rng.integers(0, 3), np.uint8)
        (grey / f"{row}.png").write_bytes(encode_picture(picture))
    table = named.where(range(12)).table.assign(
        image=[f"{row}.png" for row in range(12)], team=None
    )
    pilot = make_pilot(Crops(table, grey), colour, tmp_path / "P", CONFIG)
    assert pilot.facts["kits"] == "unknown"
    assert "No kits are known, so no rate is given by kit." in report(pilot)["notes"]


def test_settings_out_of_range_are_named() -> None:
    for name, value in (
        ("pairs", 0),
        ("false_matches", 1.0),
        ("within", 0.0),
        ("pictures", 1),
        ("each_track", 0),
        ("fps", 0.0),
        ("seed", -1),
    ):
        with pytest.raises(SettingError, match=name):
            PilotConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pairs.csv", "population.safetensors"])
def test_a_damaged_or_missing_part_is_named(pilot: Pilot, name: str) -> None:
    path = pilot.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{name}: differs from what was written.*answers stay"):
        load_pilot(pilot.folder)
    path.unlink()
    with pytest.raises(MissingFile, match=name):
        load_pilot(pilot.folder)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(st.integers(0, 20), min_size=1, max_size=3),
    value=st.sampled_from([None, 1, -1, 1.5, "x", [], {}, True, 1e99, 2**70]),
    drop=st.booleans(),
)
def test_a_strange_record_is_refused_or_makes_a_whole_report(
    made: Pilot, tmp_path: Path, keys: list[int], value: object, drop: bool
) -> None:
    folder = tmp_path / "P"
    if not folder.exists():
        shutil.copytree(made.folder, folder)
    record = json.loads((made.folder / "pilot.json").read_text())
    part = record
    for place in keys[:-1]:
        inner = list(part.values())[place % len(part)] if part else None
        part = inner if isinstance(inner, dict) else part
    if part:
        name = list(part)[keys[-1] % len(part)]
        part[name] = value
        if drop:
            del part[name]
    (folder / "pilot.json").write_text(json.dumps(record))
    try:
        loaded = load_pilot(folder)
        report(loaded)
        next_question(loaded)
    except SameplayerError:
        pass
