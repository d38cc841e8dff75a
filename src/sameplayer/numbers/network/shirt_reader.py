"""The package's own reader of shirt numbers: it finds a number in a crop, cuts it out, reads it.

Its weights are shipped beside this file. They were trained on numbers drawn on drawn and real
players (``recipes/number_reader.py``); ``docs/numbers.md`` says how well it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sameplayer.common.hashing import array_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.errors import SettingError, WeightsError
from sameplayer.numbers.network.crop_canvas import lay
from sameplayer.numbers.reader import NUMBERS, Calibration, check_picture

if TYPE_CHECKING:
    from sameplayer.numbers.network.model import ShirtNetwork

WEIGHTS = Path(__file__).with_name("shirt_reader.safetensors")
LEAST = 8  # pixels: no number can be read in a crop that is lower or narrower
SLIMMEST = 8.0  # nor in one whose sides differ more than this
UNSEEN = -20.0  # log-probability of a number in a picture that cannot show any


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
        self._device, self._batch = str(pick_device(device)), batch
        self.network, self.calibration = _load(Path(weights or WEIGHTS), self._device)
        self._columns = [*(NUMBERS.index(one) for one in self.candidates), len(NUMBERS)]

    @cached_property
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
        import torch

        from sameplayer.numbers.network.model import calibrated

        for row, picture in enumerate(pictures):
            check_picture(picture, row)
        rows = torch.full((len(pictures), len(NUMBERS) + 1), UNSEEN, dtype=torch.float64)
        rows[:, -1] = 0
        shown = [row for row, picture in enumerate(pictures) if _may_show(picture)]
        with torch.inference_mode():
            for first in range(0, len(shown), self._batch):
                chosen = shown[first : first + self._batch]
                canvases = torch.from_numpy(np.stack([lay(pictures[row]) for row in chosen]))
                rows[chosen] = self.network(canvases.permute(0, 3, 1, 2).float())
            read = calibrated(rows, self.calibration, torch.tensor(self._columns))
        if not read.isfinite().all():
            raise WeightsError("The reader's weights give no probabilities; they are damaged.")
        return read.numpy()


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
