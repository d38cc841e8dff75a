"""The network of `person` and `person-large`: four streams of growing reach, gated and summed.

Its layout is that of OSNet (Zhou et al., "Omni-Scale Feature Learning for Person
Re-Identification", ICCV 2019) as Intel's person-reidentification-retail-0287 and -0277 use it,
with the batch norms folded into the convolutions. ``recipes/convert_person.py`` fills it with
their weights; NOTICE says where they are from.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

HEIGHT, WIDTH = 256, 128
FEATURES = 256
DEPTHS = (1, 2, 3, 4)
GROUPS = 16
SQUEEZE = 16
WIDTHS = {"sameplayer_person": (32, 48, 64), "sameplayer_person_large": (64, 96, 128)}


class LightConv(nn.Module):
    """A 1 x 1 convolution, then a 3 x 3 one a channel, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.look = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.look(self.mix(maps)))


class SqueezeGate(nn.Module):
    """Weights a channel, from the means of all channels: two small layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // SQUEEZE, 1)
        self.spread = nn.Conv2d(channels // SQUEEZE, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        means = maps.mean((2, 3), keepdim=True)
        return maps * self.spread(functional.relu(self.squeeze(means))).sigmoid()


class GroupGate(nn.Module):
    """Weights a channel, from its mean as normalised within its group."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)

    def forward(self, maps: Tensor) -> Tensor:
        gate: Tensor = self.norm(maps.mean((2, 3), keepdim=True)).sigmoid()
        return maps * gate


class StreamBlock(nn.Module):
    """Four streams of one to four light convolutions, gated by one gate and summed; residual."""

    def __init__(self, inputs: int, channels: int, gate: type[nn.Module]) -> None:
        super().__init__()
        outputs = 4 * channels
        self.enter = nn.Conv2d(inputs, channels, 1)
        self.streams = nn.ModuleList(
            nn.Sequential(*(LightConv(channels) for _ in range(depth))) for depth in DEPTHS
        )
        self.gate = gate(channels)
        self.leave = nn.Conv2d(channels, outputs, 1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.enter(maps))
        total = sum(self.gate(stream(inner)) for stream in self.streams)
        return functional.relu(self.leave(total) + self.skip(maps))


class PersonNetwork(nn.Module):
    """Images (b, 3, 256, 128), normalised as ImageNet's, to raw features (b, 256).

    widths    inner channels of the three stages
    """

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.light = nn.InstanceNorm2d(3, affine=True)
        self.stem = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.norm = nn.InstanceNorm2d(widths[0], affine=True)
        inputs, stages = widths[0], []
        for place, channels in enumerate(widths):
            outputs = 4 * channels
            first = StreamBlock(inputs, channels, SqueezeGate)
            second = StreamBlock(outputs, channels, GroupGate)
            shrink = [nn.AvgPool2d(2)] if place + 1 < len(widths) else []
            mixed = nn.Conv2d(outputs, outputs, 1)
            stages.append(nn.Sequential(first, second, mixed, nn.ReLU(), *shrink))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        places = (HEIGHT // 16, WIDTH // 16)
        self.gather = nn.Conv2d(inputs, inputs, places, groups=inputs)
        self.head = nn.Linear(inputs, FEATURES)
        self.bend = nn.PReLU()
        self.num_features = FEATURES

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.relu(self.norm(self.stem(self.light(images))))
        maps = functional.max_pool2d(maps, 3, 2, 1)
        features: Tensor = self.bend(self.head(self.gather(self.stages(maps)).flatten(1)))
        return features
