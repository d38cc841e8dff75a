"""The loss: InfoNCE between images and images, over all processes, in chunks where memory is short.

Every other pair is a negative, so the batch size changes the loss. Gathering features over
processes and gradient caching (Gao et al., 2021) give the loss and gradients of the one big batch;
summing the gradients of several small batches (accumulation) does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as processes
from torch import Tensor, nn
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


def backward(
    features: Callable[[Tensor], Tensor],
    images: Tensor,
    log_scale: Tensor,
    *,
    label_smoothing: float = 0.0,
    chunk: int | None = None,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
    model: nn.Module | None = None,
) -> float:
    """Add the gradients of InfoNCE over the pairs of all processes; return the loss.

    features    network: images (b, 3, h, w) to raw features (b, d)
    images      (2b, 3, h, w) of this process: all anchors, then all positives
    chunk       pairs a forward pass; None: all at once. With chunks every picture passes the
                network twice, once without a graph; random layers draw the same both times
    scale       of the loss before its backward pass, for half precision
    model       its batch normalisation sees chunks, which is not the same as the whole batch, and
                counts each once

    Afterwards call ``sum_gradients`` where there are several processes.
    """
    pairs = len(images) // 2
    parts = list(torch.split(torch.arange(pairs), chunk or pairs))
    if len(parts) < 2:
        raw = features(images)
        loss = _loss(raw, log_scale, label_smoothing)
        scale(loss).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())
    both = [torch.cat([part, part + pairs]) for part in parts]
    states, rows = [], []
    with torch.no_grad(), _uncounted(model):
        for part in both:
            states.append(_random_state(images.device))
            rows.append(features(images[part]))
    raw = torch.empty((len(images), rows[0].shape[1]), dtype=rows[0].dtype, device=images.device)
    for part, found in zip(both, rows, strict=True):
        raw[part] = found
    raw.requires_grad_()
    loss = _loss(raw, log_scale, label_smoothing)
    scale(loss).backward()  # type: ignore[no-untyped-call]
    gradient = raw.grad
    after = _random_state(images.device)
    for part, state in zip(both, states, strict=True):
        _set_random_state(state, images.device)
        torch.autograd.backward(features(images[part]), gradient[part])  # type: ignore[index]
    _set_random_state(after, images.device)
    return float(loss.detach())


def sum_gradients(model: nn.Module, log_scale: Tensor) -> None:
    """Add up the gradients of all processes, which each hold those of their own pictures."""
    if not processes.is_initialized():
        return
    if log_scale.grad is not None:  # every process has the whole of this one
        log_scale.grad /= processes.get_world_size()
    for parameter in (*model.parameters(), log_scale):
        if parameter.grad is not None:
            processes.all_reduce(parameter.grad)


def _loss(raw: Tensor, log_scale: Tensor, label_smoothing: float) -> Tensor:
    query, gallery = raw.float().chunk(2)
    return info_nce(_gathered(query), _gathered(gallery), log_scale, label_smoothing)


def _gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, in order; gradients flow into this one's own."""
    if not processes.is_initialized():
        return rows
    parts = [torch.empty_like(rows) for _ in range(processes.get_world_size())]
    processes.all_gather(parts, rows.detach().contiguous())
    parts[processes.get_rank()] = rows
    return torch.cat(parts)


@contextmanager
def _uncounted(model: nn.Module | None) -> Iterator[None]:
    """Keep the running means of batch normalisation as they are."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    found = [m for m in model.modules() if isinstance(m, kinds)] if model is not None else []
    momenta = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(found, momenta, strict=True):
            layer.momentum = momentum


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
