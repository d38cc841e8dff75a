"""Key layouts of checkpoints: a network's own, behind prefixes of wrappers, or CLIP's.

Keys that are dropped are reported; a checkpoint that leaves a layer random is refused."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.models import vision_transformer
from torch import Tensor, nn

from sameplayer.encoder.networks.build import build_model, check_weights, spec_of
from sameplayer.encoder.networks.presets import OSNETS
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.errors import WeightsError

HEADS = re.compile(
    r"^(heads?|head_dist|fc|last_linear|classifiers?|cls_head|bottleneck\w*|bnneck|bn_neck|logits|"
    r"arcface|margin|logit_\w+|loss\w*|criterion\w*|centers?|projector|predictor|dino_head|ibot_head)(\.|$)"
)
# Of weights beside others: averaged ones are taken first, as their trainers do for evaluation.
FIRST = re.compile(r"(^|[._])(ema|teacher|averaged|swa)([._]|$)")
LAST = re.compile(r"(^|[._])(student|momentum|optimizer\w*|discriminator)([._]|$)")
NO_WEIGHTS = re.compile(r"^(optim\w*|\w*sched\w*|\w*scaler|amp|\w*rng\w*|callbacks|loops)(\.|$)")
SHOWN = 3
# Usual architectures, by the end of a name that only they have.
USUAL: dict[str, tuple[str, ...]] = {
    "conv2.0.gate.fc1.weight": OSNETS,
    "layer1.0.conv2.weight": ("resnet18", "resnet34", "resnet50", "resnet101"),
    "visual.class_embedding": tuple(
        f"vit_{size}_clip_quickgelu_224.openai" for size in ("base_patch16", "large_patch14")
    ),
    "blocks.0.attn.qkv.weight": tuple(
        f"vit_{size}_patch16_224" for size in ("small", "base", "large")
    ),
}
# Names of CLIP's image tower in Hugging Face's transformers, and in OpenAI's layout.
TRANSFORMERS = (
    ("embeddings.class_embedding", "class_embedding"),
    ("embeddings.patch_embedding.", "conv1."),
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("pre_layrnorm.", "ln_pre."),
    ("post_layernorm.", "ln_post."),
    ("encoder.layers.", "transformer.resblocks."),
    ("self_attn.out_proj", "attn.out_proj"),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
)

SCALE, TOWER, RESIDUAL = "logit_scale", "visual.", "transformer.resblocks."


@dataclass(frozen=True)
class Fit:
    """Weights under a network's names, the logarithm of the scale, and what is to be said."""

    weights: dict[str, Tensor]
    scale: Tensor | None
    notes: tuple[str, ...]


def with_clip_tower(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with CLIP's image tower, wherever it stands in them, behind ``visual.``.

    Known are OpenAI's layout, also without ``visual.`` (CLIP-ReID's ``image_encoder.``), and that
    of Hugging Face's transformers. Weights without such a tower are returned as they are.
    """
    ends = {"embeddings.class_embedding": "encoder.layers.", "class_embedding": RESIDUAL}
    stems = [
        name.removesuffix(end)
        for name in weights
        for end, block in ends.items()
        if name.endswith(end) and any(k.startswith(name.removesuffix(end) + block) for k in weights)
    ]
    if not stems:
        return weights
    stem = max(stems, key=_liking)
    tower = _below(weights, stem)
    if "embeddings.class_embedding" in tower:
        tower = _from_transformers(tower)
        projection = weights.get(f"{stem.removesuffix('vision_model.')}visual_projection.weight")
        tower |= {} if projection is None else {"proj": projection.t()}
    named = {f"{TOWER}{name}": value for name, value in tower.items()}
    scale = _scale(weights, stem)
    named |= {} if scale is None else {SCALE: scale}
    beside = {k: v for k, v in weights.items() if not k.startswith(stem)}
    return beside | named


def _from_transformers(tower: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a tower of transformers in OpenAI's layout: there q, k and v are one matrix."""
    named = {}
    for name, value in tower.items():
        if name.endswith("position_ids"):
            continue
        for theirs, ours in TRANSFORMERS:
            name = name.replace(theirs, ours)
        if "self_attn.q_proj." in name:
            own = name.replace(RESIDUAL, "encoder.layers.")
            value = torch.cat([tower[own.replace("q_proj", f"{part}_proj")] for part in "qkv"])
            name = name.replace("self_attn.q_proj.", "attn.in_proj_")
        elif "self_attn." in name:
            continue
        named[name] = value
    return named


