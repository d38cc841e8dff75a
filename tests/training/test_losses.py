"""LOSSES by name, in sums, and own ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sameplayer.errors import SettingError
from sameplayer.training.losses.pair_losses import LossSetting
from sameplayer.training.losses.registry import LOSSES, loss_sums, make_loss

QUERY, GALLERY = (
    torch.randn(5, 7, generator=torch.Generator().manual_seed(s), requires_grad=True)
    for s in (1, 2)
)
PERSONS = torch.tensor([3, 0, 8, 1, 2])


def setting() -> LossSetting:
    return LossSetting(nn.Parameter(torch.tensor(2.6)), 7, 9, 0.1)


def test_a_plus_adds_losses() -> None:
    values = [
        make_loss(name, setting())(QUERY, GALLERY, PERSONS)
        for name in ("info-nce+identity+triplet", "info-nce", "identity", "triplet")
    ]
    torch.testing.assert_close(values[0], sum(values[1:]))
    assert values[0] > max(values[1:])


def test_sums_are_all_of_different_losses() -> None:
    assert loss_sums(["a", "b", "c"]) == ("a", "b", "c", "a+b", "a+c", "b+c", "a+b+c")


def test_an_unknown_loss_lists_the_known_ones() -> None:
    with pytest.raises(
        SettingError, match=r"info-nce\+triplets; expected one of info-nce, identity, triplet"
    ):
        make_loss("info-nce+triplets", setting())


def test_an_own_entry_gets_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        LOSSES, "wide", lambda s: lambda query, gallery, persons: (query * s.width).sum()
    )
    value = make_loss("wide", setting())(QUERY, GALLERY, PERSONS)
    torch.testing.assert_close(value, 7 * QUERY.sum())


def test_an_own_module_is_copied() -> None:
    own = nn.Bilinear(7, 7, 1)
    made = make_loss(lambda query, gallery, persons: query.sum(), setting())
    assert not list(made.parameters())
    copied = next(make_loss(own, setting()).parameters())
    assert copied is not own.weight
    assert torch.equal(copied, own.weight)
