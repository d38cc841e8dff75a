"""A learning-rate finder: raise the rate step by step and watch the loss (Smith, 2017)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sameplayer.data.crops import Crops
from sameplayer.errors import TrainingError
from sameplayer.files import whole_file
from sameplayer.training.config import TrainConfig
from sameplayer.training.plan import make_plan
from sameplayer.training.train import Trainer

SMOOTHING = 0.9


@dataclass(frozen=True)
class RateTest:
    """Rates (s,), the smoothed loss after each, and the rate to try first.

    ``suggestion`` is half the rate at which the smoothed loss was lowest: where it turns, the rate
    is too high already.
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float

    def draw(self, path: str | Path) -> None:
        """Write the curve as a PNG."""
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, linestyle="--", color="black", label=f"{self.suggestion:.1e}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="smoothed loss")
        axes.legend()
        with whole_file(path) as partial:
            figure.savefig(partial, format="png", dpi=120)


def find_rate(
    crops: Crops,
    config: TrainConfig,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> RateTest:
    """Train from ``low`` to ``high`` in ``steps`` equal factors, until the loss leaves.

    Nothing is written. Stops where the smoothed loss has risen by a tenth. Raises
    TrainingError when the range or the number of steps makes no sense.
    """
    if not 0 < low < high or steps < 10:
        raise TrainingError(
            f"Rates from {low} to {high} in {steps} steps; expected 0 < low < high and 10 or more."
        )
    plan = make_plan(crops, replace(config, validate="none", accumulate=1))
    trainer = Trainer(plan, 0, 1, None, Path())
    trainer.rates = list(np.geomspace(low, high, steps))
    trainer.encoder.model.train()
    losses: list[float] = []
    mean, least = 0.0, np.inf
    try:
        for number, (batch, persons) in enumerate(trainer.endless(steps), start=1):
            loss = trainer.step(batch, persons).loss
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            smooth = mean / (1 - SMOOTHING**number)
            losses.append(smooth)
            least = min(least, smooth)
            if progress is not None:
                progress(number, steps)
            if not np.isfinite(smooth) or (number > steps // 5 and smooth > 1.1 * least):
                break
    finally:
        trainer.loader.close()
    found = np.array(losses)
    rates = np.array(trainer.rates[: len(found)])
    return RateTest(rates, found, float(rates[np.nanargmin(found)] / 2))
