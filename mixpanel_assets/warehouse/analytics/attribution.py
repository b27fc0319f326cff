"""Conversions credited to earlier values of a property.

https://docs.mixpanel.com/docs/features/custom-properties
"""

from __future__ import annotations

from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from mixpanel_assets.expressions import parse_step
from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.analytics import Attribution
from mixpanel_assets.results import AttributionResult, AttributionRow
from mixpanel_assets.warehouse.analytics.keys import Ints, in_order
from mixpanel_assets.warehouse.analytics.source import OTHER, STEPS, Source, day_ms, packing
from mixpanel_assets.warehouse.sql import Connection

NONE = "$none"
Floats = NDArray[np.float64]


def attribution(warehouse: Connection, asked: Attribution, zone: tzinfo) -> AttributionResult:
    event = parse_step(asked.event)
    source = Source(warehouse, asked, zone, [event])
    lookback = milliseconds(asked.lookback)
    first = source.read_from
    amount = "1.0::double"
    if asked.sum:
        amount = f"coalesce({source.value(asked.sum, 'sum', [event.event])}, 0)"
    touch = source.touch(asked.by)
    columns = {"segment": touch, "amount": f"case when {STEPS} <> 0 then {amount} else 0 end"}
    source.count_left_out([event])
    pack = packing(first, source.last)
    rows = source.read(
        columns,
        [event],
        coded=["segment"],
        packing=pack,
        first=first,
        only=f"{source.timed} and ({STEPS} <> 0 or {touch} <> '')",  # others don't matter
        others="matching",
    )
    rows = rows.of_people(rows["steps"] != 0)
    texts = rows.texts["segment"]
    untouched = texts.index("") if "" in texts else -1
    is_touch = rows["segment"] != untouched
    touches, values = in_order(rows["key"][is_touch], rows["segment"][is_touch], len(texts))
    converts = (rows["steps"] != 0) & (rows.at >= day_ms(source.first))
    person, at = rows.person[converts], rows.at[converts]
    worth = rows["amount"][converts]
    since = np.maximum(at - lookback, day_ms(first))
    low = np.searchsorted(touches, pack.pack(person, since))
    high = np.searchsorted(touches, pack.pack(person, at), "right")
    credit = np.zeros(len(texts) + 1)
    none = high <= low
    credit[-1] = worth[none].sum()
    low, high, worth, at = low[~none], high[~none], worth[~none], at[~none]
    _add(credit, asked, (low, high), values, pack.unpack(touches)[1], at, worth)
    total = float(worth.sum() + credit[-1])
    named = [(texts[n], float(credit[n])) for n in np.flatnonzero(credit[:-1])]
    ranked = sorted(named, key=lambda one: (-one[1], one[0]))
    shown, rest = ranked[: asked.limit], ranked[asked.limit :]
    if rest:
        shown.append((OTHER, sum(one for _, one in rest)))
    if credit[-1] or not shown:
        shown.append((NONE, float(credit[-1])))
    made = [AttributionRow(name, one, one / total if total else 0.0) for name, one in shown]
    basis = source.basis(events=int(converts.sum()), people=len(np.unique(person)))
    return AttributionResult(
        source.first, source.last, made, basis, asked.event, asked.by, asked.model
    )


def _add(
    credit: Floats,
    asked: Attribution,
    touched: tuple[Ints, Ints],
    values: Ints,
    when: Ints,
    at: Ints,
    worth: Floats,
) -> None:
    """Share the worth of each conversion among its touches, which are those from low to high."""
    low, high = touched
    if asked.model in ("first", "last"):
        chosen = low if asked.model == "first" else high - 1
        np.add.at(credit, values[chosen], worth)
        return
    count = high - low
    whose = np.repeat(np.arange(len(low)), count)
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    touch = np.repeat(low, count) + place
    if asked.model == "participation":  # all of it to each value once
        pairs = np.unique(np.stack([whose, values[touch]]), axis=1)
        np.add.at(credit, pairs[1], worth[pairs[0]])
        return
    if asked.model == "time-decay":
        half_life = milliseconds(asked.half_life)
        weight = 0.5 ** ((at[whose] - when[touch]) / half_life)
    else:
        weight = _weights(asked.model, place, count[whose])
    total = np.bincount(whose, weights=weight, minlength=len(low))
    np.add.at(credit, values[touch], worth[whose] * weight / total[whose])


def _weights(model: str, place: Ints, count: Ints) -> Floats:
    """Of the n-th of so many touches: linear, U (40, 20, 40) or J (20, 20, 60)."""
    if model == "linear":
        return np.ones(len(place))
    first, middle, last = (0.4, 0.2, 0.4) if model == "u" else (0.2, 0.2, 0.6)
    between = middle / np.maximum(count - 2, 1)
    weight = np.where(place == 0, first, np.where(place == count - 1, last, between))
    return np.where(count == 1, 1.0, weight)
