"""A small convolutional encoder that learns from scratch in minutes on a CPU.

Four residual stages, then pooling over horizontal stripes: a standing player's head, shirt,
shorts and shoes stay apart in the feature, which a global average would mix.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (32, 64, 96, 128)
STRIPES = 8
FEATURES = 256


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, added to the (projected) input."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(images)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.skip(images))


class SmallEncoder(nn.Module):
    """Images (b, 3, h, w) to raw features (b, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(WIDTHS[0])
        inputs = (WIDTHS[0], *WIDTHS[:-1])
        self.stages = nn.Sequential(
            *(ResidualBlock(i, o, 2) for i, o in zip(inputs, WIDTHS, strict=True))
        )
        self.head = nn.Linear(WIDTHS[-1] * STRIPES, FEATURES, bias=False)
        self.head_norm = nn.BatchNorm1d(FEATURES)
        self.num_features = FEATURES

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(functional.relu(self.norm(self.stem(images))))
        stripes = functional.adaptive_avg_pool2d(maps, (STRIPES, 1)).flatten(1)
        features: Tensor = self.head_norm(self.head(stripes))
        return features
