"""LOSSES: InfoNCE, and what it is compared with; a plus between two names adds them.

A loss is called with the raw features of all anchors (b, d), of all positives (b, d) and the
persons (b,), whole numbers, and returns a scalar. An own one is passed to ``train``, or becomes a
name: ``LOSSES["mine"] = lambda setting: MyLoss(setting.width)``. A loss of
pytorch-metric-learning, its own weights included, fits in so:

    class Wrapped(torch.nn.Module):
        def __init__(self, loss):
            super().__init__()
            self.loss = loss

        def forward(self, query, gallery, persons):
            return self.loss(torch.cat([query, gallery]), torch.cat([persons, persons]))

    train(crops, "RUN", loss=Wrapped(pytorch_metric_learning.losses.MultiSimilarityLoss()))

With pairs from tracks a loss takes a fourth argument, ``differ`` (b, b), booleans: which pairs of a
batch are known to show different persons; None: all. Any other pair must count for nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from itertools import combinations
from types import ModuleType
from typing import TYPE_CHECKING

from sameplayer.errors import SettingError

if TYPE_CHECKING:
    from sameplayer.training.losses.pair_losses import Loss, LossSetting, LossSum


def _modules() -> ModuleType:
    """Return the losses' module, loaded only now, so that their names are known without torch."""
    from sameplayer.training.losses import pair_losses

    return pair_losses


LOSSES: dict[str, Callable[[LossSetting], Loss]] = {
    "info-nce": lambda of: _modules().InfoNce(of.log_scale, of.label_smoothing),
    "identity": lambda of: _modules().Identity(of.width, of.persons, of.label_smoothing, of.seed),
    "triplet": lambda of: _modules().triplet,
}


def loss_sums(names: Iterable[str] = LOSSES) -> tuple[str, ...]:
    """Return every loss and every sum of different ones, as the setting ``loss`` names them."""
    names = list(names)
    counts = range(1, len(names) + 1)
    return tuple("+".join(parts) for count in counts for parts in combinations(names, count))


def make_loss(choice: str | Loss, setting: LossSetting) -> LossSum:
    """Return a loss as a module: of a name or a sum of names, or an own one.

    An own module is copied, so that the one given stays as it is. Raises SettingError for a name
    that LOSSES has not.
    """
    if not isinstance(choice, str):
        return _sum([copy.deepcopy(choice)])
    names = choice.split("+")
    for name in names:
        if name not in LOSSES:
            known = f"one of {', '.join(LOSSES)}, or a sum such as info-nce+triplet"
            raise SettingError("loss", choice, known)
    return _sum([LOSSES[name](setting) for name in names])


def _sum(losses: list[Loss]) -> LossSum:
    made: LossSum = _modules().LossSum(losses)
    return made
