"""A prepared gallery answers one query at a time, and believes no damaged file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError, MissingFile, RankingError, SameplayerError, SettingError
from sameplayer.ranking import PreparedGallery, RankConfig, Search, rank, rank_one_by_one
from sameplayer.ranking.prepared.streaming import prepare_file
from tests.ranking.drawn import Case, cases, embedded, persons, shaken


@settings(max_examples=40)
@given(cases())
def test_a_prepared_gallery_answers_as_if_the_query_were_the_only_one(case: Case) -> None:
    query, gallery, *rest = shaken(case)
    distance = PreparedGallery(embedded(gallery), *rest).distances(query)
    alone = [plain.k_reciprocal(row[None], gallery, *rest)[0] for row in query]
    np.testing.assert_allclose(distance, np.stack(alone), atol=1e-5)


@pytest.mark.parametrize("rows", ["float16", "int8"])
@settings(max_examples=25)
@given(case=cases())
def test_small_rows_find_the_same_neighbours(rows: str, case: Case) -> None:
    query, gallery, k1, k2, _ = shaken(case)
    exact = PreparedGallery(embedded(gallery), k1, k2, 0.0).distances(query)
    small = PreparedGallery(embedded(gallery), k1, k2, 0.0, rows=rows).distances(query)
    # Without a share of the direct distance only neighbours and their exact distances count.
    np.testing.assert_allclose(small, exact, atol=1e-5)


def test_small_rows_keep_direct_distances_within_their_rounding(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    gallery = embedded(data["gallery"])
    exact = PreparedGallery(gallery, lambda_=1.0).distances(data["query"])
    off = {}
    for rows in ("float16", "int8"):
        small = PreparedGallery(gallery, lambda_=1.0, rows=rows).distances(data["query"])
        off[rows] = np.abs(small - exact).max()
    assert off["float16"] < off["int8"] < 0.03
    with pytest.raises(SettingError, match="rows is 'int4'; expected one of float32"):
        PreparedGallery(gallery, rows="int4")


@pytest.mark.parametrize("case", ["20_6_0.3", "15_4_0.5", "20_1_0.3", "7_3_0.0"])
def test_prepared_gallery_on_the_golden_queries(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank.npz")
    k1, k2, lambda_ = case.split("_")
    setting = int(k1), int(k2), float(lambda_)
    distance = PreparedGallery(embedded(data["gallery"]), *setting).distances(data["query"])
    alone = [plain.k_reciprocal(row[None], data["gallery"], *setting)[0] for row in data["query"]]
    np.testing.assert_allclose(distance, np.stack(alone), atol=1e-5)


def test_one_by_one_and_jointly_agree_for_one_query() -> None:
    rows = persons()
    keep = (rows.crops.table["role"] != "query") | (rows.crops.table["person"] == "3")
    one = rows.where(np.flatnonzero(keep))
    config = RankConfig("k-reciprocal", k1=8, k2=3)
    alone, joint = rank_one_by_one(one, config), rank(one, rerank=config)
    np.testing.assert_allclose(alone.distance, joint.distance, atol=1e-5)
    assert alone.rerank == alone.facts["rerank"] == "k-reciprocal, one by one"
    assert alone.facts == {**joint.facts, "rerank": alone.rerank}
    scoped = replace(rows, crops=replace(rows.crops, scope="sequence"))
    with pytest.raises(RankingError, match="one set"):
        rank_one_by_one(scoped)
    with pytest.raises(SettingError, match="rerank is 'hard'; expected k-reciprocal"):
        rank_one_by_one(rows, RankConfig("hard"))


def test_prepared_gallery_is_saved_and_refuses_other_embeddings(
    golden: Path, tmp_path: Path
) -> None:
    data = np.load(golden / "rerank.npz")
    gallery = embedded(data["gallery"])
    prepared = PreparedGallery(gallery, 15, 4, 0.5)
    prepared.save(tmp_path / "gallery.prepared")
    again = PreparedGallery.load(tmp_path / "gallery.prepared", gallery)
    assert (again.k1, again.k2, again.lambda_, len(again)) == (15, 4, 0.5, len(gallery))
    np.testing.assert_array_equal(again.distances(data["query"]), prepared.distances(data["query"]))
    with pytest.raises(RankingError, match="prepare the gallery again"):
        PreparedGallery.load(tmp_path / "gallery.prepared", embedded(data["query"]))
    (tmp_path / "other").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a prepared gallery"):
        PreparedGallery.load(tmp_path / "other", gallery)
    with pytest.raises(MissingFile, match="no such file"):
        PreparedGallery.load(tmp_path / "nowhere", gallery)
    with pytest.raises(RankingError, match="columns"):
        prepared.distances(np.ones((1, 3), np.float32))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Embeddings]:
    rows = np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32)
    path = tmp_path_factory.mktemp("prepared") / "gallery.prepared"
    PreparedGallery(embedded(rows), 5, 3).save(path)
    return path, embedded(rows)


DAMAGE = {
    "a row number over the last": ("lists", lambda a: np.where(a == a.max(), 30, a)),
    "a row number far away": ("lists", lambda a: np.full_like(a, 2**31 - 1)),
    "a row number below 0": ("lists", lambda a: np.where(a == 0, -1, a)),
    "longer numbers": ("lists", lambda a: a.astype(np.int64)),
    "fewer neighbours": ("lists", lambda a: a[:, :-1].copy()),
    "fewer rows": ("lists", lambda a: a[:-1].copy()),
    "one dimension": ("lists", lambda a: a.reshape(-1).copy()),
    "wider values": ("values", lambda a: a.astype(np.float64)),
    "fewer values": ("values", lambda a: a[:, :-1].copy()),
    "no number": ("values", lambda a: np.where(a == a.max(), np.nan, a)),
    "unsorted values": ("values", lambda a: a[:, ::-1].copy()),
    "values below 0": ("values", lambda a: a - 1),
    "endless distances": ("farthest", lambda a: a + np.inf),
    "no distances": ("farthest", lambda a: a * 0),
    "fewer distances": ("farthest", lambda a: a[:-1].copy()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_arrays_that_compiled_code_would_trust_are_refused(
    saved: tuple[Path, Embeddings], tmp_path: Path, damage: str
) -> None:
    path, gallery = saved
    header, parts = contents(path)
    name, change = DAMAGE[damage]
    parts[name] = change(parts[name])
    save_file(parts, tmp_path / "damaged", header)
    with pytest.raises(DataError, match="repare the gallery again"):
        PreparedGallery.load(tmp_path / "damaged", gallery)


@pytest.mark.parametrize(
    "change",
    [
        {"k1": "0"},
        {"k1": "five"},
        {"k1": "9" * 30},
        {"k1": "6"},
        {"k2": "-1"},
        {"lambda": "nan"},
        {"lambda": ""},
        {"format": "sameplayer prepared gallery 2"},
    ],
    ids=str,
)
def test_settings_that_do_not_fit_the_arrays_are_refused(
    saved: tuple[Path, Embeddings], tmp_path: Path, change: dict[str, str]
) -> None:
    path, gallery = saved
    header, parts = contents(path)
    save_file(parts, tmp_path / "damaged", {**header, **change})
    with pytest.raises(DataError, match="repare the gallery again"):
        PreparedGallery.load(tmp_path / "damaged", gallery)
    for missing in header:
        rest = {name: value for name, value in header.items() if name != missing}
        save_file(parts, tmp_path / "damaged", rest)
        with pytest.raises(DataError):
            PreparedGallery.load(tmp_path / "damaged", gallery)


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_answers_or_raises_our_own_errors(
    saved: tuple[Path, Embeddings], data: st.DataObject
) -> None:
    path, gallery = saved
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = path.with_name("mutated")
    damaged.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        prepared = PreparedGallery.load(damaged, gallery)
    except SameplayerError:
        return
    assert np.isfinite(prepared.distances(gallery.vectors[:2])).all()


def contents(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    with safe_open(path, framework="numpy") as file:
        parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return dict(file.metadata()), parts


@pytest.mark.parametrize("name", ["rows.npy", "embeddings.safetensors"])
def test_a_gallery_prepared_from_a_file_is_that_of_memory(tmp_path: Path, name: str) -> None:
    gallery = persons(count=30)
    if name.endswith("npy"):
        np.save(tmp_path / name, gallery.vectors)
    else:
        gallery.save(tmp_path / name)
    told: list[tuple[int, int]] = []
    search = Search(memory_gb=4 * 40**2 / 1e9)
    prepare_file(
        tmp_path / name,
        tmp_path / "streamed",
        7,
        3,
        search=search,
        progress=lambda *step: told.append(step),
    )
    PreparedGallery(gallery, 7, 3, search=search).save(tmp_path / "whole")
    assert told == [(40, 150), (80, 150), (120, 150), (150, 150)]
    header, parts = contents(tmp_path / "streamed")
    expected_header, expected = contents(tmp_path / "whole")
    assert header == expected_header
    for part, array in expected.items():
        np.testing.assert_array_equal(parts[part], array)
    np.save(tmp_path / "mapped.npy", gallery.vectors)
    mapped = replace(gallery, vectors=np.load(tmp_path / "mapped.npy", mmap_mode="r"))
    query = persons(count=3, seed=2).vectors
    answers = [
        PreparedGallery.load(tmp_path / "streamed", rows).distances(query)
        for rows in (mapped, gallery)
    ]
    np.testing.assert_array_equal(*answers)
    small = PreparedGallery.load(tmp_path / "streamed", mapped, rows="int8").distances(query)
    np.testing.assert_allclose(small, answers[0], atol=5e-3)


def test_files_that_hold_no_rows_are_refused(tmp_path: Path) -> None:
    rows = persons().vectors
    np.save(tmp_path / "good.npy", rows)
    content = (tmp_path / "good.npy").read_bytes()
    np.save(tmp_path / "flat.npy", rows[0])
    np.save(tmp_path / "whole.npy", rows.astype(int))
    np.save(tmp_path / "columns.npy", np.asfortranarray(rows))
    (tmp_path / "cut.npy").write_bytes(content[:-5])
    (tmp_path / "nothing.npy").write_bytes(b"")
    (tmp_path / "nothing.safetensors").write_bytes(b"x" * 40)
    save_file({"rows": rows}, tmp_path / "other.safetensors")
    for bad in (
        "flat.npy",
        "whole.npy",
        "columns.npy",
        "cut.npy",
        "nothing.npy",
        "nothing.safetensors",
        "other.safetensors",
    ):
        with pytest.raises(DataError, match=bad):
            prepare_file(tmp_path / bad, tmp_path / "out")
    with pytest.raises(MissingFile, match="no such file"):
        prepare_file(tmp_path / "nowhere.npy", tmp_path / "out")
    with pytest.raises(SettingError, match="exact one on the CPU"):
        prepare_file(tmp_path / "good.npy", tmp_path / "out", search=Search(approximate=True))
    broken = rows.copy()
    broken[41, 2] = np.nan
    np.save(tmp_path / "broken.npy", broken)
    with pytest.raises(RankingError, match=r"rows \[41\]"):
        prepare_file(tmp_path / "broken.npy", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
