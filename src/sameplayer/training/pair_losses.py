"""The losses of LOSSES as modules, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.data.seeding import seeded
from sameplayer.errors import TrainingError
from sameplayer.training.info_nce import info_nce

if TYPE_CHECKING:
    from sameplayer.training.losses import Loss

MARGIN = 0.3


class LossSum(nn.Module):
    """The sum of losses; those that are modules bring their weights."""

    def __init__(self, losses: Sequence[Loss]) -> None:
        super().__init__()
        self.losses = list(losses)
        self.weights = nn.ModuleList(loss for loss in losses if isinstance(loss, nn.Module))

    def forward(self, query: Tensor, gallery: Tensor, persons: Tensor) -> Tensor:
        """Return the loss of raw features (b, d) of anchors and positives of persons (b,).

        Raises TrainingError where a loss gives something else than a scalar to learn from.
        """
        values = [loss(query, gallery, persons) for loss in self.losses]
        for value in values:
            if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
                raise TrainingError(
                    f"A loss returned {_shown(value)}; expected a tensor of one number without "
                    "dimensions that depends on the features."
                )
        return torch.stack(values).sum()


class InfoNce(nn.Module):
    """``info_nce`` with the encoder's own factor on the similarities."""

    def __init__(self, log_scale: nn.Parameter, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.log_scale = log_scale
        self.label_smoothing = label_smoothing

    def forward(self, query: Tensor, gallery: Tensor, persons: Tensor) -> Tensor:
        return info_nce(query, gallery, self.log_scale, self.label_smoothing)


class Identity(nn.Module):
    """Cross-entropy of a linear layer over all training persons, for anchors and positives."""

    def __init__(
        self, width: int, persons: int, label_smoothing: float = 0.0, seed: int = 1
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        with seeded(seed):
            self.classes = nn.Linear(width, persons, bias=False)

    def forward(self, query: Tensor, gallery: Tensor, persons: Tensor) -> Tensor:
        logits = self.classes(torch.cat([query, gallery]))
        target = torch.cat([persons, persons])
        return functional.cross_entropy(logits, target, label_smoothing=self.label_smoothing)


def hardest_triplets(query: Tensor, gallery: Tensor, margin: float = MARGIN) -> Tensor:
    """Return the mean of max(0, margin + positive - hardest negative) over all 2b pictures.

    Distances are Euclidean between unit rows; a picture's positive is the other of its pair, its
    hardest negative the nearest picture of another pair (Hermans et al., 2017, batch-hard).
    """
    rows = functional.normalize(torch.cat([query, gallery]), dim=1)
    pairs = len(query)
    squared = (2 - 2 * rows @ rows.T).clamp_min(1e-12)
    number = torch.arange(2 * pairs, device=rows.device)
    positive = squared[number, (number + pairs) % (2 * pairs)]
    same = (number[:, None] - number[None]) % pairs == 0
    negative = squared.masked_fill(same, torch.inf).min(dim=1).values
    return functional.relu(margin + positive.sqrt() - negative.sqrt()).mean()


def _shown(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"a tensor of shape {tuple(value.shape)}{'' if value.requires_grad else ', detached'}"
