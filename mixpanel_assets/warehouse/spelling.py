"""Names in DuckDB, to which `plan` and `Plan` are the same: each spelling has a name of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def plain_names(
    counts: Mapping[str, int], taken: Iterable[str], known: Mapping[str, str]
) -> dict[str, str]:
    """The name that each of these has in DuckDB.

    Of names that differ in case only, the one with the highest count keeps its own. The others,
    and those that are `taken`, keep the one they are `known` by if they can, or get _2, _3 ...
    """
    given: dict[str, str] = {}
    used = {name.lower() for name in taken}

    def give(name: str, candidate: str) -> bool:
        if name in given or candidate.lower() in used:
            return False
        given[name] = candidate
        used.add(candidate.lower())
        return True

    by_count = sorted(counts, key=lambda name: (-counts[name], name))
    for name in by_count:
        if name and "\0" not in name:
            give(name, name)
    for name in by_count:
        if known.get(name, name) != name:
            give(name, known[name])
    for name in by_count:
        stem = name.replace("\0", "") or "_"
        count = 1
        while name not in given and not give(name, stem if count == 1 else f"{stem}_{count}"):
            count += 1
    return given


def alike(names: Iterable[str]) -> list[str]:
    """Those of the names that others differ from in case only."""
    by_fold: dict[str, list[str]] = {}
    for name in names:
        by_fold.setdefault(name.lower(), []).append(name)
    return [name for same in by_fold.values() if len(same) > 1 for name in same]


def unused(stem: str, names: Iterable[str]) -> str:
    """The stem, with as many _ before it that no name begins with it, whatever the case."""
    folded = [name.lower() for name in names]
    while any(name.startswith(stem.lower()) for name in folded):
        stem = f"_{stem}"
    return stem
