"""What follows from answers: a = b and b = c give a = c; a = b and b ≠ c give a ≠ c."""

from __future__ import annotations

from collections.abc import Collection


class Deduced:
    """Who is known to be the same and who another, among things numbered by whole numbers.

    differ    pairs (smaller, larger) known to differ from the beginning; not copied

    An answer that contradicts what follows from those before it is not obeyed here.
    """

    def __init__(self, differ: Collection[tuple[int, int]] = frozenset()) -> None:
        self._given = differ
        self._root: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._differ: dict[int, set[int]] = {}

    def same(self, one: int, other: int) -> bool | None:
        """Tell whether two are one, are two, or None where neither follows."""
        first, second = self._root.get(one, one), self._root.get(other, other)
        if first == second:
            return True
        if second in self._differ.get(first, ()):
            return False
        pairs = ((a, b) for a in self._of(first) for b in self._of(second))
        return False if any((min(pair), max(pair)) in self._given for pair in pairs) else None

    def add(self, one: int, other: int, same: bool) -> bool:
        """Take in an answer; tell whether it agrees with those before."""
        known = self.same(one, other)
        if known is not None:
            return known is same
        first, second = self._root.get(one, one), self._root.get(other, other)
        if same:
            self._join(first, second)
        else:
            self._differ.setdefault(first, set()).add(second)
            self._differ.setdefault(second, set()).add(first)
        return True

    def _of(self, root: int) -> list[int]:
        return self._members.get(root, [root])

    def _join(self, first: int, second: int) -> None:
        moved = self._members.pop(second, [second])
        self._members.setdefault(first, [first]).extend(moved)
        self._root.update(dict.fromkeys(moved, first))
        for other in self._differ.pop(second, ()):
            self._differ[other].discard(second)
            self._differ[other].add(first)
            self._differ.setdefault(first, set()).add(other)
