"""OSNet, the network of most users of torchreid, under the names that its published weights have.

Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", ICCV 2019: blocks of four
streams of one to four light convolutions, weighed by one shared gate and summed. In "-ibn" instance
norm follows the sums of the first stage, in "-ain" (Zhou et al., "Learning Generalisable Omni-Scale
Representations", TPAMI 2021) it stands within chosen blocks before the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

HEIGHT, WIDTH = 256, 128
FEATURES = 512
SQUEEZE = 16
SHARES = {"x1_0": 1.0, "x0_75": 0.75, "x0_5": 0.5, "x0_25": 0.25}
STAGES = ("conv2", "pool2", "conv3", "pool3", "conv4", "conv5")
CHANNELS = (64, 256, 384, 512)
# Where instance norm stands in the two blocks of each stage: nowhere, after the sum, before it.
NORMS = {
    "": (("", ""), ("", ""), ("", "")),
    "ibn": (("after", "after"), ("", ""), ("", "")),
    "ain": (("before", "before"), ("", "before"), ("before", "")),
}


class ConvNorm(nn.Module):
    """A convolution without bias, a norm, ReLU; the last two on demand."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: type[nn.Module] | None = nn.BatchNorm2d,
        relu: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, settings.pop("size", 1), bias=False, **settings)
        affine: dict[str, Any] = {"affine": True}
        self.bn = nn.Identity() if norm is None else norm(outputs, **affine)
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        normed: Tensor = self.relu(self.bn(self.conv(maps)))
        return normed


class LightConv(nn.Module):
    """A 1 x 1 convolution, then a 3 x 3 one a channel, batch norm, ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        bent: Tensor = nn.functional.relu(self.bn(self.conv2(self.conv1(maps))))
        return bent


class Gate(nn.Module):
    """Weighs the channels by two small layers of their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // SQUEEZE, 1)
        self.fc2 = nn.Conv2d(channels // SQUEEZE, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        means = maps.mean((2, 3), keepdim=True)
        return maps * self.fc2(nn.functional.relu(self.fc1(means))).sigmoid()


class Block(nn.Module):
    """The residual block of four streams.

    norm       where instance norm stands: "after" the sum, "before" it, or "" for none
    listed     the streams are named as in "-ain", conv2.0 to conv2.3; else conv2a to conv2d
    """

    def __init__(self, inputs: int, outputs: int, norm: str, listed: bool) -> None:
        super().__init__()
        middle = outputs // 4
        before = norm == "before"
        streams = [[LightConv(middle) for _ in range(depth)] for depth in (1, 2, 3, 4)]
        self.conv1 = ConvNorm(inputs, middle)
        if listed:
            named = (nn.ModuleDict({"layers": nn.Sequential(*stream)}) for stream in streams)
            self.conv2 = nn.ModuleList(named)
        else:
            self.conv2a = streams[0][0]
            self.conv2b, self.conv2c, self.conv2d = (nn.Sequential(*one) for one in streams[1:])
        self.gate = Gate(middle)
        last = None if before else nn.BatchNorm2d
        self.conv3 = ConvNorm(middle, outputs, last, relu=False)
        same = inputs == outputs
        self.downsample = nn.Identity() if same else ConvNorm(inputs, outputs, relu=False)
        self.IN = nn.InstanceNorm2d(outputs, affine=True) if norm else nn.Identity()
        self.norm, self.listed = norm, listed

    def streams(self) -> list[Callable[[Tensor], Tensor]]:
        """Return the four streams, of the shortest reach first."""
        if self.listed:
            return [stream["layers"] for stream in self.conv2]  # type: ignore[index]
        return [self.conv2a, self.conv2b, self.conv2c, self.conv2d]

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.conv1(maps)
        total = self.conv3(sum(self.gate(stream(inner)) for stream in self.streams()))
        skip = self.downsample(maps)
        summed = self.IN(total) + skip if self.norm == "before" else self.IN(total + skip)
        return nn.functional.relu(summed)


class OsNet(nn.Module):
    """Images (b, 3, h, w), normalised as ImageNet's, to raw features (b, 512), 0 or more each.

    name    osnet_x1_0, osnet_ibn_x1_0, osnet_ain_x0_5, ...
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        kind, _, share = name.removeprefix("osnet_").rpartition("x")
        kind = kind.rstrip("_")
        widths = [int(SHARES["x" + share] * channels) for channels in CHANNELS]
        first = nn.InstanceNorm2d if kind else nn.BatchNorm2d
        self.conv1 = ConvNorm(3, widths[0], first, size=7, stride=2, padding=3)
        for place, norms in enumerate(NORMS[kind]):
            inputs, outputs = widths[place : place + 2]
            stage = [Block(inputs, outputs, norms[0], kind == "ain")]
            stage += [Block(outputs, outputs, norms[1], kind == "ain")]
            shrink = nn.Sequential(ConvNorm(outputs, outputs), nn.AvgPool2d(2))
            apart = kind == "ain" and place < 2
            more = [] if apart or place == 2 else [shrink]
            setattr(self, f"conv{place + 2}", nn.Sequential(*stage, *more))
            setattr(self, f"pool{place + 2}", shrink if apart else nn.Identity())
        self.conv5 = ConvNorm(widths[3], widths[3])
        linear = nn.Linear(widths[3], FEATURES)
        self.fc = nn.Sequential(linear, nn.BatchNorm1d(FEATURES), nn.ReLU())
        self.num_features = FEATURES

    def forward(self, images: Tensor) -> Tensor:
        maps = nn.functional.max_pool2d(self.conv1(images), 3, 2, 1)
        for name in STAGES:
            maps = getattr(self, name)(maps)
        features: Tensor = self.fc(maps.mean((2, 3)))
        return features
