"""The types that properties have: from what JSON has of each to the narrowest that holds it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mixpanel_assets.warehouse.numbers import EXACT_IN_DOUBLE, LARGEST_BIGINT

UNSEEN = "NULL"  # the type of a property that was null wherever it was seen
JSON_TYPES = {"UBIGINT": "BIGINT", "ARRAY": "VARCHAR[]", "OBJECT": "JSON"}
INTEGERS = ("BIGINT", "HUGEINT")
NESTED = ("VARCHAR[]", "JSON")


@dataclass(frozen=True)
class Seen:
    """What a load saw of a property."""

    type: str
    wide: bool  # it has integers beyond 2^53, which a DOUBLE would round
    events: int


def merged_type(types: Iterable[str], *, wide: bool) -> str:
    """The narrowest type that holds every value of these types exactly."""
    kinds = set(types) - {UNSEEN}
    if len(kinds) < 2:
        return next(iter(kinds), UNSEEN)
    if kinds <= {*INTEGERS}:
        return "HUGEINT"
    if kinds <= {*INTEGERS, "DOUBLE"}:
        return "VARCHAR" if wide or "HUGEINT" in kinds else "DOUBLE"
    if kinds <= {*NESTED}:
        return "JSON"
    return "VARCHAR"


def seen(counts: Mapping[str, int], beyond_64_bits: int, magnitude: int, *, mixed: bool) -> Seen:
    """What was seen of a property, from the counts of its types and its largest long integer."""
    types = set(counts)
    if beyond_64_bits and beyond_64_bits == counts.get("DOUBLE"):
        types.discard("DOUBLE")  # DuckDB takes integers of more than 64 bits for doubles
    if magnitude > LARGEST_BIGINT:
        types = (types - {"BIGINT"}) | {"HUGEINT"}
    if mixed:
        types = (types - {"VARCHAR[]"}) | {"JSON"}
    wide = magnitude > EXACT_IN_DOUBLE
    return Seen(merged_type(types, wide=wide), wide, sum(counts.values()))


def is_addressable(name: str) -> bool:
    """DuckDB can take the property out of JSON by its name."""
    return bool(name) and "\x00" not in name
