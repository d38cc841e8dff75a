"""A learning-rate finder: raise the rate step by step and watch the loss (Smith, 2017)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sameplayer.common.files import whole_file
from sameplayer.data.crops import Crops
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.errors import TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.processes import Process
from sameplayer.training.run.init_encoder import OwnParts, begin
from sameplayer.training.run.step import Learner
from sameplayer.training.sampling.dataloader import Feed

SMOOTHING = 0.9


@dataclass(frozen=True, eq=False)
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
    """Train from ``low`` to ``high`` in ``steps`` equal factors, until the loss rises.

    Nothing is written. Stops where the smoothed loss has risen by a tenth. Raises
    TrainingError when the range or the number of steps makes no sense.
    """
    if not 0 < low < high or steps < 10:
        raise TrainingError(
            f"Rates from {low} to {high} in {steps} steps; expected 0 < low < high and 10 or more."
        )
    config.refuse_wrong_types()
    own = OwnParts()
    asked = replace(own.recorded(config), validate="none", accumulate=1, tensorboard=False)
    run, process = begin(crops, asked, own), Process(pick_device(config.device))
    plan, encoder, augment = run
    learner = Learner(encoder, plan.config.loss, augment, run.persons, plan.config, process)
    rates = np.geomspace(low, high, steps)
    with Feed(plan, encoder.prepare, augment, process) as feed:
        losses = _smoothed_losses(learner, feed, rates, progress)
    rates = rates[: len(losses)]
    return RateTest(rates, losses, float(rates[np.nanargmin(losses)] / 2))


def _smoothed_losses(
    learner: Learner, feed: Feed, rates: np.ndarray, progress: Callable[[int, int], None] | None
) -> np.ndarray:
    """Learn at each rate in turn, until the smoothed loss rises; return it after each step."""
    epochs = (batch for epoch in count() for batch in feed.epoch(epoch))
    smooth: list[float] = []
    mean = 0.0
    for number, (rate, batch) in enumerate(zip(rates, epochs, strict=False), start=1):
        images = learner.images(batch.pictures)
        loss = learner.learn(images, batch.persons, float(rate), differ=batch.differ).loss
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smooth.append(mean / (1 - SMOOTHING**number))
        if progress is not None:
            progress(number, len(rates))
        turned = number > len(rates) // 5 and smooth[-1] > 1.1 * min(smooth)
        if turned or not np.isfinite(smooth[-1]):
            break
    return np.array(smooth)
