"""SCHEDULES: how the learning rate falls after a linear warm-up from 0."""

from __future__ import annotations

import math
from collections.abc import Callable

from sameplayer.errors import SettingError

Schedule = Callable[[float, float, float], float]
"""Share of the decay that is done (0 to 1), highest rate, last rate -> rate."""

SCHEDULES: dict[str, Schedule] = {
    "polynomial": lambda done, lr, lr_end: (lr - lr_end) * (1 - done) ** 2 + lr_end,
    "cosine": lambda done, lr, lr_end: lr * (1 + math.cos(math.pi * done)) / 2,
    "linear": lambda done, lr, lr_end: lr * (1 - done),
    "constant": lambda done, lr, lr_end: lr,
}


def learning_rates(
    name: str, lr: float, lr_end: float, epochs: int, steps_per_epoch: int, warmup_epochs: float
) -> list[float]:
    """Return the rate of each of the epochs * steps_per_epoch steps.

    "polynomial" has power 2 and ends at ``lr_end``; "cosine" and "linear" end at 0 and
    "constant" stays at ``lr``, as the published code has it: they leave ``lr_end`` aside.
    Raises SettingError for a name that SCHEDULES has not.

    >>> learning_rates("linear", 1.0, 0.0, 1, 2, 0)
    [1.0, 0.5]
    """
    if name not in SCHEDULES:
        raise SettingError("schedule", name, f"one of {', '.join(SCHEDULES)}")
    decayed = SCHEDULES[name]
    steps = epochs * steps_per_epoch
    warm = int(warmup_epochs * steps_per_epoch)
    return [
        lr * step / warm
        if step < warm
        else decayed((step - warm) / max(1, steps - warm), lr, lr_end)
        for step in range(steps)
    ]
