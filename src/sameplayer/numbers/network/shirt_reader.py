"""The package's own reader of shirt numbers: it finds a number in a crop, cuts it out, reads it.

Its weights are shipped beside this file. They were trained on numbers drawn on drawn and real
players (``recipes/number_reader.py``); ``docs/numbers.md`` says how well it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open

from sameplayer.common.hashing import array_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.runtime.device import place_of
from sameplayer.encoder.runtime.engines import FILE_ENGINE, TORCH
from sameplayer.encoder.runtime.light_graph import LightGraph
from sameplayer.errors import SettingError, WeightsError, import_extra
from sameplayer.numbers.network.crop_canvas import lay
from sameplayer.numbers.reader import NUMBERS, SURE, Calibration, check_picture

if TYPE_CHECKING:
    from sameplayer.numbers.network.model import ShirtNetwork

WEIGHTS = Path(__file__).with_name("shirt_reader.safetensors")
GRAPH, KIND = WEIGHTS.with_suffix(".onnx"), "shirt network"
COUNTERS, UNCOUNTED = "num_batches_tracked", np.array(0)  # of torch's batch norms, never used
LEAST = 8  # pixels: no number can be read in a crop that is lower or narrower
SLIMMEST = 8.0  # nor in one whose sides differ more than this
UNSEEN = -20.0  # log-probability of a number in a picture that cannot show any


class ShirtReader:
    """The package's own reader: finds a number in a player's crop and reads it, in one pass.

    candidates    numbers that may be read: the others' probability is shared by what is left
    weights       file that ``recipes/number_reader.py`` wrote; None: the package's own
    device        where the network runs, a name of torch's
    batch         pictures in one pass
    engine        what runs it: "torch", "onnxruntime" (on a CPU); None: onnxruntime on a CPU, where
                  torch is not imported, torch elsewhere

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
        engine: str | None = None,
    ) -> None:
        unknown = [one for one in candidates if one not in NUMBERS]
        if unknown or not candidates:
            raise SettingError("candidates", unknown or "empty", "numbers 0 to 99, or 00")
        if batch < 1:
            raise SettingError("batch", batch, "1 or more")
        self.candidates, self.name = tuple(candidates), "shirt"
        self._device, self._batch = place_of(device), batch
        self.engine = _engine(engine, self._device)
        self._path = Path(weights or WEIGHTS)
        self._weights, self.calibration = read_reader(self._path)
        self._columns = [*(NUMBERS.index(one) for one in self.candidates), len(NUMBERS)]
        self._network: ShirtNetwork | None = None
        if self.engine == TORCH:
            self._network = self._torch_network()
        else:
            self._graph = _graph(self._path, self._weights)

    @property
    def network(self) -> ShirtNetwork:
        """The torch network; once asked for, it is what reads, since its weights may be changed."""
        if self._network is None:
            self._network, self.engine = self._torch_network(), TORCH
        return self._network

    def _torch_network(self) -> ShirtNetwork:
        for package in ("torch", "timm"):
            import_extra(package, "train", "The number reader's torch network")
        from sameplayer.numbers.network.model import network_of

        try:
            return network_of(self._weights).to(self._device)
        except RuntimeError as error:  # names or shapes do not fit
            raise _not_a_readers(self._path, error) from error

    @property
    def fingerprint(self) -> str:
        """What its readings depend on: 16 hex digits of its weights and calibration."""
        if self._network is None:
            state = [self._weights.get(name, UNCOUNTED) for name, _ in self._graph.record["names"]]
        else:
            state = [one.cpu().numpy() for one in self._network.state_dict().values()]
        return f"shirt {array_fingerprint(*state)} {self.calibration}"

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1) of pictures uint8 RGB (h, w, 3).

        In a picture of a few pixels, or of an extreme shape, no number is visible. Raises DataError
        for what is no picture.
        """
        for row, picture in enumerate(pictures):
            check_picture(picture, row)
        rows = np.full((len(pictures), len(NUMBERS) + 1), UNSEEN)
        rows[:, -1] = 0
        shown = [row for row, picture in enumerate(pictures) if _may_show(picture)]
        for first in range(0, len(shown), self._batch):
            chosen = shown[first : first + self._batch]
            canvases = np.stack([lay(pictures[row]) for row in chosen])
            rows[chosen] = self._pass(canvases)
        read = calibrated(rows, self.calibration, self._columns)
        if not np.isfinite(read).all():
            raise WeightsError("The reader's weights give no probabilities; they are damaged.")
        return read

    def _pass(self, canvases: np.ndarray) -> np.ndarray:
        """Return the network's log-probabilities (n, 102) of canvases uint8 (n, HIGH, WIDE, 3)."""
        if self._network is None:
            return self._graph.run(canvases)
        import torch

        with torch.inference_mode():
            return self._network(torch.from_numpy(canvases).permute(0, 3, 1, 2).float()).numpy()


