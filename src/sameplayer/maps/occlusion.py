"""Occlusion: what each place is worth, measured by blurring it and by showing it alone.

For any encoder, as nothing of its inside is looked at. After Zeiler and Fergus (2014), who cover
places of the picture one after the other; here a window's worth is what the similarity loses when
the window is blurred, plus what it gains when the window alone is shown on the blurred picture.
The first finds little where two places say the same, the second where two places say something
only together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sameplayer.encoder.encoder import Encoder
from sameplayer.maps.method import USUAL, ImageMap, MapSettings, blurred

ROWS = 10  # windows over the height of the network's input; as wide as they are high, or nearly
SPREAD = 0.6  # standard deviation of a window's soft edge, of the distance between windows
ALIKE = 0.05  # mean difference of values (of about unit deviation) below which a blur hides nothing


def occlusion(
    encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings = USUAL
) -> ImageMap:
    """Return the map of one normalised image (3, h, w).

    target    (d,) unit row of the network for the other picture

    A place's value is the mean worth of the windows over it; below 0 counts as 0. Windows in which
    the blur changes nothing, such as those over padding, are passed over. Of the settings
    ``batch_size`` and ``half`` count.
    """
    blank = blurred(image)
    windows = _windows(image)
    changed = (windows * (image - blank).abs().mean(dim=0)).flatten(1).sum(dim=1)
    kept = windows[changed > ALIKE * windows.flatten(1).sum(dim=1)]
    whole, empty = _cosines(encoder, torch.stack([image, blank]), target, settings)
    found = image.new_zeros(image.shape[1:])
    for part in torch.split(kept, max(1, settings.batch_size // 2)):
        mask = part[:, None]
        hidden = image * (1 - mask) + blank * mask
        alone = blank * (1 - mask) + image * mask
        both = _cosines(encoder, torch.cat([hidden, alone]), target, settings)
        without, shown = both[: len(part)], both[len(part) :]
        worth = (whole - without + shown - empty) / part.flatten(1).sum(dim=1)
        found += (part * worth[:, None, None]).sum(dim=0)
    positive = found.clamp(min=0)
    most = float(positive.max())
    values = positive / most if most > 1e-7 else torch.zeros_like(positive)
    return ImageMap(values.cpu().numpy(), {"windows": len(windows), "passes": 2 * len(kept) + 2})


def _windows(image: Tensor) -> Tensor:
    """Return soft windows (n, h, w) in [0, 1] over an image (3, h, w), on a grid."""
    high, wide = image.shape[1:]
    step = high / ROWS
    columns = max(1, round(wide / step))
    across = [
        (torch.arange(n, device=image.device) + 0.5) * side / n
        for n, side in ((ROWS, high), (columns, wide))
    ]
    edges = []
    for centres, side in zip(across, (high, wide), strict=True):
        places = torch.arange(side, device=image.device) + 0.5
        away = (places - centres[:, None]) / (SPREAD * side / len(centres))
        edges.append(torch.exp(-(away**2) / 2))
    return (edges[0][:, None, :, None] * edges[1][None, :, None, :]).reshape(-1, high, wide)


def _cosines(encoder: Encoder, images: Tensor, target: Tensor, settings: MapSettings) -> Tensor:
    """Return (n,) cosines of the network's unit rows of images (n, 3, h, w) with another's."""
    with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16, enabled=settings.half):
        rows = encoder.network_rows(images)
    return rows @ target
