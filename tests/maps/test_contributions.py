"""What places add to a similarity: sums that come out, and a map that lies on the player."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import sameplayer
from sameplayer.data.images.picture import Picture, decode
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.maps.contributions import contributions
from sameplayer.maps.explanation import explain, usual_method
from sameplayer.maps.method import blurred
from tests.maps.map_helpers import A, B, images_and_target

REAL = Path(sameplayer.__file__).parent / "data" / "real"


@pytest.fixture(scope="module")
def person() -> Encoder:
    return load_encoder("person")


def real(number: int) -> Picture:
    return decode(REAL / f"{number:02d}.jpeg")


@pytest.mark.parametrize(("query", "item"), [(1, 2), (4, 6), (7, 8), (10, 12)])
def test_the_map_of_person_has_its_maximum_on_the_player(
    person: Encoder, query: int, item: int
) -> None:
    a, b = real(query), real(item)
    why = explain(person, a, b)
    assert why.facts["method"] == "contributions"
    for picture, values in ((a, why.map_a), (b, why.map_b)):
        high, wide = picture.shape[:2]
        row, column = np.unravel_index(values.argmax(), values.shape)
        assert 0.15 * wide < column < 0.85 * wide
        assert row > 0.03 * high
        assert values[:, wide // 4 : 3 * wide // 4].sum() > 0.5 * values.sum()
    assert why.refusals == (None, None)


def test_what_a_place_of_person_adds_is_its_term_of_the_last_sums(person: Encoder) -> None:
    encoder = person.with_views(mirror=False, colour=0.0)
    image, target = images_and_target(encoder)
    network = encoder.model
    with torch.no_grad():
        maps = torch.nn.functional.relu(network.norm(network.stem(network.light(image[None]))))
        grid = network.stages(torch.nn.functional.max_pool2d(maps, 3, 2, 1))[0]
        before = network.head(network.gather(grid[None]).flatten(1))[0]
        slopes = torch.where(before > 0, 1.0, network.bend.weight)
        weights = (slopes * target) @ network.head.weight / network.bend(before[None]).norm()
        terms = (weights[:, None, None] * network.gather.weight[:, 0] * grid).sum(dim=0)
        blank = blurred(image)[None]
        maps = torch.nn.functional.relu(network.norm(network.stem(network.light(blank))))
        flat = network.stages(torch.nn.functional.max_pool2d(maps, 3, 2, 1))[0]
        terms -= (weights[:, None, None] * network.gather.weight[:, 0] * flat).sum(dim=0)
    found = contributions(encoder, image, target).parts
    assert found is not None
    np.testing.assert_allclose(found, terms.numpy(), atol=1e-5)


def test_parts_of_small_are_what_the_feature_loses_and_the_rest_is_what_stays() -> None:
    encoder = create_encoder("small", pretrained=False, seed=1)
    image, target = images_and_target(encoder)
    why = explain(encoder, A.picture, B.picture, method="contributions", check=False)
    parts = why.parts_a
    assert parts is not None
    stage = encoder.model.stages[-1]
    encoder.model.eval()
    with torch.no_grad():
        seen: list[torch.Tensor] = []
        hook = stage.register_forward_hook(lambda layer, given, made: seen.append(made))
        row = encoder.features(image[None])[0]
        encoder.features(blurred(image)[None])
        hook.remove()

        def without(place: tuple[int | slice, int | slice]) -> float:
            changed = seen[0].clone()
            changed[:, :, *place] = seen[1][:, :, *place]
            hook = stage.register_forward_hook(lambda layer, given, made: changed)
            left = float(encoder.features(image[None])[0] @ target / row.norm())
            hook.remove()
            return left

        for place in ((0, 0), (2, 1), (3, 0)):
            lost = why.similarity - without(place)
            assert parts.network[place] == pytest.approx(lost, abs=1e-5)
        assert parts.rest == pytest.approx(without((slice(None), slice(None))), abs=1e-5)
    assert parts.similarity == pytest.approx(why.similarity, abs=1e-5)


def test_colours_add_up_and_are_joined_by_their_share(person: Encoder) -> None:
    a, b = real(1), real(2)
    why, alone = explain(person, a, b), explain(load_encoder("colour"), a, b)
    share = person.spec.colour
    for parts, own in ((why.parts_a, alone.parts_a), (why.parts_b, alone.parts_b)):
        assert parts is not None
        assert own is not None
        assert parts.colours is not None
        assert parts.colours.min() >= 0
        assert parts.colours.sum() == pytest.approx(share * alone.similarity, abs=1e-5)
        assert own.network.sum() == pytest.approx(alone.similarity, abs=1e-5)
        assert own.rest == pytest.approx(0, abs=1e-5)
        np.testing.assert_allclose(parts.colours, share * own.network, atol=1e-6)
        assert parts.similarity == pytest.approx(why.similarity, abs=1e-5)


def test_a_pixel_adds_by_how_much_of_its_colour_the_other_picture_has() -> None:
    red, half = np.zeros((2, 90, 40, 3), np.uint8)
    red[:, :, 0] = 200
    half[:, :20, 0] = 200
    half[:, 20:, 2] = 200
    why = explain(load_encoder("colour"), half, red, check=False)
    assert why.similarity == pytest.approx(0.5**0.5, abs=0.01)
    assert why.map_a[:, :17].min() > 0.9
    assert why.map_a[:, 23:].max() < 0.1


def test_a_mirrored_picture_has_the_mirrored_map(person: Encoder) -> None:
    a, b = real(1), real(2)
    plain, turned = (
        explain(person, one, b, check=False).map_a for one in (a, np.ascontiguousarray(a[:, ::-1]))
    )
    np.testing.assert_allclose(turned[:, ::-1], plain, atol=0.02)


def test_transformers_and_coarse_grids_keep_score_cam(person: Encoder) -> None:
    usual = {
        name: usual_method(create_encoder(name, pretrained=False, seed=1))
        for name in ("test_vit", "small")
    }
    assert usual == {"test_vit": "occlusion", "small": "occlusion"}
    assert usual_method(person) == usual_method(load_encoder("colour")) == "contributions"