def fitted(weights: dict[str, Tensor], outline: nn.Module, spec: EncoderSpec, path: Path) -> Fit:
    """Return weights of any known layout under a network's names, of its shapes.

    outline    the network, without memory for its weights

    Raises WeightsError, which says what did not fit.
    """
    own = outline.state_dict()
    stems = _stems(weights, own)
    first: WeightsError | None = None
    for prefix in dict.fromkeys((stems[0], "")):
        below = _below(weights, prefix)
        below.pop(SCALE, None)
        try:
            named, notes = _fit(below, outline, spec, path, prefix)
        except WeightsError as error:
            first = first or error
        else:
            taken = TOWER if not prefix and f"{TOWER}class_embedding" in weights else prefix
            beside = _left_out(weights, taken, stems)
            return Fit(named, _scale(weights, prefix), (*beside, *notes))
    known = recognised(weights)
    other = known not in (None, spec.architecture)
    hint = f" These are the weights of {known}: name it." if other else ""
    raise WeightsError(f"{first}{hint}") from first


def recognised(weights: dict[str, Tensor]) -> str | None:
    """Return the name of a usual architecture that these weights fill whole; None of another."""
    signs = [sign for sign in USUAL if any(name.endswith(sign) for name in weights)]
    for name in (name for sign in signs for name in USUAL[sign]):
        spec = spec_of(name)
        with torch.device("meta"):
            outline = build_model(spec)
        for stem in _stems(weights, outline.state_dict())[:1]:
            with suppress(WeightsError):
                _fit(_below(weights, stem), outline, spec, Path(name), stem)
                return name
    return None


def _scale(weights: dict[str, Tensor], stem: str) -> Tensor | None:
    """Return the logarithm of the scale that stands behind a prefix, or behind the next outer."""
    while f"{stem}{SCALE}" not in weights and stem:
        outer = stem.rstrip(".").rpartition(".")[0]
        stem = f"{outer}." if outer else ""
    return weights.get(f"{stem}{SCALE}")


def _below(weights: dict[str, Tensor], stem: str) -> dict[str, Tensor]:
    return {k.removeprefix(stem): v for k, v in weights.items() if k.startswith(stem)}


def _stems(weights: dict[str, Tensor], own: dict[str, Any]) -> list[str]:
    """Return the prefixes behind which most names of a network stand, the best first.

    Where there is none, that is the prefix of all weights, or "" for weights without one.
    """
    counts = Counter(
        name[: len(name) - len(end)] for name in weights for end in _ends(name) if end in own
    )
    good = [stem for stem, count in counts.items() if 2 * count > len(own)]
    if not good:
        outer = [stem for stem in counts if all(name.startswith(stem) for name in weights)]
        return [max(outer, key=len, default="")]
    return sorted(good, key=lambda stem: (counts[stem], _liking(stem), -len(stem)), reverse=True)


def _ends(name: str) -> Iterator[str]:
    """Yield a dotted name, then what it is without its first part, its first two, and so on."""
    yield name
    while "." in name:
        name = name.partition(".")[2]
        yield name


def _liking(stem: str) -> int:
    return bool(FIRST.search(stem)) - bool(LAST.search(stem))


def _left_out(weights: dict[str, Tensor], stem: str, stems: list[str]) -> list[str]:
    """Return sentences on what stands beside the prefix that is taken."""
    notes = []
    others = [one for one in stems if not one.startswith(stem) and not stem.startswith(one)]
    if others:
        notes.append(f"The weights of {stem!r} are taken, not those of {others[0]!r} beside them.")
    beside = [
        name
        for name in weights
        if not name.startswith((stem, *others))
        and not NO_WEIGHTS.match(name)
        and name.split(".")[-1] not in ("logit_scale", "num_batches_tracked")
    ]
    if beside:
        notes.append(f"{_counted(beside, 'weight')} beside the network of {stem!r} are left out.")
    return notes


