"""LOSSES: InfoNCE, and what it is compared with: identity and triplet loss, alone or beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.training.info_nce import info_nce

LOSSES = ("info-nce", "identity", "triplet", "info-nce+identity", "info-nce+triplet")
MARGIN = 0.3


class PairLoss(nn.Module):
    """The loss of a batch of pairs, a sum where its name has a plus, with its own weights.

    name         one of LOSSES
    log_scale    the encoder's, for InfoNCE
    width        feature columns
    persons      classes of the identity loss: a (scope, person) each, so that a person who has
                 several ids counts as several
    seed         decides the first weights of the classes
    """

    def __init__(
        self,
        name: str,
        log_scale: nn.Parameter,
        width: int,
        persons: int,
        label_smoothing: float = 0.0,
        seed: int = 1,
    ) -> None:
        super().__init__()
        self.parts = name.split("+")
        self.log_scale = log_scale
        self.label_smoothing = label_smoothing
        if "identity" in self.parts:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.classes = nn.Linear(width, persons, bias=False, device=log_scale.device)

    def forward(self, query: Tensor, gallery: Tensor, persons: Tensor) -> Tensor:
        """Return the loss of raw features (b, d) of anchors and positives of persons (b,)."""
        losses = []
        if "info-nce" in self.parts:
            losses.append(info_nce(query, gallery, self.log_scale, self.label_smoothing))
        if "triplet" in self.parts:
            losses.append(hardest_triplets(query, gallery))
        if "identity" in self.parts:
            logits = self.classes(torch.cat([query, gallery]))
            target = torch.cat([persons, persons])
            losses.append(
                functional.cross_entropy(logits, target, label_smoothing=self.label_smoothing)
            )
        return torch.stack(losses).sum()


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
