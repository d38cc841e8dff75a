"""The loss: InfoNCE between images and images, both directions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(
    query: Tensor, gallery: Tensor, log_scale: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean of the row-wise and column-wise cross-entropy against the diagonal.

    query, gallery     (b, d) raw features; row i of both shows one person, other rows others
    log_scale          logarithm of the factor on the cosine similarities (trained, not clamped)
    label_smoothing    share of the target spread over all columns

    As in CLIP (Radford et al., 2021), with two image batches in place of image and text.
    """
    similarity = functional.normalize(query, dim=1) @ functional.normalize(gallery, dim=1).T
    logits = log_scale.exp() * similarity
    target = torch.arange(len(logits), device=logits.device)
    rows = functional.cross_entropy(logits, target, label_smoothing=label_smoothing)
    columns = functional.cross_entropy(logits.T, target, label_smoothing=label_smoothing)
    return (rows + columns) / 2
