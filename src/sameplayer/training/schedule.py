"""Learning-rate schedules: linear warm-up from 0, then one of four decays."""

from __future__ import annotations

import math

from sameplayer.errors import ConfigError

SCHEDULES = ("polynomial", "cosine", "linear", "constant")


def learning_rates(
    name: str, lr: float, lr_end: float, epochs: int, steps_per_epoch: int, warmup_epochs: float
) -> list[float]:
    """Return the rate of each of the epochs * steps_per_epoch steps.

    "polynomial" has power 2 and ends at ``lr_end``; "cosine" and "linear" end at 0 and
    "constant" stays at ``lr``, as the published code has it: they leave ``lr_end`` aside.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"Schedule {name!r} is unknown; expected one of {', '.join(SCHEDULES)}.")
    steps = epochs * steps_per_epoch
    warm = int(warmup_epochs * steps_per_epoch)
    return [
        lr * step / warm
        if step < warm
        else _decayed(name, lr, lr_end, (step - warm) / max(1, steps - warm))
        for step in range(steps)
    ]


def _decayed(name: str, lr: float, lr_end: float, done: float) -> float:
    if name == "polynomial":
        return (lr - lr_end) * (1 - done) ** 2 + lr_end
    if name == "cosine":
        return lr * (1 + math.cos(math.pi * done)) / 2
    return lr * (1 - done) if name == "linear" else lr
