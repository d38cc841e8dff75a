"""CLIP reads shirt numbers without fine-tuning: the picture against sentences with each number.

The 2022 paper did so on about a hundred pictures; its sentences are not published, so these are our
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.common.hashing import array_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.errors import ConfigError, MissingFile, WeightsError, did_you_mean, import_extra
from sameplayer.numbers.reader import NUMBERS, check_views, view

CLIP_MODEL = "ViT-B-32-quickgelu"
TEMPLATES = (
    "a photo of a player with the number {} on the shirt",
    "a sports jersey with the number {}",
    "a basketball player wearing number {}",
    "the number {} on the back of a player",
)
NOTHING = (
    "a photo of a player without a visible number",
    "a player seen from the side",
    "a plain sports shirt without a number",
)


class ClipReader:
    """CLIP's two towers, unchanged: the picture against one sentence for each number.

    model         OpenCLIP architecture
    weights       OpenCLIP tag (fetched into its cache), or a file; None: random, for tests
    candidates    numbers that may be read
    templates     sentences with {} for the number; their vectors are averaged
    views         parts of the picture that are compared, names of VIEWS; scores are averaged

    Raises WeightsError where weights cannot be had, or where the model has no text tower.
    """

    def __init__(
        self,
        model: str = CLIP_MODEL,
        weights: str | None = "openai",
        candidates: Sequence[str] = NUMBERS,
        *,
        templates: Sequence[str] = TEMPLATES,
        nothing: Sequence[str] = NOTHING,
        views: Sequence[str] = ("whole", "torso"),
        device: str = "auto",
    ) -> None:
        check_views(views)
        if not all("{}" in template for template in templates):
            raise ConfigError("Every template needs {} where the number goes.")
        self.candidates, self.name = tuple(candidates), f"CLIP {model}"
        self._views, self._device = tuple(views), str(pick_device(device))
        self._model, self._prepare, tokenise = _open_clip(model, weights, self._device)
        sentences = [[one.format(number) for one in templates] for number in self.candidates]
        self._text = self._encode([*sentences, list(nothing)], tokenise)

    @property
    def fingerprint(self) -> str:
        """What its readings depend on: 16 hex digits of the network and the sentences."""
        state = [*self._model.state_dict().values(), self._text]
        digits = array_fingerprint(*(one.float().cpu().numpy() for one in state))
        return f"{self.name} {digits} {' '.join(self._views)}"

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        import torch
        from PIL import Image
        from torch.nn import functional

        scale = self._model.logit_scale.exp()
        rows = []
        with torch.inference_mode():
            for picture in pictures:
                seen = [self._prepare(Image.fromarray(view(picture, name))) for name in self._views]
                images = functional.normalize(
                    self._model.encode_image(torch.stack(seen).to(self._device)).float(), dim=1
                )
                logits = (scale * images @ self._text.T).mean(dim=0)
                rows.append(torch.log_softmax(logits, dim=0).cpu().numpy())
        return np.stack(rows) if rows else np.zeros((0, len(self.candidates) + 1))

    def _encode(self, sentences: list[list[str]], tokenise: Any) -> Any:
        """Return (candidates + 1, d) unit text vectors, each the mean over its sentences."""
        import torch
        from torch.nn import functional

        means = []
        with torch.inference_mode():
            for group in sentences:
                tokens = tokenise(group).to(self._device)
                vectors = functional.normalize(self._model.encode_text(tokens).float(), dim=1)
                means.append(vectors.mean(dim=0))
        return functional.normalize(torch.stack(means), dim=1)


def _open_clip(model: str, weights: str | None, device: str) -> tuple[Any, Any, Any]:
    open_clip = import_extra("open_clip", "numbers", "Reading numbers with CLIP")
    if Path(model).suffix == ".json":
        model = _add_configuration(open_clip, Path(model))
    if model not in open_clip.list_models():
        raise WeightsError(
            f"OpenCLIP has no model {model!r} with a text tower."
            f"{did_you_mean(model, open_clip.list_models())} Name one of "
            "open_clip.list_models(), or a configuration (.json); an image encoder alone cannot "
            "read numbers."
        )
    try:
        network, _, prepare = open_clip.create_model_and_transforms(
            model, pretrained=weights, device=device, weights_only=True
        )
    except Exception as error:
        raise WeightsError(
            f"The weights {weights!r} of {model} could not be had ({type(error).__name__}). "
            "Without a network, name a file, or read with ocr."
        ) from error
    return network.eval(), prepare, open_clip.get_tokenizer(model)


def _add_configuration(open_clip: Any, path: Path) -> str:
    if not path.is_file():
        raise MissingFile(f"{path}: no such configuration of an OpenCLIP model.")
    open_clip.add_model_config(path)
    if path.stem not in open_clip.list_models():
        raise WeightsError(
            f"{path}: not an OpenCLIP configuration; expected a JSON object with embed_dim, "
            "vision_cfg and text_cfg."
        )
    return path.stem
