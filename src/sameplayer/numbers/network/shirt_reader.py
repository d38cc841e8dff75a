"""The package's own reader of shirt numbers: it finds a number in a crop, cuts it out, reads it.

Its weights are shipped beside this file. They were trained on numbers drawn on drawn and real
players (``recipes/number_reader.py``); ``docs/numbers.md`` says how well it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from sameplayer.common.hashing import array_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError, SettingError, WeightsError
from sameplayer.numbers.network.crop_canvas import CELL, UNIT, cut, cut_matrix, lay
from sameplayer.numbers.reader import NUMBERS

if TYPE_CHECKING:
    from torch import Tensor

    from sameplayer.numbers.network.model import ShirtNetwork

WEIGHTS = Path(__file__).with_name("shirt_reader.safetensors")
LEAST = 8  # pixels: no number can be read in a crop that is lower or narrower
SLIMMEST = 8.0  # nor in one whose sides differ more than this
MOST = 2  # places that are read in a crop
LITTLE = 0.03  # a further place with a smaller share of the finder's belief is not read
LEAST_SHARE = 0.002  # nor the first one with a smaller share: then no number is visible
ZOOMS = (0.88, 1.0, 1.14)  # how much is cut out about a number; what is read is averaged
SURE = 0.995  # the most that one picture may say; the rest is shared by all answers
UNSEEN = -20.0  # log-probability of a number in a picture that cannot show any


@dataclass(frozen=True)
class Calibration:
    """What turns the network's log-probabilities into honest ones; it lies in the weights file.

    doubt          added to that of "none visible"
    temperature    all are divided by it, after that
    """

    doubt: float
    temperature: float


class ShirtReader:
    """The package's own reader: finds a number in a player's crop and reads it, in one pass.

    candidates    numbers that may be read: the others' probability is shared by what is left
    weights       file that ``recipes/number_reader.py`` wrote; None: the package's own
    device        where the network runs, a name of torch's
    batch         pictures in one pass

    Crops may be loose, cut, or of the torso alone; of a standing player's, the legs are not looked
    at. Raises WeightsError for weights that are missing, damaged, or another network's.
    """

    def __init__(
        self,
        candidates: Sequence[str] = NUMBERS,
        *,
        weights: str | Path | None = None,
        device: str = "auto",
        batch: int = 32,
    ) -> None:
        unknown = [one for one in candidates if one not in NUMBERS]
        if unknown or not candidates:
            raise SettingError("candidates", unknown or "empty", "numbers 0 to 99, or 00")
        if batch < 1:
            raise SettingError("batch", batch, "1 or more")
        self.candidates, self.name = tuple(candidates), "shirt"
        from sameplayer.encoder.runtime.device import pick_device  # it imports torch

        self._device, self._batch = str(pick_device(device)), batch
        self.network, self.calibration = _load(Path(weights or WEIGHTS), self._device)
        self._columns = [*(NUMBERS.index(one) for one in self.candidates), len(NUMBERS)]

    @property
    def fingerprint(self) -> str:
        """What its readings depend on: 16 hex digits of its weights and calibration."""
        state = self.network.state_dict().values()
        return (
            f"shirt {array_fingerprint(*(one.cpu().numpy() for one in state))} {self.calibration}"
        )

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1) of pictures uint8 RGB (h, w, 3).

        In a picture of a few pixels, or of an extreme shape, no number is visible. Raises DataError
        for what is no picture.
        """
        for row, picture in enumerate(pictures):
            check_picture(picture, row)
        rows = np.full((len(pictures), len(NUMBERS) + 1), UNSEEN)
        rows[:, -1] = 0
        fit = [row for row, picture in enumerate(pictures) if _may_show(picture)]
        for first in range(0, len(fit), self._batch):
            chosen = fit[first : first + self._batch]
            rows[chosen] = self._look([pictures[row] for row in chosen])
        rows[:, -1] += self.calibration.doubt
        rows = rows / self.calibration.temperature
        shares = np.exp(log_softmax(rows, axis=1)[:, self._columns])
        shares /= shares.sum(axis=1, keepdims=True)
        return np.log(SURE * shares + (1 - SURE) / shares.shape[1])

    def _look(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return the network's log-probabilities (n, 102)."""
        canvases = [lay(one) for one in pictures]
        found = self._find(canvases)
        cuts = [
            cut(canvas, cut_matrix(place.box, zoom=zoom))
            for canvas, places in zip(canvases, found, strict=True)
            for place in places
            for zoom in ZOOMS
        ]
        shown, numbers = self._read_cuts(cuts) if cuts else (np.empty(0), np.empty(0))
        rows = np.zeros((len(pictures), len(NUMBERS) + 1))
        first = 0
        for row, places in zip(rows, found, strict=True):
            for place in places:
                row[:-1] += place.share * shown[first] * numbers[first]
                first += 1
            row[-1] = max(1 - row[:-1].sum(), 0)
        return np.log(rows + 1e-9)

    def _find(self, canvases: Sequence[Picture]) -> list[list[Place]]:
        import torch

        with torch.inference_mode():
            maps = self.network.finder(self._tensor(canvases)).double().cpu().numpy()
        _check_finite(maps)
        return [places_of(one) for one in maps]

    def _read_cuts(self, cuts: Sequence[Picture]) -> tuple[np.ndarray, np.ndarray]:
        """Return, a place, the probability of a number and those of NUMBERS, over its cuts."""
        import torch

        from sameplayer.numbers.network.model import number_shares

        with torch.inference_mode():
            logits = self.network.reader(self._tensor(cuts))
            numbers = number_shares(logits).view(-1, len(ZOOMS), len(NUMBERS)).mean(dim=1)
            shown = logits[:, 0].view(-1, len(ZOOMS)).mean(dim=1).sigmoid()
        values = shown.double().cpu().numpy(), numbers.softmax(dim=1).double().cpu().numpy()
        _check_finite(*values)
        return values

    def _tensor(self, pictures: Sequence[Picture]) -> Tensor:
        import torch

        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return images.to(self._device, torch.float32, memory_format=torch.channels_last)


@dataclass(frozen=True)
class Place:
    """Where a number may be on a canvas: its share of the finder's belief, and its box.

    box    centre x, centre y, width, height
    """

    share: float
    box: np.ndarray


def places_of(maps: np.ndarray, most: int = MOST) -> list[Place]:
    """Return the likeliest places in the finder's maps (5, rows, columns) of one canvas.

    Cells that agree on a number's centre make one place: their shares are summed, their boxes
    averaged.
    """
    rows, columns = np.mgrid[: maps.shape[1], : maps.shape[2]]
    logits = np.append(maps[0].ravel(), 0.0)
    shares = np.exp(logits - logits.max())
    shares = (shares / shares.sum())[:-1]
    sizes = UNIT * np.exp(np.clip(maps[3:], -2, 3))
    boxes = np.stack([(columns + 0.5 + maps[1]) * CELL, (rows + 0.5 + maps[2]) * CELL, *sizes])
    boxes = boxes.reshape(4, -1)
    left = shares.copy()
    places: list[Place] = []
    for _ in range(most):
        best = boxes[:, left.argmax()]
        near = (np.abs(boxes[0] - best[0]) < max(best[2] / 2, CELL)) & (
            np.abs(boxes[1] - best[1]) < max(best[3] / 2, CELL)
        )
        share = left[near].sum()
        box = (boxes[:, near] * left[near]).sum(axis=1) / max(share, 1e-12) if share else best
        if share < (LITTLE if places else LEAST_SHARE):
            break
        places.append(Place(float(share), box))
        left[near] = 0
    return places


def check_picture(picture: Picture, row: int) -> None:
    """Raise DataError for what is no picture."""
    shape, kind = getattr(picture, "shape", None), getattr(picture, "dtype", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8:
        raise DataError(
            f"Picture {row} is {kind} {shape}; expected uint8 RGB (height, width, 3). Repeat a "
            "grey picture's values three times."
        )


def _check_finite(*values: np.ndarray) -> None:
    if not all(np.isfinite(one).all() for one in values):
        raise WeightsError("The reader's weights give no probabilities; they are damaged.")


def _may_show(picture: Picture) -> bool:
    high, wide = picture.shape[:2]
    return min(high, wide) >= LEAST and max(high, wide) <= SLIMMEST * min(high, wide)


def _load(path: Path, device: str) -> tuple[ShirtNetwork, Calibration]:
    import torch
    from safetensors import safe_open

    from sameplayer.numbers.network.model import ShirtNetwork

    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            facts = file.metadata() or {}
        calibration = Calibration(float(facts["doubt"]), float(facts["temperature"]))
        values = torch.cat([value.flatten() for value in state.values()])
        if not (values.isfinite().all() and np.isfinite(calibration.doubt)):
            raise ValueError("a value is not finite")
        if not 0 < calibration.temperature < 100:
            raise ValueError(f"the temperature is {calibration.temperature}")
        network = ShirtNetwork()
        network.load_state_dict(state)
    except FileNotFoundError:
        raise WeightsError(
            f"{path}: no such file. The reader's weights are part of the package; install it again."
        ) from None
    except Exception as error:
        raise WeightsError(
            f"{path}: these are not the weights of a shirt-number reader, or they are damaged "
            f"({str(error).splitlines()[0][:120]}). Expected what recipes/number_reader.py writes; "
            "install the package again for its own."
        ) from error
    network.to(memory_format=torch.channels_last)
    return network.eval().to(device), calibration
