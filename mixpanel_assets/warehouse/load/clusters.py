"""Ids merged one after the other: which are one person in the end, and which id stands for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mixpanel_assets.warehouse.load.links import ALIAS, DEVICE, DEVICE_PREFIX, IDENTIFY, RESOLVED

# https://docs.mixpanel.com/docs/tracking-methods/id-management/identifying-users-original
MOST_IDS = 500

# What an id is better known by, the best first.
_SHOWN, _USER, _ALIASED, _MERGED, _OTHER = range(5)
_RIGHT = {RESOLVED: _SHOWN, DEVICE: _USER, IDENTIFY: _USER, ALIAS: _ALIASED}
_UNLIMITED = (RESOLVED, DEVICE)


class Link(NamedTuple):
    """That one id belongs to another: of which kind, and seen first when (in microseconds)."""

    kind: str
    left: str
    right: str
    seen: int


class Merged(NamedTuple):
    """An id with another person's: its first link, to which id if it is the left one, else ''."""

    id: str
    person: str
    kind: str
    linked: str
    seen: int


class Clusters:
    """Ids that links merge into clusters, each of which is a person.

    The links come in the order in which they count. `beside` are ids that others belong to by
    links which merge nothing else: (id, kind, seen).
    """

    def __init__(self, links: Iterable[Link], beside: Iterable[tuple[str, str, int]]) -> None:
        self._number: dict[str, int] = {}
        self._parent: list[int] = []
        self._size: list[int] = []
        self._by: dict[int, tuple[str, str, int]] = {}  # the first link of each id
        self._rank: dict[int, tuple[int, int]] = {}
        unlimited: list[Link] = []
        for link in links:
            if link.kind in _UNLIMITED:
                unlimited.append(link)
            else:
                self._merge(link, limited=True)
        for link in unlimited:
            self._merge(link, limited=False)
        for name, kind, seen in beside:
            if (found := self._number.get(name)) is not None:
                self._rank_as(found, _RIGHT[kind], seen)

    def merged(self) -> Iterator[Merged]:
        """Every id whose person has another id."""
        names = list(self._number)
        best: dict[int, tuple[int, bool, int, str]] = {}
        for name, one in self._number.items():
            root, (rank, seen) = self._root(one), self._rank.get(one, (_OTHER, 0))
            standing = (rank, name.startswith(DEVICE_PREFIX), seen, name)
            best[root] = min(standing, best.get(root, standing))
        for one, (kind, linked, seen) in self._by.items():
            person = best[self._root(one)][-1]
            if names[one] != person:
                yield Merged(names[one], person, kind, linked, seen)

    def _merge(self, link: Link, *, limited: bool) -> None:
        left, right = self._numbered(link.left), self._numbered(link.right)
        a, b = self._root(left), self._root(right)
        if a != b:
            size = self._size[a] + self._size[b]
            if limited and size > MOST_IDS:
                return
            small, large = sorted((a, b), key=self._size.__getitem__)
            self._parent[small], self._size[large] = large, size
        for one, other in ((left, link.right), (right, "")):
            known = self._by.get(one)
            if known is None or link.seen < known[2]:
                self._by[one] = (link.kind, other, link.seen)
        self._rank_as(right, _RIGHT.get(link.kind, _MERGED), link.seen)
        if link.kind not in _RIGHT:
            self._rank_as(left, _MERGED, link.seen)

    def _rank_as(self, one: int, rank: int, seen: int) -> None:
        # Of ids that Mixpanel showed the last one counts; else the first.
        found = (rank, -seen if rank == _SHOWN else seen)
        self._rank[one] = min(found, self._rank.get(one, found))

    def _numbered(self, name: str) -> int:
        one = self._number.setdefault(name, len(self._parent))
        if one == len(self._parent):
            self._parent.append(one)
            self._size.append(1)
        return one

    def _root(self, one: int) -> int:
        parent = self._parent
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one
