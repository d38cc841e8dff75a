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
from sameplayer.ranking import PreparedGallery, RankConfig, rank, search
from sameplayer.ranking.retrieval import rank_one_by_one
from tests.ranking.drawn import Case, cases, embedded, persons, shaken


def config(k1: int, k2: int, lambda_: float | None = None) -> RankConfig:
    return RankConfig("k-reciprocal", k1, k2, lambda_)


@settings(max_examples=40)
@given(cases())
def test_a_prepared_gallery_answers_as_if_the_query_were_the_only_one(case: Case) -> None:
    query, gallery, *rest = shaken(case)
    distance = PreparedGallery(embedded(gallery), config(*rest)).distances(query)
    alone = [plain.k_reciprocal(row[None], gallery, *rest)[0] for row in query]
    np.testing.assert_allclose(distance, np.stack(alone), atol=1e-5)


@pytest.mark.parametrize("case", ["20_6_0.3", "15_4_0.5", "20_1_0.3", "7_3_0.0"])
def test_prepared_gallery_on_the_golden_queries(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank.npz")
    k1, k2, lambda_ = case.split("_")
    setting = int(k1), int(k2), float(lambda_)
    distance = PreparedGallery(data["gallery"], config(*setting)).distances(data["query"])
    alone = [plain.k_reciprocal(row[None], data["gallery"], *setting)[0] for row in data["query"]]
    np.testing.assert_allclose(distance, np.stack(alone), atol=1e-5)


def test_one_by_one_and_jointly_agree_for_one_query() -> None:
    rows = persons()
    keep = (rows.crops.table["role"] != "query") | (rows.crops.table["person"] == "3")
    one = rows.where(np.flatnonzero(keep))
    setting = config(8, 3)
    alone, joint = rank_one_by_one(one, setting), rank(one, rerank=setting)
    np.testing.assert_allclose(alone.distance, joint.distance, atol=1e-5)
    assert alone.rerank == alone.facts["rerank"] == "k-reciprocal, one by one"
    assert alone.facts == {**joint.facts, "rerank": alone.rerank}
    scoped = replace(rows, crops=replace(rows.crops, scope="sequence"))
    with pytest.raises(RankingError, match="one identity scope"):
        rank_one_by_one(scoped)
    with pytest.raises(SettingError, match="rerank is 'hard'; expected k-reciprocal"):
        rank_one_by_one(rows, RankConfig("hard"))


def test_prepared_gallery_is_saved_and_refuses_other_embeddings(
    golden: Path, tmp_path: Path
) -> None:
    data = np.load(golden / "rerank.npz")
    gallery = embedded(data["gallery"])
    prepared = PreparedGallery(gallery, config(15, 4, 0.5))
    prepared.save(tmp_path / "gallery.prepared")
    again = PreparedGallery.load(tmp_path / "gallery.prepared", gallery)
    assert (again.config, len(again)) == (config(15, 4, 0.5), len(gallery))
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
    PreparedGallery(embedded(rows), config(5, 3)).save(path)
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


def test_a_search_ranks_each_query_on_its_own(golden: Path) -> None:
    rows = persons()
    role = rows.crops.table["role"].to_numpy()
    queries, gallery = (rows.where(np.flatnonzero(role == part)) for part in ("query", "gallery"))
    prepared = PreparedGallery(gallery, config(8, 3))
    found = search(queries, prepared, 4)
    expected = prepared.distances(queries.vectors)
    assert found.columns[:6].tolist() == ["query", "rank", "row", "image", "person", "distance"]
    assert len(found) == 4 * len(queries)
    for row, table in found.groupby("query"):
        np.testing.assert_array_equal(table["row"], np.argsort(expected[row], kind="stable")[:4])
        np.testing.assert_array_equal(table["distance"], np.sort(expected[row])[:4])
    again = search(queries, gallery, 4, rerank=config(8, 3))
    np.testing.assert_array_equal(again["row"], found["row"])
    plain_order = search(queries, gallery, 2)["row"]
    nearest = np.argsort(rank(queries, gallery).distance, axis=1, kind="stable")[:, :2]
    np.testing.assert_array_equal(plain_order, nearest.ravel())


def test_a_search_within_scopes_meets_its_own_scope_only() -> None:
    rows = persons()
    rows = replace(rows, crops=replace(rows.crops, scope="sequence"))
    role = rows.crops.table["role"].to_numpy()
    queries, gallery = (rows.where(np.flatnonzero(role == part)) for part in ("query", "gallery"))
    found = search(queries, gallery, 100, rerank="k-reciprocal")
    own = queries.crops.table["sequence"].to_numpy()[found["query"]]
    assert (own == gallery.crops.table["sequence"].to_numpy()[found["row"]]).all()


def test_a_search_refuses_another_encoder_and_features_without_pictures() -> None:
    rows, others = persons(), persons(seed=2)
    with pytest.raises(RankingError, match="Embed both alike"):
        search(rows, PreparedGallery(others))
    with pytest.raises(RankingError, match="prepare it from Embeddings"):
        search(rows, PreparedGallery(rows.vectors))
    with pytest.raises(SettingError, match="k is 0"):
        search(rows, others_of(rows), 0)


def others_of(rows: Embeddings) -> Embeddings:
    return rows.where(np.arange(4))
