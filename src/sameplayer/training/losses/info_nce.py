"""The loss: InfoNCE between images and images, over all processes, in chunks where memory is short.

Every other pair is a negative, so the batch size changes the loss. Gathering features over
processes and gradient caching (Gao et al., 2021) give the loss and gradients of the one big batch;
summing the gradients of several small batches (accumulation) does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.training.processes import gathered


def info_nce(
    query: Tensor,
    gallery: Tensor,
    log_scale: Tensor,
    label_smoothing: float = 0.0,
    differ: Tensor | None = None,
) -> Tensor:
    """Return the mean of the row-wise and column-wise cross-entropy against the diagonal.

    query, gallery     (b, d) raw features; row i of both shows one person, other rows others
                       or, with ``differ``, perhaps the same
    log_scale          logarithm of the factor on the cosine similarities (trained, not clamped)
    label_smoothing    share of the target spread over all columns that count
    differ             (b, b) booleans, symmetric: rows i and j are known to show different persons.
                       Any other pair off the diagonal counts for nothing; None: all are known

    As in CLIP (Radford et al., 2021), with two image batches in place of image and text.

    >>> round(info_nce(torch.eye(2), torch.eye(2), torch.tensor(0.0)).item(), 4)
    0.3133
    """
    similarity = functional.normalize(query, dim=1) @ functional.normalize(gallery, dim=1).T
    logits = log_scale.exp() * similarity
    if differ is not None:
        rows = _known_cross_entropy(logits, differ, label_smoothing)
        columns = _known_cross_entropy(logits.T, differ, label_smoothing)
        return (rows + columns) / 2
    target = torch.arange(len(logits), device=logits.device)
    rows = functional.cross_entropy(logits, target, label_smoothing=label_smoothing)
    columns = functional.cross_entropy(logits.T, target, label_smoothing=label_smoothing)
    return (rows + columns) / 2


def _known_cross_entropy(logits: Tensor, differ: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy of rows against the diagonal, over what is known of each."""
    counts = differ | torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    log_share = logits.masked_fill(~counts, -torch.inf).log_softmax(dim=1)
    spread = log_share.masked_fill(~counts, 0).sum(dim=1) / counts.sum(dim=1)
    return -((1 - smoothing) * log_share.diagonal() + smoothing * spread).mean()


class Outcome(NamedTuple):
    """A batch's loss, and the mean cosine similarity within its pairs and between those that are
    known to differ."""

    loss: float
    positive: float
    negative: float


def backward(
    features: Callable[[Tensor], Tensor],
    images: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    chunk: int | None = None,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
    model: nn.Module | None = None,
    differ: Tensor | None = None,
) -> Outcome:
    """Add the gradients of a loss over the pairs of all processes.

    features    network: images (b, 3, h, w) to raw features (b, d)
    images      (2b, 3, h, w) of this process: all anchors, then all positives
    loss        of the raw features of all anchors and all positives, such as InfoNCE
    chunk       pairs a forward pass; None: all at once. With chunks every picture passes the
                network twice, once without a graph; random layers draw the same both times
    scale       of the loss before its backward pass, for half precision
    model       its batch normalisation sees chunks, which is not the same as the whole batch, and
                counts each once
    differ      (b, b) of all processes, which pairs are known to differ; None: all

    Afterwards call ``sum_gradients`` where there are several processes.
    """
    pairs = len(images) // 2
    parts = list(torch.split(torch.arange(pairs), chunk or pairs))
    if len(parts) < 2:
        return _backward(features(images), loss, scale, differ)
    both = [torch.cat([part, part + pairs]) for part in parts]
    states, rows = [], []
    with torch.no_grad(), _uncounted(model):
        for part in both:
            states.append(_random_state(images.device))
            rows.append(features(images[part]))
    raw = torch.empty((len(images), rows[0].shape[1]), dtype=rows[0].dtype, device=images.device)
    for part, features_of_part in zip(both, rows, strict=True):
        raw[part] = features_of_part
    raw.requires_grad_()
    outcome = _backward(raw, loss, scale, differ)
    gradient = raw.grad
    after = _random_state(images.device)
    for part, state in zip(both, states, strict=True):
        _set_random_state(state, images.device)
        torch.autograd.backward(features(images[part]), gradient[part])  # type: ignore[index]
    _set_random_state(after, images.device)
    return outcome


def _backward(
    raw: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    scale: Callable[[Tensor], Tensor],
    differ: Tensor | None,
) -> Outcome:
    query, gallery = (gathered(half) for half in raw.float().chunk(2))
    value = loss(query, gallery)
    scale(value).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        alike = functional.normalize(query, dim=1) @ functional.normalize(gallery, dim=1).T
        positive, pairs = alike.trace(), len(alike)
        if differ is None:
            negative = (alike.sum() - positive) / max(pairs * (pairs - 1), 1)
        else:
            negative = (alike * differ).sum() / max(int(differ.sum()), 1)
    return Outcome(float(value.detach()), float(positive / pairs), float(negative))


@contextmanager
def _uncounted(model: nn.Module | None) -> Iterator[None]:
    """Keep the running means of batch normalisation as they are."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    layers = [m for m in model.modules() if isinstance(m, kinds)] if model is not None else []
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
