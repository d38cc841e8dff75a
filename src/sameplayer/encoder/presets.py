"""PRESETS: a short name -> architecture, input and the rates its authors fine-tuned it with.

"2022" settings are those of the released code and technical report of the 2022 challenge's
winner; its paper's runs took 8 epochs with 2 of warm-up down to 4e-6: the presets ending in
"-paper". "2023" settings are those of the 2023 winner. The towers of later years take the 2022
code's settings, untried: their rates are for you to find.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from sameplayer.errors import ConfigError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SMALL = "sameplayer_small"


@dataclass(frozen=True)
class Preset:
    """An encoder and how it is trained.

    architecture    timm name with its pre-trained tag, or "sameplayer_small"
    height, width   network input in pixels
    pairs, epochs, lr, lr_end, warmup_epochs, augment    the defaults of training with this preset
    """

    architecture: str
    height: int
    width: int
    pairs: int = 16
    epochs: int = 4
    lr: float = 4e-5
    lr_end: float = 1e-5
    warmup_epochs: float = 1.0
    augment: str = "2022"
    about: str = ""


def _as_2022(architecture: str, size: int, about: str) -> Preset:
    return Preset(architecture, size, size, about=about)


def _as_2023(architecture: str, size: int, pairs: int, about: str) -> Preset:
    return Preset(architecture, size, size, pairs, 8, augment="2023", about=about)


def _paper(architecture: str, about: str) -> Preset:
    return Preset(architecture, 224, 224, 16, 8, 4e-5, 4e-6, 2.0, "2022", about)


PRESETS: dict[str, Preset] = {
    "small": Preset(
        SMALL, 128, 64, 32, 16, 2e-3, 2e-5, about="ours, 0.9 M weights, from scratch on a CPU"
    ),
    "vit-b16-openai": _as_2022(
        "vit_base_patch16_clip_quickgelu_224.openai", 224, "CLIP ViT-B/16, 2022"
    ),
    "vit-l14-openai": _as_2022(
        "vit_large_patch14_clip_quickgelu_224.openai", 224, "CLIP ViT-L/14, 2022"
    ),
    "vit-b16-openai-paper": _paper(
        "vit_base_patch16_clip_quickgelu_224.openai", "CLIP ViT-B/16, 2022, as in the paper"
    ),
    "vit-l14-openai-paper": _paper(
        "vit_large_patch14_clip_quickgelu_224.openai", "CLIP ViT-L/14, 2022, as in the paper"
    ),
    "resnet50": Preset(
        "resnet50.a1_in1k", 224, 224, lr=4e-4, about="ImageNet ResNet-50, the CNN baseline"
    ),
    "eva-l14-336": _as_2023("eva_large_patch14_336.in22k_ft_in22k_in1k", 336, 32, "EVA-L, 2023"),
    "eva-g14-336": _as_2023("eva_giant_patch14_336.clip_ft_in1k", 336, 8, "EVA-giant, 2023"),
    "eva02-l14-448": _as_2023(
        "eva02_large_patch14_448.mim_m38m_ft_in22k_in1k", 448, 4, "EVA-02-L, 2023"
    ),
    "beitv2-l16-224": _as_2023(
        "beitv2_large_patch16_224.in1k_ft_in22k_in1k", 224, 32, "BEiT v2-L, 2023"
    ),
    "siglip2-b16-224": _as_2022("vit_base_patch16_siglip_224.v2_webli", 224, "SigLIP 2 ViT-B/16"),
    "siglip2-l16-256": _as_2022("vit_large_patch16_siglip_256.v2_webli", 256, "SigLIP 2 ViT-L/16"),
    "dinov3-b16-256": _as_2022(
        "vit_base_patch16_dinov3.lvd1689m", 256, "DINOv3 ViT-B/16, its own licence"
    ),
    "dinov3-l16-256": _as_2022(
        "vit_large_patch16_dinov3.lvd1689m", 256, "DINOv3 ViT-L/16, its own licence"
    ),
    "pe-core-b16-224": _as_2022("vit_pe_core_base_patch16_224.fb", 224, "Perception Encoder B/16"),
    "pe-core-l14-336": _as_2022("vit_pe_core_large_patch14_336.fb", 336, "Perception Encoder L/14"),
}


def find_preset(name: str) -> Preset:
    """Return the preset of this name.

    Raises ConfigError with the nearest names when there is none.
    """
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=2)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ConfigError(f"Preset {name!r} is unknown.{hint} Presets: {', '.join(PRESETS)}.")