def calibrated(rows: np.ndarray, calibration: Calibration, columns: Sequence[int]) -> np.ndarray:
    """Return honest log-probabilities (n, k) of these columns of the network's (n, 102).

    columns    (k,) which answers may be given: the others' probability is shared by what is left
    """
    doubts = np.zeros(rows.shape[1])
    doubts[-1] = calibration.doubt
    scaled = (rows.astype(np.float64) + doubts) / calibration.temperature
    shares = np.exp(scaled - scaled.max(axis=1, initial=-np.inf, keepdims=True))
    shares = shares[:, columns] / shares.sum(axis=1, keepdims=True)
    shares /= shares.sum(axis=1, keepdims=True)
    honest: np.ndarray = np.log(SURE * shares + (1 - SURE) / shares.shape[1])
    return honest


def _engine(name: str | None, device: str) -> str:
    """Return what runs the reader; SettingError for another name, or one that does not fit."""
    if name is None:
        return FILE_ENGINE if device == "cpu" else TORCH
    fitting = (TORCH, FILE_ENGINE) if device == "cpu" else (TORCH,)
    if name not in fitting:
        raise SettingError("engine", repr(name), f"{' or '.join(fitting)} on {device}")
    return name


def _may_show(picture: Picture) -> bool:
    high, wide = picture.shape[:2]
    return min(high, wide) >= LEAST and max(high, wide) <= SLIMMEST * min(high, wide)


def read_reader(path: Path) -> tuple[dict[str, np.ndarray], Calibration]:
    """Return weights, float32, and calibration that a file holds.

    Raises WeightsError for a file that is missing, damaged or no reader's.
    """
    try:
        with safe_open(path, framework="np") as file:
            weights = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
            facts = file.metadata() or {}
        calibration = Calibration(float(facts["doubt"]), float(facts["temperature"]))
        finite = all(np.isfinite(value).all() for value in weights.values())
        if not (finite and np.isfinite(calibration.doubt)):
            raise ValueError("a value is not finite")
        if not 0 < calibration.temperature < 100:
            raise ValueError(f"the temperature is {calibration.temperature}")
    except FileNotFoundError:
        raise WeightsError(
            f"{path}: no such file. The reader's weights are part of the package; install it again."
        ) from None
    except Exception as error:
        raise _not_a_readers(path, error) from error
    return weights, calibration


def _graph(path: Path, weights: dict[str, np.ndarray]) -> LightGraph:
    """Return what runs these weights; WeightsError unless they are the graph's."""
    try:
        graph = LightGraph(GRAPH, KIND, weights)
    except WeightsError as error:
        raise _not_a_readers(path, error) from error
    names = graph.record["names"]
    wanted = {name: shape for name, shape in names if not name.endswith(COUNTERS)}
    if {name: list(value.shape) for name, value in weights.items()} != wanted:
        raise _not_a_readers(path, ValueError("other names or shapes"))
    return graph


def _not_a_readers(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{path}: these are not the weights of a shirt-number reader, or they are damaged "
        f"({(str(error).splitlines() or [''])[0][:120]}). Expected what recipes/number_reader.py "
        "writes; install the package again for its own."
    )