def _counted(names: list[str], what: str) -> str:
    some = ", ".join(names[:SHOWN])
    more = ", ..." if len(names) > SHOWN else ""
    return f"{len(names)} {what}{'s' * (len(names) > 1)} ({some}{more})"


def _fit(
    weights: dict[str, Tensor], outline: nn.Module, spec: EncoderSpec, path: Path, stem: str
) -> tuple[dict[str, Tensor], list[str]]:
    own = outline.state_dict()
    _refuse_odd_grid(weights, outline, spec, path)
    try:
        named = _converted(weights, outline)
    except Exception as error:  # timm converts by shape arithmetic, which fails as it happens to
        raise WeightsError(
            f"{path}: weights of another layout than {spec.architecture} "
            f"({type(error).__name__}: {error})."
        ) from error
    if any(k in own and not _is_count(k) for k in named):
        counts = {k: torch.zeros(v.shape, dtype=v.dtype) for k, v in own.items() if _is_count(k)}
        named = {**counts, **named}  # files before torch 0.4.1 have none
    heads = [k for k in named if k not in own and HEADS.match(k)]
    named = {k: v for k, v in named.items() if k in own or not HEADS.match(k)}
    check_weights(outline, named, path, stem)
    notes = list(_resized(weights, named))
    if heads:
        notes.append(f"{_counted(heads, 'weight')} of heads behind the features are left out.")
    return named, notes


def _is_count(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def _converted(weights: dict[str, Tensor], outline: nn.Module) -> dict[str, Tensor]:
    """Return weights as timm's own conversion for this kind of network names and shapes them."""
    home = sys.modules[type(outline).__module__]
    if hasattr(outline, "pos_embed") and hasattr(outline, "patch_embed"):
        home = vision_transformer if not hasattr(home, "checkpoint_filter_fn") else home
    convert: Any = getattr(home, "checkpoint_filter_fn", None)
    if convert is None or not home.__name__.startswith("timm."):
        return weights
    if f"{TOWER}class_embedding" in weights:  # what is beside the tower is no part of it
        weights = {k: v for k, v in weights.items() if k.startswith(TOWER)}
        if getattr(outline, "num_classes", 0) == 0:
            weights.pop(f"{TOWER}proj", None)
    named: dict[str, Tensor] = convert(dict(weights), outline)
    return named


def _refuse_odd_grid(
    weights: dict[str, Tensor], outline: nn.Module, spec: EncoderSpec, path: Path
) -> None:
    """Raise WeightsError for position embeddings whose number does not tell their grid."""
    old, new = _positions(weights), getattr(outline, "pos_embed", None)
    if old is None or not isinstance(new, Tensor) or new.ndim != 3 or old == new.shape[1]:
        return
    prefix = int(getattr(outline, "num_prefix_tokens", 1))
    patches = {old - prefix, old - 1, old}  # with tokens of either kind, or none
    if not any(number > 0 and round(number**0.5) ** 2 == number for number in patches):
        raise WeightsError(
            f"{path}: position embeddings of {old} tokens, which is no square of patches, instead "
            f"of {new.shape[1]} for pictures of {spec.height} x {spec.width}. Name the height and "
            "width that it was trained with, such as 256 and 128; patches that overlap, as "
            "TransReID's with a stride of 12, are not known here."
        )


def _positions(weights: dict[str, Tensor]) -> int | None:
    """Return the number of position embeddings, of either layout; None where there are none."""
    for name in ("pos_embed", f"{TOWER}positional_embedding"):
        if name in weights and weights[name].ndim >= 2:
            return int(weights[name].shape[-2])
    return None


def _resized(weights: dict[str, Tensor], named: dict[str, Tensor]) -> Iterator[str]:
    old, new = _positions(weights), _positions(named)
    if old is not None and new is not None and old != new and "reg_token" not in named:
        yield f"The position embeddings are resized from {old} to {new}, as timm does."
    patch = weights.get("patch_embed.proj.weight", weights.get(f"{TOWER}conv1.weight"))
    kept = named.get("patch_embed.proj.weight")
    if patch is not None and kept is not None and patch.shape[2:] != kept.shape[2:]:
        sizes = " to ".join(" x ".join(map(str, one.shape[2:])) for one in (patch, kept))
        yield f"The kernel of the patches is resized from {sizes}, as timm does."
