"""What a loss is and is built from; the losses of LOSSES as modules, and their sum."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.data.batches.augment import seeded
from sameplayer.errors import SettingError, TrainingError
from sameplayer.training.losses.info_nce import info_nce

MARGIN = 0.3

Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Features of anchors (b, d), of positives (b, d), persons (b,) -> scalar."""


@dataclass(frozen=True, eq=False)
class LossSetting:
    """What a loss may be built from.

    log_scale          the encoder's, for InfoNCE
    width              feature columns
    persons            classes of the identity loss: a (scope, person) each, so that a person who
                       has several ids counts as several
    label_smoothing    share of the target spread over all classes
    seed               decides the first weights of the classes
    """

    log_scale: nn.Parameter
    width: int
    persons: int
    label_smoothing: float = 0.0
    seed: int = 0


class LossSum(nn.Module):
    """The sum of losses; those that are modules bring their weights."""

    def __init__(self, losses: Sequence[Loss]) -> None:
        super().__init__()
        self.losses = list(losses)
        self.weights = nn.ModuleList(loss for loss in losses if isinstance(loss, nn.Module))

    def forward(
        self, query: Tensor, gallery: Tensor, persons: Tensor, differ: Tensor | None = None
    ) -> Tensor:
        """Return the loss of raw features (b, d) of anchors and positives of persons (b,).

        differ    (b, b) which of them are known to be different persons; None: all

        Raises TrainingError where a loss gives something else than a scalar to learn from.
        """
        known: dict[str, Any] = {} if differ is None else {"differ": differ}
        values = [loss(query, gallery, persons, **known) for loss in self.losses]
        for value in values:
            if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
                raise TrainingError(
                    f"A loss returned {_shown(value)}; expected a tensor of one number without "
                    "dimensions that depends on the features."
                )
        return torch.stack(values).sum()

    def refuse_guesses(self, name: str) -> None:
        """Raise SettingError for losses that cannot leave out pairs which may be one person."""
        calls = [loss.forward if isinstance(loss, nn.Module) else loss for loss in self.losses]
        if not all("differ" in inspect.signature(call).parameters for call in calls):
            raise SettingError(
                "loss",
                name,
                "info-nce, triplet or their sum with pairs_from tracks, or an own one that takes "
                "differ (b, b) and leaves out the pairs that are not known to differ",
            )


class InfoNce(nn.Module):
    """``info_nce`` with the encoder's own factor on the similarities."""

    def __init__(self, log_scale: nn.Parameter, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.log_scale = log_scale
        self.label_smoothing = label_smoothing

    def forward(
        self, query: Tensor, gallery: Tensor, persons: Tensor, differ: Tensor | None = None
    ) -> Tensor:
        return info_nce(query, gallery, self.log_scale, self.label_smoothing, differ)


class Identity(nn.Module):
    """Cross-entropy of a linear layer over all training persons, for anchors and positives."""

    def __init__(
        self, width: int, persons: int, label_smoothing: float = 0.0, seed: int = 0
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        with seeded(seed):
            self.classes = nn.Linear(width, persons, bias=False)

    def forward(self, query: Tensor, gallery: Tensor, persons: Tensor) -> Tensor:
        logits = self.classes(torch.cat([query, gallery]))
        target = torch.cat([persons, persons])
        return functional.cross_entropy(logits, target, label_smoothing=self.label_smoothing)


def hardest_triplets(
    query: Tensor, gallery: Tensor, margin: float = MARGIN, differ: Tensor | None = None
) -> Tensor:
    """Return the mean of max(0, margin + positive - hardest negative) over all 2b pictures.

    Distances are Euclidean between unit rows; a picture's positive is the other of its pair, its
    hardest negative the nearest picture of another pair (Hermans et al., 2017, batch-hard); with
    ``differ`` (b, b) of a pair that is known to show another person, or none, which costs nothing.
    """
    rows = functional.normalize(torch.cat([query, gallery]), dim=1)
    pairs = len(query)
    squared = (2 - 2 * rows @ rows.T).clamp_min(1e-12)
    number = torch.arange(2 * pairs, device=rows.device)
    positive = squared[number, (number + pairs) % (2 * pairs)]
    perhaps = (number[:, None] - number[None]) % pairs == 0
    if differ is not None:
        perhaps = ~differ.tile(2, 2)
    negative = squared.masked_fill(perhaps, torch.inf).min(dim=1).values
    return functional.relu(margin + positive.sqrt() - negative.sqrt()).mean()


def triplet(
    query: Tensor, gallery: Tensor, persons: Tensor, differ: Tensor | None = None
) -> Tensor:
    """Return ``hardest_triplets`` with its own margin, called as a loss."""
    return hardest_triplets(query, gallery, differ=differ)


def _shown(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"a tensor of shape {tuple(value.shape)}{'' if value.requires_grad else ', detached'}"
