"""PRESETS: a short name -> architecture, input and the rates its authors fine-tuned it with.

"2022" settings are those of the released code and technical report of the 2022 challenge's
winner; its paper's runs took 8 epochs with 2 of warm-up down to 4e-6: the presets ending in
"-paper". "2023" settings are those of the 2023 winner. The towers of later years take the 2022
code's settings, untried: their rates are for you to find.

This module needs neither torch nor, as long as a name is a preset's, timm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sameplayer.errors import ConfigError, did_you_mean

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
SMALL = "sameplayer_small"
PERSON, PERSON_LARGE = "sameplayer_person", "sameplayer_person_large"
COLOUR = "sameplayer_colour"
OSNETS = (
    "osnet_x1_0",
    "osnet_x0_75",
    "osnet_x0_5",
    "osnet_x0_25",
    "osnet_ibn_x1_0",
    "osnet_ain_x1_0",
    "osnet_ain_x0_75",
    "osnet_ain_x0_5",
    "osnet_ain_x0_25",
)
DEFAULT = "person"


@dataclass(frozen=True)
class Preset:
    """An encoder and how it is trained. A timm name without a preset takes these defaults.

    architecture    timm name with its pre-trained tag, or a name of ``OWN``
    height, width   network input in pixels; None: the architecture's own
    pairs, epochs, lr, lr_end, warmup_epochs, augment    the defaults of training with this preset
    about           what it is, in a few words
    weights         their number
    licence         of the pre-trained weights, as timm records it
    shipped         file of weights that lies in this package
    colour          share of the colour histogram in the similarity
    mirror          the feature is the mean of the picture's and the mirrored picture's
    """

    architecture: str
    height: int | None = None
    width: int | None = None
    pairs: int = 16
    epochs: int = 4
    lr: float = 4e-5
    lr_end: float = 1e-5
    warmup_epochs: float = 1.0
    augment: str = "2022"
    about: str = ""
    weights: int = 0
    licence: str = "apache-2.0"
    shipped: str = ""
    colour: float = 0.0
    mirror: bool = False


def _shipped(architecture: str, about: str, weights: int) -> Preset:
    file = f"{architecture.removeprefix('sameplayer_')}.safetensors"
    rates = Preset(architecture, 256, 128, 16, 2, 3e-5, 3e-6, 0.2)
    return replace(rates, about=about, weights=weights, shipped=file, colour=0.4, mirror=True)


def _as_2022(
    architecture: str, size: int, about: str, weights: int, licence: str = "apache-2.0"
) -> Preset:
    return Preset(architecture, size, size, about=about, weights=weights, licence=licence)


def _as_2023(
    architecture: str, size: int, pairs: int, about: str, weights: int, licence: str = "mit"
) -> Preset:
    rates = Preset(architecture, size, size, pairs, 8, augment="2023")
    return replace(rates, about=about, weights=weights, licence=licence)


def _paper(architecture: str, about: str, weights: int) -> Preset:
    return Preset(architecture, 224, 224, 16, 8, 4e-5, 4e-6, 2.0, "2022", about, weights)


_B16 = "vit_base_patch16_clip_quickgelu_224.openai"
_L14 = "vit_large_patch14_clip_quickgelu_224.openai"
_B16_WEIGHTS, _L14_WEIGHTS = 85_799_424, 303_179_776

PRESETS: dict[str, Preset] = {
    "person": _shipped(PERSON, "knows real people; shipped, the default", 589_984),
    "person-large": _shipped(PERSON_LARGE, "the same, larger; shipped", 2_088_825),
    "colour": Preset(COLOUR, 256, 128, about="colour histogram of three stripes, no network"),
    "small": Preset(
        SMALL, 128, 64, 32, 16, 2e-3, 2e-5, about="ours, from scratch on a CPU", weights=757_920
    ),
    "vit-b16-openai": _as_2022(_B16, 224, "CLIP ViT-B/16, 2022", _B16_WEIGHTS),
    "vit-l14-openai": _as_2022(_L14, 224, "CLIP ViT-L/14, 2022", _L14_WEIGHTS),
    "vit-b16-openai-paper": _paper(_B16, "CLIP ViT-B/16, 2022, as in the paper", _B16_WEIGHTS),
    "vit-l14-openai-paper": _paper(_L14, "CLIP ViT-L/14, 2022, as in the paper", _L14_WEIGHTS),
    "resnet50": replace(
        _as_2022("resnet50.a1_in1k", 224, "ImageNet ResNet-50, the CNN baseline", 23_508_032),
        lr=4e-4,
    ),
    "eva-l14-336": _as_2023(
        "eva_large_patch14_336.in22k_ft_in22k_in1k", 336, 32, "EVA-L, 2023", 303_506_432
    ),
    "eva-g14-336": _as_2023(
        "eva_giant_patch14_336.clip_ft_in1k", 336, 8, "EVA-giant, 2023", 1_011_596_672
    ),
    "eva02-l14-448": _as_2023(
        "eva02_large_patch14_448.mim_m38m_ft_in22k_in1k", 448, 4, "EVA-02-L, 2023", 304_055_232
    ),
    "beitv2-l16-224": _as_2023(
        "beitv2_large_patch16_224.in1k_ft_in22k_in1k",
        224,
        32,
        "BEiT v2-L, 2023",
        303_405_568,
        "apache-2.0",
    ),
    "siglip2-b16-224": _as_2022(
        "vit_base_patch16_siglip_224.v2_webli", 224, "SigLIP 2 ViT-B/16", 92_884_224
    ),
    "siglip2-l16-256": _as_2022(
        "vit_large_patch16_siglip_256.v2_webli", 256, "SigLIP 2 ViT-L/16", 315_956_224
    ),
    "dinov3-b16-256": _as_2022(
        "vit_base_patch16_dinov3.lvd1689m", 256, "DINOv3 ViT-B/16", 85_641_216, "dinov3-license"
    ),
    "dinov3-l16-256": _as_2022(
        "vit_large_patch16_dinov3.lvd1689m", 256, "DINOv3 ViT-L/16", 303_079_424, "dinov3-license"
    ),
    "pe-core-b16-224": _as_2022(
        "vit_pe_core_base_patch16_224.fb", 224, "Perception Encoder B/16", 92_886_528
    ),
    "pe-core-l14-336": _as_2022(
        "vit_pe_core_large_patch14_336.fb", 336, "Perception Encoder L/14", 316_102_656
    ),
}


def find_preset_or_timm(name: str) -> Preset:
    """Return the preset of this name, or that of a timm model: its own input, usual settings.

    This is the one place that says whether a name is a preset, a timm model or neither. A timm
    name may end in a tag of its weights, such as ``resnet50.a1_in1k``.

    Raises ConfigError with the nearest name, or with the tags that there are.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name == SMALL:
        return PRESETS["small"]
    if name in OSNETS:
        return Preset(name, 256, 128, licence="", about="OSNet; bring its weights")
    import timm  # here, since reading the presets alone must not wait for it

    base, _, tag = name.partition(".")
    models = timm.list_models()  # without the old names that timm still maps to new ones
    if base not in models:
        hint = did_you_mean(name, [*PRESETS, *OSNETS, *models])
        raise ConfigError(
            f"Preset {name!r} is unknown, and no timm model either.{hint} "
            f"Presets: {', '.join(PRESETS)}."
        )
    tagged = timm.list_models(f"{base}.*", pretrained=True)
    if tag and name not in tagged:
        tags = ", ".join(full.partition(".")[2] for full in tagged) or "none"
        raise ConfigError(f"{base} has no weights tagged {tag!r}; expected one of: {tags}.")
    return Preset(name)
