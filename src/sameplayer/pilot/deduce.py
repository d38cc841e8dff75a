"""What follows from answers: a = b and b = c give a = c; a = b and b ≠ c give a ≠ c."""

from __future__ import annotations

from collections.abc import Iterable


class Deduced:
    """Who is known to be the same and who another, among things numbered by whole numbers.

    An answer that contradicts what follows from those before it is not obeyed here.
    """

    def __init__(self, differ: Iterable[tuple[int, int]] = ()) -> None:
        self._parent: dict[int, int] = {}
        self._differ: dict[int, set[int]] = {}
        for one, other in differ:
            self.add(one, other, False)

    def same(self, one: int, other: int) -> bool | None:
        """Tell whether two are one, are two, or None where neither follows."""
        first, second = self._root(one), self._root(other)
        if first == second:
            return True
        return False if second in self._differ.get(first, ()) else None

    def add(self, one: int, other: int, same: bool) -> bool:
        """Take in an answer; tell whether it agrees with those before."""
        known = self.same(one, other)
        if known is not None:
            return known is same
        first, second = self._root(one), self._root(other)
        if same:
            self._join(first, second)
        else:
            self._differ.setdefault(first, set()).add(second)
            self._differ.setdefault(second, set()).add(first)
        return True

    def _root(self, one: int) -> int:
        while (above := self._parent.get(one, one)) != one:
            self._parent[one] = self._parent.get(above, above)
            one = above
        return one

    def _join(self, first: int, second: int) -> None:
        self._parent[second] = first
        for other in self._differ.pop(second, ()):
            self._differ[other].discard(second)
            self._differ[other].add(first)
            self._differ.setdefault(first, set()).add(other)
