"""Why two pictures are alike: where, as a map over both, and the numbers that are read in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sameplayer.common.pages import data_address
from sameplayer.data.images.picture import Picture, decode_content, encode_picture
from sameplayer.errors import SameplayerError
from sameplayer.serve.service import Caller

SIDE = 320  # pixels of the longer side of a map that is shown


@dataclass(frozen=True)
class Why:
    """What is shown: pictures with a caption each, the similarity, and what was read.

    pictures    (data address of an image, caption): both pictures, a map beside each that passed
                its test
    no_map      why there is none, or not both
    """

    pictures: tuple[tuple[str, str], ...] = ()
    similarity: float | None = None
    no_map: str = ""
    numbers: tuple[str, ...] = ()
    no_numbers: str = ""


def explain_pair(caller: Caller, first: bytes, second: bytes) -> Why:
    """Explain two pictures; what cannot be told says why, and takes nothing else with it."""
    a, b = decode_content("the picture", first), decode_content("the picture", second)
    with caller.service.encoder_turn:
        return Why(**_map(caller, a, b), **_numbers(a, b))


def _map(caller: Caller, a: Picture, b: Picture) -> dict[str, Any]:
    from sameplayer.maps.explanation import explain
    from sameplayer.maps.overlay import overlay

    try:
        why = explain(caller.gallery.encoder, a, b)
    except SameplayerError as error:
        return {"no_map": f"No map: {error}"}
    except Exception as error:  # an optional part must not take the page with it
        return {"no_map": f"No map: it could not be made ({type(error).__name__})."}
    names = ("the picture asked", "the picture in the gallery")
    refused = [
        f"No map of {name}: {words}."
        for name, words in zip(names, why.refusals, strict=True)
        if words is not None
    ]
    shown = [(a, "asked"), (b, "in the gallery")]
    if why.refusals[1] is None:
        shown.insert(1, (overlay(b, why.map_b), "what matches"))
    if why.refusals[0] is None:
        shown.insert(1, (overlay(a, why.map_a), "what matches"))
    return {
        "pictures": tuple((_address(picture), caption) for picture, caption in shown),
        "similarity": why.similarity,
        "no_map": " ".join(refused),
    }


def _numbers(a: Picture, b: Picture) -> dict[str, Any]:
    from sameplayer.numbers.reading import read_jersey_number

    try:
        read = read_jersey_number([a, b])
    except SameplayerError as error:
        return {"no_numbers": str(error)}
    except Exception as error:  # an optional part must not take the page with it
        return {"no_numbers": f"reading failed ({type(error).__name__})"}
    return {
        "numbers": tuple(
            "none seen" if one.number is None else f"{one.number} ({one.probability:.2f})"
            for one in read
        )
    }


def _address(picture: Picture) -> str:
    import cv2
    import numpy as np

    scale = SIDE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    shown = np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
    return data_address("image/jpeg", encode_picture(shown, ".jpg", 88))
