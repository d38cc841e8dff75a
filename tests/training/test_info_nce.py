"""InfoNCE is the published one; chunks give the loss and gradients of the one big batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from sameplayer.data.batches.augment import erase
from sameplayer.training.losses.info_nce import backward, info_nce
from sameplayer.training.losses.pair_losses import LossSetting
from sameplayer.training.losses.registry import make_loss

PAIRS = 8


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_info_nce_and_its_gradients_are_the_published_ones(golden: Path, smoothing: float) -> None:
    data = np.load(golden / "infonce.npz")
    inputs = [torch.tensor(data[name]) for name in ("query", "gallery", "log_scale")]
    for tensor in inputs:
        tensor.requires_grad_()
    loss = info_nce(inputs[0], inputs[1], inputs[2], smoothing)
    loss.backward()
    assert loss.item() == pytest.approx(float(data[f"loss_{smoothing}"]), abs=1e-5)
    for tensor, name in zip(inputs, ("query", "gallery", "log_scale"), strict=True):
        assert tensor.grad is not None
        expected = data[f"grad_{name}_{smoothing}"]
        np.testing.assert_allclose(tensor.grad.numpy(), expected, atol=1e-5)


def tower(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(1)
    model = timm.models.VisionTransformer(
        img_size=32,
        patch_size=8,
        embed_dim=24,
        depth=2,
        num_heads=2,
        num_classes=0,
        proj_drop_rate=dropout,
        pos_drop_rate=dropout,
    )
    return model.train()


def erased_images() -> Tensor:
    images = torch.randn((2 * PAIRS, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    return erase(images, [np.random.default_rng((1, i)) for i in range(PAIRS)])


def criterion(name: str = "info-nce") -> nn.Module:
    return make_loss(name, LossSetting(nn.Parameter(torch.tensor(2.6)), 24, PAIRS, 0.1))


def of_persons(loss: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda query, gallery: loss(query, gallery, torch.arange(PAIRS))


def gradients(model: nn.Module, loss: nn.Module) -> list[Tensor]:
    weights = (*model.parameters(), *loss.parameters())
    return [weight.grad.clone() for weight in weights]


@pytest.mark.parametrize("chunk", [1, 3, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_chunks_give_the_gradients_of_one_big_batch(chunk: int, dropout: float) -> None:
    images, loss = erased_images(), criterion()
    model = tower(dropout)
    torch.manual_seed(7)
    # The big batch with the same random draws: every chunk forward with its graph, one loss.
    parts = torch.arange(PAIRS).split(chunk)
    rows = [model(images[torch.cat([part, part + PAIRS])]) for part in parts]
    query = torch.cat([row[: len(part)] for row, part in zip(rows, parts, strict=True)])
    gallery = torch.cat([row[len(part) :] for row, part in zip(rows, parts, strict=True)])
    value = of_persons(loss)(query, gallery)
    value.backward()
    expected = gradients(model, loss)
    model.zero_grad()
    loss.zero_grad()
    torch.manual_seed(7)
    outcome = backward(model, images, of_persons(loss), chunk=chunk, model=model)
    assert outcome.loss == pytest.approx(value.item(), abs=1e-5)
    for gradient, other in zip(gradients(model, loss), expected, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-4)


def test_chunks_leave_running_means_as_one_pass_does() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    once = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    once.load_state_dict(model.state_dict())
    images = erased_images()
    backward(model, images, of_persons(criterion()), chunk=4, model=model)
    for part in torch.arange(PAIRS).split(4):
        once(images[torch.cat([part, part + PAIRS])])
    torch.testing.assert_close(model[1].running_mean, once[1].running_mean)


def rows_of(pairs: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(5)
    return [torch.randn(pairs, 7, generator=draw, requires_grad=True) for _ in range(2)]


SCALE = torch.tensor(2.6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_where_all_are_known_to_differ_the_loss_is_the_published_one(
    golden: Path, smoothing: float
) -> None:
    data = np.load(golden / "infonce.npz")
    query, gallery, scale = (torch.tensor(data[n]) for n in ("query", "gallery", "log_scale"))
    query.requires_grad_()
    differ = ~torch.eye(len(query), dtype=torch.bool)
    loss = info_nce(query, gallery, scale, smoothing, differ)
    loss.backward()
    assert loss.item() == pytest.approx(float(data[f"loss_{smoothing}"]), abs=1e-5)
    assert query.grad is not None
    np.testing.assert_allclose(query.grad.numpy(), data[f"grad_query_{smoothing}"], atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_groups_that_say_nothing_of_each_other_are_batches_of_their_own(smoothing: float) -> None:
    query, gallery = rows_of(PAIRS)
    group = torch.tensor([0, 1, 0, 0, 1, 1, 0, 0])
    differ = (group[:, None] == group) & ~torch.eye(PAIRS, dtype=torch.bool)
    loss = info_nce(query, gallery, SCALE, smoothing, differ)
    parts = [group == 0, group == 1]
    alone = [info_nce(query[part], gallery[part], SCALE, smoothing) for part in parts]
    torch.testing.assert_close(loss, (5 * alone[0] + 3 * alone[1]) / 8)
    found = torch.autograd.grad(loss, [query, gallery])
    expected = torch.autograd.grad((5 * alone[0] + 3 * alone[1]) / 8, [query, gallery])
    torch.testing.assert_close(found, expected)


def test_a_pair_that_is_not_known_to_differ_has_no_gradient() -> None:
    query, gallery = rows_of(4)
    differ = ~torch.eye(4, dtype=torch.bool)
    differ[0, 2] = differ[2, 0] = False
    differ[3, :3] = differ[:3, 3] = False  # the last is known to differ from nobody
    moved = torch.autograd.functional.jacobian(
        lambda rows: torch.autograd.grad(
            info_nce(rows, gallery, SCALE, 0.1, differ), rows, create_graph=True
        )[0].sum(dim=1),
        query,
    )
    assert torch.isfinite(moved).all()
    for anchor, positive in ((0, 2), (2, 0), (0, 3), (3, 1)):
        loss = info_nce(query, gallery, SCALE, 0.1, differ)
        row = torch.autograd.grad(loss, query)[0][anchor]
        changed = gallery.detach().clone()
        changed[positive] += 1.0
        other = torch.autograd.grad(info_nce(query, changed, SCALE, 0.1, differ), query)[0][anchor]
        torch.testing.assert_close(row, other)
    assert (
        torch.autograd.grad(info_nce(query, gallery, SCALE, 0.1, differ), query)[0][3].eq(0).all()
    )


def test_what_is_shown_of_negatives_leaves_out_the_unknown_ones() -> None:
    images, differ = erased_images(), torch.zeros(PAIRS, PAIRS, dtype=torch.bool)
    differ[0, 1] = differ[1, 0] = True
    loss = criterion()
    model = tower()
    masked = backward(
        model,
        images,
        lambda query, gallery: loss(query, gallery, torch.arange(PAIRS), differ),
        differ=differ,
    )
    rows = nn.functional.normalize(model(images), dim=1)
    expected = (rows[0] @ rows[PAIRS + 1] + rows[1] @ rows[PAIRS]) / 2
    assert masked.negative == pytest.approx(expected.item(), abs=1e-5)
