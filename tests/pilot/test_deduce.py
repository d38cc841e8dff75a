"""What follows from answers, against working it out over all chains."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from sameplayer.pilot.labels import TransitiveClosure

PERSONS = st.lists(st.integers(0, 3), min_size=2, max_size=8)


@given(PERSONS, st.randoms(use_true_random=False))
def test_nothing_follows_that_is_not_so_and_all_that_must(persons: list[int], draw) -> None:
    pairs = list(combinations(range(len(persons)), 2))
    draw.shuffle(pairs)
    cut, end = len(pairs) // 3, 2 * len(pairs) // 3
    given_, asked = [p for p in pairs[:cut] if persons[p[0]] != persons[p[1]]], pairs[cut:end]
    known = TransitiveClosure(frozenset(given_))
    for one, other in asked:
        assert known.add(other, one, same=persons[one] == persons[other])
    told = asked + given_
    for one, other in pairs:
        assert known.same(one, other) == _follows(persons, told, one, other)


def _follows(persons: list[int], told: list[tuple[int, int]], one: int, other: int) -> bool | None:
    groups = {row: {row} for row in range(len(persons))}
    for a, b in told:
        if persons[a] == persons[b]:
            joined = groups[a] | groups[b]
            for row in joined:
                groups[row] = joined
    if other in groups[one]:
        return True
    apart = any(
        persons[a] != persons[b]
        and ((a in groups[one] and b in groups[other]) or (b in groups[one] and a in groups[other]))
        for a, b in told
    )
    return False if apart else None


def test_an_answer_against_the_others_is_told_and_not_obeyed() -> None:
    known = TransitiveClosure()
    assert known.add(1, 2, same=True)
    assert known.add(2, 3, same=True)
    assert not known.add(1, 3, same=False)
    assert known.same(1, 3) is True
    assert not TransitiveClosure(frozenset({(1, 2)})).add(2, 1, same=True)
