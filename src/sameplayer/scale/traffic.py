"""What travels between machines and storage when every block of rows must meet every other.

Formulas, and a simulation that moves the blocks one by one and counts: tests hold one against the
other. Sizes of blocks are in bytes, or in any unit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, pairwise

from sameplayer.errors import SettingError

Pair = tuple[int, int]
Sizes = Sequence[int]


@dataclass
class Traffic:
    """What each machine took in and gave out.

    taken    of each machine, from other machines or from storage
    given    of each machine, to other machines
    stored   from the storage to all machines
    """

    taken: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    stored: int = 0


def ring_traffic(sizes: Sizes) -> Traffic:
    """Return the traffic of a ring: machine m holds block m, and blocks go round M - 1 times.

    Each machine takes in every block but its own; it passes on every block but that of the machine
    behind which it stands, which comes to it last.
    """
    total, count = sum(sizes), len(sizes)
    return Traffic(
        [total - size for size in sizes],
        [total - sizes[(machine + 1) % count] for machine in range(count)],
    )


def broadcast_traffic(sizes: Sizes) -> Traffic:
    """Return the traffic when each machine sends its block to all others."""
    total = sum(sizes)
    return Traffic([total - size for size in sizes], [(len(sizes) - 1) * size for size in sizes])


def stored_traffic(sizes: Sizes, group: int = 1) -> int:
    """Return what storage gives out when pairs of blocks are tasks and nothing is kept between.

    group    blocks a side of a unit of tasks, which one machine does and reads once

    A group of blocks meets each of the G groups: G times all rows.
    """
    return -(-len(sizes) // group) * sum(sizes)


def striped_traffic(sizes: Sizes, group: int = 1) -> int:
    """Return what one machine reads when it keeps its last ``group + 2`` blocks.

    Tasks come in the order ``by_stripes``; with a group of 1 this is the order row by row. A stripe
    reads each of its blocks, and each behind them, once. What the stripe before left is found
    again only where little is left: of the last R blocks, all for R < 3, and the last for R up to
    group + 2.
    """
    count, total = len(sizes), 0
    for first in range(0, count, group):
        rest = sizes[first:]
        if first and len(rest) < 3:
            continue
        total += sum(rest) - (rest[-1] if first and len(rest) <= group + 2 else 0)
    return total


def pass_round(sizes: Sizes) -> Traffic:
    """Simulate a ring: in each of M - 1 steps every machine passes on the block that it got."""
    count = len(sizes)
    traffic = Traffic([0] * count, [0] * count)
    held = list(range(count))
    for _ in range(count - 1):
        for machine, block in enumerate(held):
            traffic.given[machine] += sizes[block]
            traffic.taken[(machine + 1) % count] += sizes[block]
        held = [held[machine - 1] for machine in range(count)]
    return traffic


def send_to_all(sizes: Sizes) -> Traffic:
    """Simulate a broadcast: every machine sends its block to every other."""
    count = len(sizes)
    traffic = Traffic([0] * count, [0] * count)
    for sender in range(count):
        for receiver in set(range(count)) - {sender}:
            traffic.given[sender] += sizes[sender]
            traffic.taken[receiver] += sizes[sender]
    return traffic


class Cache:
    """The blocks that a machine keeps: the last used ones; ``read`` says what had to be fetched."""

    def __init__(self, sizes: Sizes, room: int) -> None:
        self._sizes, self._room = sizes, room
        self._kept: OrderedDict[int, None] = OrderedDict()

    def read(self, block: int) -> int:
        """Use a block; return the bytes that it cost."""
        if block in self._kept:
            self._kept.move_to_end(block)
            return 0
        self._kept[block] = None
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)
        return self._sizes[block]


def read_from_storage(
    sizes: Sizes, tasks: Sequence[Pair], machines: int, room: int, dealt: str = "shards"
) -> Traffic:
    """Simulate tasks of pairs of blocks, which machines read from storage.

    tasks    in the order in which they are given out
    room     blocks that a machine keeps from task to task; 0: none, each task reads its own
    dealt    how they are given out, one of DEALT
    """
    if dealt not in DEALT:
        raise SettingError("dealt", repr(dealt), f"one of {', '.join(DEALT)}")
    traffic = Traffic([0] * machines)
    for machine, own in enumerate(DEALT[dealt](tasks, machines)):
        cache = Cache(sizes, room)
        for first, second in own:
            read = cache.read(first) + (cache.read(second) if second != first else 0)
            traffic.taken[machine] += read
    traffic.stored = sum(traffic.taken)
    return traffic


def by_rows(blocks: int, _: int = 1) -> list[Pair]:
    """Return the pairs of blocks row by row."""
    return list(combinations_with_replacement(range(blocks), 2))


def by_stripes(blocks: int, group: int) -> list[Pair]:
    """Return the pairs of blocks so that a group of first blocks meets one second after another."""
    pairs: list[Pair] = []
    for first in range(0, blocks, group):
        stripe = range(first, min(first + group, blocks))
        pairs += combinations_with_replacement(stripe, 2)
        pairs += [(i, j) for j in range(stripe.stop, blocks) for i in stripe]
    return pairs


def by_squares(blocks: int, group: int) -> list[Pair]:
    """Return the pairs of blocks square by square, each of two groups of blocks."""
    return [pair for unit in units(blocks, group) for pair in unit]


def units(blocks: int, group: int) -> list[list[Pair]]:
    """Return the pairs of blocks in units: all pairs of two groups, or of one with itself."""
    groups = [range(first, min(first + group, blocks)) for first in range(0, blocks, group)]
    return [
        [(i, j) for i in one for j in other if i <= j]
        for one, other in combinations_with_replacement(groups, 2)
    ]


def read_units(sizes: Sizes, group: int, machines: int) -> Traffic:
    """Simulate units given out in turns; a machine keeps a unit's blocks, and nothing after it."""
    traffic = Traffic([0] * machines)
    for number, unit in enumerate(units(len(sizes), group)):
        cache = Cache(sizes, 2 * group)
        read = sum(cache.read(block) for pair in unit for block in set(pair))
        traffic.taken[number % machines] += read
    traffic.stored = sum(traffic.taken)
    return traffic


def _shards(tasks: Sequence[Pair], machines: int) -> Iterable[Sequence[Pair]]:
    return (tasks[machine::machines] for machine in range(machines))


def _runs(tasks: Sequence[Pair], machines: int) -> Iterable[Sequence[Pair]]:
    cuts = [machine * len(tasks) // machines for machine in range(machines + 1)]
    return (tasks[first:stop] for first, stop in pairwise(cuts))


ORDERS: dict[str, Callable[[int, int], list[Pair]]] = {
    "rows": by_rows,
    "stripes": by_stripes,
    "squares": by_squares,
}
"""Name -> f(blocks, group), the order of the pairs."""

DEALT: dict[str, Callable[[Sequence[Pair], int], Iterable[Sequence[Pair]]]] = {
    "shards": _shards,
    "runs": _runs,
}
"""How tasks are given to machines: the M-th of each (shards), or as many in a row (runs)."""
