"""Triplet, identity and sums are what their names say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sameplayer.errors import TrainingError
from sameplayer.training.losses.pair_losses import Identity, LossSum, hardest_triplets


def features() -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return [torch.randn(5, 7, generator=rng, requires_grad=True) for _ in range(2)]


def test_triplets_use_the_nearest_picture_of_another_pair() -> None:
    query, gallery = (tensor.detach() for tensor in features())
    rows = functional.normalize(torch.cat([query, gallery]), dim=1)
    apart = torch.cdist(rows, rows)
    expected = []
    for row in range(10):
        others = [float(apart[row, o]) for o in range(10) if o % 5 != row % 5]
        expected.append(max(0.0, 0.3 + float(apart[row, (row + 5) % 10]) - min(others)))
    found = float(hardest_triplets(query, gallery))
    assert found == pytest.approx(np.mean(expected), abs=1e-4)


def test_identity_is_the_cross_entropy_over_persons_of_both_pictures() -> None:
    (query, gallery), persons = features(), torch.tensor([3, 0, 8, 1, 2])
    loss = Identity(7, 9, 0.1)
    logits = torch.cat([query, gallery]) @ loss.classes.weight.T
    expected = functional.cross_entropy(logits, persons.repeat(2), label_smoothing=0.1)
    torch.testing.assert_close(loss(query, gallery, persons), expected)
    assert torch.equal(loss.classes.weight, Identity(7, 9).classes.weight)
    assert not torch.equal(loss.classes.weight, Identity(7, 9, seed=2).classes.weight)


def test_a_sum_adds_values_and_weights() -> None:
    (query, gallery), persons = features(), torch.arange(5)
    parts = [Identity(7, 9), lambda query, gallery, persons: (query - gallery).square().mean()]
    both = LossSum(parts)
    expected = parts[0](query, gallery, persons) + parts[1](query, gallery, persons)
    torch.testing.assert_close(both(query, gallery, persons), expected)
    assert [name for name, _ in both.named_parameters()] == ["weights.0.classes.weight"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "float"),
        (nn.Parameter(torch.ones(5)), r"shape \(5,\)"),
        (torch.tensor(1.0), "detached"),
    ],
)
def test_a_loss_that_gives_no_scalar_to_learn_from_is_named(value: object, text: str) -> None:
    with pytest.raises(TrainingError, match=text):
        LossSum([lambda *given: value])(*features(), torch.arange(5))


def test_the_hardest_negative_is_one_that_is_known_to_differ() -> None:
    query, gallery = features()
    group = torch.tensor([0, 1, 0, 1, 1])
    differ = (group[:, None] == group) & ~torch.eye(5, dtype=torch.bool)
    loss = hardest_triplets(query, gallery, differ=differ)
    alone = [hardest_triplets(query[group == g], gallery[group == g]) for g in (0, 1)]
    torch.testing.assert_close(loss, (2 * alone[0] + 3 * alone[1]) / 5)
    all_known = hardest_triplets(query, gallery, differ=~torch.eye(5, dtype=torch.bool))
    torch.testing.assert_close(all_known, hardest_triplets(query, gallery))
    nobody = hardest_triplets(query, gallery, differ=torch.zeros(5, 5, dtype=torch.bool))
    nobody.backward()
    assert nobody == 0
    assert query.grad is not None
    assert query.grad.eq(0).all()
