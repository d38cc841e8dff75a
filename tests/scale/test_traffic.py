"""The simulation of the traffic counts what the formulas say, whatever the sizes of the blocks."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.errors import SettingError
from sameplayer.scale.traffic import (
    DEALT,
    ORDERS,
    broadcast_traffic,
    by_rows,
    by_stripes,
    pass_round,
    read_from_storage,
    read_units,
    ring_traffic,
    send_to_all,
    stored_traffic,
    striped_traffic,
)

SIZES = st.lists(st.integers(1, 10**9), min_size=1, max_size=30)
GROUPS, MACHINES = st.integers(1, 9), st.integers(1, 12)


@given(SIZES)
def test_a_ring_and_a_broadcast_move_what_the_formulas_say(sizes: list[int]) -> None:
    assert pass_round(sizes) == ring_traffic(sizes)
    assert send_to_all(sizes) == broadcast_traffic(sizes)
    assert sum(pass_round(sizes).given) == (len(sizes) - 1) * sum(sizes)


def test_blocks_of_a_ring_that_are_not_equal_are_passed_on_as_counted_by_hand() -> None:
    ring = pass_round([1, 10, 100])
    assert ring.taken == [110, 101, 11]
    assert ring.given == [101, 11, 110]


@given(SIZES, MACHINES, st.sampled_from(sorted(ORDERS)), st.sampled_from(sorted(DEALT)), GROUPS)
def test_without_a_cache_every_order_reads_each_block_once_a_block(
    sizes: list[int], machines: int, order: str, dealt: str, group: int
) -> None:
    tasks = ORDERS[order](len(sizes), group)
    assert read_from_storage(sizes, tasks, machines, 0, dealt).stored == stored_traffic(sizes)


@given(SIZES, MACHINES, GROUPS)
def test_units_of_pairs_are_read_as_if_blocks_were_larger(
    sizes: list[int], machines: int, group: int
) -> None:
    assert read_units(sizes, group, machines).stored == stored_traffic(sizes, group)


@given(SIZES, GROUPS)
def test_stripes_read_what_the_formula_says(sizes: list[int], group: int) -> None:
    tasks = by_stripes(len(sizes), group)
    read = read_from_storage(sizes, tasks, 1, group + 2)
    assert read.taken == [striped_traffic(sizes, group)]


@given(SIZES)
def test_row_by_row_is_a_stripe_of_one(sizes: list[int]) -> None:
    assert by_rows(len(sizes)) == by_stripes(len(sizes), 1)
    read = read_from_storage(sizes, by_rows(len(sizes)), 1, 3)
    assert read.stored == striped_traffic(sizes)


@given(st.integers(1, 30), GROUPS, MACHINES, st.sampled_from(sorted(DEALT)))
def test_every_order_and_every_deal_has_each_pair_once(
    blocks: int, group: int, machines: int, dealt: str
) -> None:
    pairs = list(combinations_with_replacement(range(blocks), 2))
    for order in ORDERS.values():
        tasks = order(blocks, group)
        assert sorted(tasks) == pairs
        assert sorted(pair for own in DEALT[dealt](tasks, machines) for pair in own) == pairs


@given(SIZES, MACHINES)
def test_room_for_all_blocks_reads_each_once_a_machine_at_most(
    sizes: list[int], machines: int
) -> None:
    read = read_from_storage(sizes, by_rows(len(sizes)), machines, len(sizes))
    assert all(taken <= sum(sizes) for taken in read.taken)
    assert read_from_storage(sizes, by_rows(len(sizes)), 1, len(sizes)).stored == sum(sizes)


def test_an_unknown_deal_is_refused() -> None:
    with pytest.raises(SettingError, match=r"dealt is 'cards'; expected one of shards, runs"):
        read_from_storage([1, 2], by_rows(2), 1, 0, "cards")
