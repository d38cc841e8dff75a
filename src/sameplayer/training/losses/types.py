"""What a loss is, and what it may be built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"
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
    seed: int = 1
