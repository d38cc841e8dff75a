"""The layout of a layer: read right in every kind of tower, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.encoder.networks.padding import patches_to_keep
from sameplayer.errors import ConfigError, SettingError
from sameplayer.maps.explanation import explain
from sameplayer.maps.layers import choose, layer_name, layers_of, on_grid, watched
from tests.maps.map_helpers import A, B, alike, images_and_target, reddest

TALL = {"height": 224, "width": 112}


def grid_of(encoder: Encoder, block: int | None = None) -> tuple[torch.Tensor, str]:
    image, _ = images_and_target(encoder)
    layers = layers_of(encoder)
    with torch.no_grad(), watched(layers) as seen:
        encoder.features(image[None])
    place = choose(encoder, seen, image, block)
    return on_grid(encoder, seen[place], image), layer_name(encoder, layers[place])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("test_resnet", TALL),
        ("test_mambaout", TALL),
        ("swin_tiny_patch4_window7_224", {}),
        ("swin_tiny_patch4_window7_224", TALL),
        ("levit_128s", {}),
        ("efficientformer_l1", {}),
        ("gmlp_ti16_224", {}),
        ("mobilevit_xxs", {}),
    ],
)
def test_grids_are_those_that_timm_names_channels_first(name: str, size: dict[str, int]) -> None:
    encoder = create_encoder(name, pretrained=False, seed=1, **size)
    image, _ = images_and_target(encoder)
    with torch.no_grad():
        known = encoder.model.forward_intermediates(
            image[None], intermediates_only=True, output_fmt="NCHW"
        )
    grids = [grid_of(encoder, block)[0] for block in range(len(layers_of(encoder)))[-4:]]
    fitting = [grid for grid in grids if any(grid.shape == other.shape for other in known)]
    assert len(fitting) >= min(3, len(grids))
    for grid in fitting:
        gaps = [(grid - other).abs().max() for other in known if other.shape == grid.shape]
        assert min(gaps) == 0


@pytest.mark.parametrize("name", ["test_vit", "test_vit2", "vit_tiny_patch16_dinov3_qkvb"])
def test_tokens_of_a_vit_are_its_patches_row_by_row(name: str) -> None:
    encoder = create_encoder(name, pretrained=False, seed=1, height=96, width=64)
    image, _ = images_and_target(encoder)
    last = len(encoder.model.blocks) - 1
    with torch.no_grad():
        known = encoder.model.forward_intermediates(
            image[None], indices=[last - 1], intermediates_only=True, output_fmt="NCHW"
        )[0]
        expected = encoder.model.blocks[last].norm1(known.movedim(1, 3)).movedim(3, 1)
    grid, layer = grid_of(encoder, last)
    assert layer == f"blocks.{last}.norm1"
    torch.testing.assert_close(grid, expected, rtol=1e-4, atol=1e-5)


def test_tokens_of_an_unpadded_encoder_lie_where_their_patches_lay() -> None:
    name = "vit_tiny_patch16_224"
    encoder = create_encoder(name, pretrained=False, seed=1, height=96, width=96).without_padding()
    image, _ = images_and_target(encoder)
    kept = patches_to_keep(encoder.model, image[None], encoder.padding)[0].reshape(6, 6)
    assert 6 <= int(kept.sum()) < 36
    grid, _ = grid_of(encoder)
    assert torch.equal(grid[0].abs().sum(dim=0) > 0, kept)


@pytest.mark.parametrize("method", ["score-cam", "grad-cam", "legrad"])
def test_an_unpadded_encoder_is_explained_and_its_padding_adds_nothing(method: str) -> None:
    name = "vit_tiny_patch16_224"
    padded = create_encoder(name, pretrained=False, height=96, width=96, seed=4)
    encoder = padded.without_padding()
    square = np.random.default_rng(3).integers(1, 255, (96, 96, 3), dtype=np.uint8)
    shown = {"method": method, "coarse": 1, "clusters": 16}
    same = [
        explain(one, square, square[:, ::-1].copy(), **shown).map_a for one in (padded, encoder)
    ]
    np.testing.assert_allclose(*same, atol=1e-3)
    why = explain(encoder, A.picture, B.picture, **shown)
    assert why.map_a.max() > 0.5
    assert why.similarity == pytest.approx(
        float(np.prod(encoder.embed([A.picture, B.picture]), axis=0).sum()), abs=1e-5
    )


class ChannelsLast(torch.nn.Module):
    """The same network as another, its stages giving (b, rows, columns, channels)."""

    class Stage(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inner(images).movedim(1, 3)

    def __init__(self, other: torch.nn.Module) -> None:
        super().__init__()
        self.stages = torch.nn.Sequential(self.Stage(other.stages))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.stages(images).movedim(3, 1).relu()
        high, wide = maps.shape[2] // 2, maps.shape[3] // 2
        return maps[:, :, :high, :wide].mean(dim=(2, 3)) + 0.3 * (-1) ** torch.arange(8)


@pytest.mark.parametrize("method", ["score-cam", "grad-cam"])
def test_a_map_does_not_depend_on_where_the_channels_are(method: str) -> None:
    first = reddest()
    last = Encoder(ChannelsLast(first.model), first.spec)
    picture = np.random.default_rng(1).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    picture[4:28, 4:28, 0] = 250
    paler = np.where(picture == 250, np.uint8(150), picture)
    maps = [explain(one, paler, picture, method=method, coarse=1).map_a for one in (first, last)]
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-5)
    assert maps[0][4:28, 4:28].sum() > 0.8 * maps[0].sum()


def test_swin_is_explained_where_the_gradient_says() -> None:
    """Grad-CAM by hand on the known layout (b, rows, columns, channels)."""
    encoder = create_encoder("swin_tiny_patch4_window7_224", pretrained=False, seed=1)
    image, target = images_and_target(encoder)
    seen: list[torch.Tensor] = []
    hook = encoder.model.layers[-1].register_forward_hook(lambda m, i, o: seen.append(o))
    row = encoder.model(image[None])
    hook.remove()
    slope = torch.autograd.grad((row / row.norm())[0] @ target, seen[0])[0][0]
    expected = (seen[0][0] * slope.mean(dim=(0, 1))).sum(dim=2).clamp_min(0).detach().numpy()
    why = explain(encoder, A.picture, B.picture, method="grad-cam")
    assert why.facts["layer"] == "layers.3"
    encoder.model.eval()
    values = explain(encoder, encoder.prepare(A.picture), B.picture, method="grad-cam").map_a
    cells = values.reshape(7, 32, 7, 32).mean(axis=(1, 3))
    assert alike(cells, expected) > 0.9


@pytest.mark.parametrize(
    "name", ["hiera_tiny_224", "hrnet_w18_small", "pit_ti_224", "twins_svt_small", "coat_tiny"]
)
def test_a_tower_whose_layers_are_no_grid_is_refused(name: str) -> None:
    encoder = create_encoder(name, pretrained=False, seed=1)
    for method in ("score-cam", "grad-cam"):
        with pytest.raises(ConfigError, match=name):
            explain(encoder, A.picture, B.picture, method=method, clusters=2)


def test_a_block_that_does_not_exist_and_a_network_without_stages_are_refused() -> None:
    encoder = create_encoder("test_vit", pretrained=False, seed=1)
    for block in (6, -7):
        with pytest.raises(SettingError, match=f"block is {block}; expected 0 to 5"):
            explain(encoder, A.picture, B.picture, block=block)
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32 * 3, 4))
    own = Encoder(flat, replace(encoder.spec, height=32, width=32))
    with pytest.raises(ConfigError, match=r"nn\.Sequential named stages"):
        explain(own, A.picture, B.picture)
