"""Settings of a run over blocks: its workers, its shard, and how crops are embedded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sameplayer.errors import SettingError

RANK_ROWS, MOST_BLOCKS = 16384, 16  # each block meets each: the lists on disk grow with both


@dataclass(frozen=True)
class Run:
    """Settings of the workers."""

    runner: str = "local"
    """local: processes on this machine; ray: actors, on all machines of a Ray cluster."""
    workers: int | None = None
    """Number of workers; None: one per core (with Ray: all cores but one)."""
    threads: int = 1
    """Threads of each worker. The same number gives the same bytes."""
    retries: int = 3
    """How often a task is repeated when its worker dies."""
    ray_address: str | None = None
    """Address of a Ray cluster; None: the local one, which is started if none runs."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        for name, least in (("workers", 1), ("threads", 1), ("retries", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingError(name, value, f"{least} or more")


@dataclass(frozen=True)
class Shards:
    """Which part of a run this is, for batch systems: every part runs the same command."""

    shard: str = "1/1"
    """I/N: do the I-th of N parts, and wait for results of the others where needed."""
    wait: float = 3600.0
    """Seconds that a part waits for results of other parts."""

    def __post_init__(self) -> None:
        """Raise SettingError for a part that is not there."""
        _ = self.part
        if not self.wait >= 0:
            raise SettingError("wait", self.wait, "0 or more seconds")

    @property
    def part(self) -> tuple[int, int]:
        """I and N."""
        expected = "I/N with I from 1 to N, such as 3/16"
        try:
            part, parts = map(int, self.shard.split("/"))
        except ValueError:
            raise SettingError("shard", repr(self.shard), expected) from None
        if not 1 <= part <= parts:
            raise SettingError("shard", repr(self.shard), expected)
        return part, parts


@dataclass(frozen=True)
class EmbedConfig:
    """Where and how a network runs."""

    device: str = "auto"
    """auto: the GPU where there is one; cpu, cuda, cuda:N or mps."""
    batch_size: int = 64
    """Pictures in one pass of the network."""
    precision: Literal["fp32", "bf16", "int8"] = "fp32"
    """Number format of the pass; a file of int8 computes in int8."""
    engine: Literal["torch", "onnxruntime", "openvino"] | None = None
    """What runs the network; None: torch, and onnxruntime for an ONNX file."""
