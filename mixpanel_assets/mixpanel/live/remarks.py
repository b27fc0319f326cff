"""Notes about answers of zeros, whose event or property names may be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from mixpanel_assets.errors import APIError, QueryError, did_you_mean, near_names
from mixpanel_assets.mixpanel.catalog import questions
from mixpanel_assets.mixpanel.live import answers
from mixpanel_assets.mixpanel.names import Names
from mixpanel_assets.naming import blanks_count
from mixpanel_assets.questions.expressions import mended

Asked = Mapping[str, Any]

PROPERTY = re.compile(r'\bproperties\s*\[\s*("(?:[^"\\]|\\.)*")\s*\]')
UNKNOWN_EVENT = re.compile("invalid event", re.IGNORECASE)
UNDEFINED = "undefined"  # Mixpanel's segment of events without the property
OF_ONE_EVENT = ("segmentation", "events/properties", "retention/addiction")
OF_NUMBERS = ("segmentation/numeric", "segmentation/sum", "segmentation/average")


def events_of(path: str, asked: Asked) -> list[str]:
    """The events in a query's parameters."""
    if path == "events":
        return list(json.loads(asked["event"]))
    return [asked[name] for name in ("born_event", "event") if name in asked]


def check(path: str, asked: Asked, names: Names | None) -> None:
    """Raise EventNotFoundError if an event of the query is known not to exist on its days."""
    if names and "from_date" in asked and (events := events_of(path, asked)):
        names.check(events, *(date.fromisoformat(asked[name]) for name in ("from_date", "to_date")))


def translated(error: QueryError, path: str, asked: Asked, names: Names | None) -> Exception:
    """The error with a hint; EventNotFoundError if its message says that the event is invalid."""
    error.hint = error.hint or _remedy(error, path, asked)
    events = events_of(path, asked)
    if not events or not UNKNOWN_EVENT.search(error.message):
        return error
    known = names.events() if names else set[str]()
    event = next((name for name in events if name not in known), events[0])
    found = questions.not_found(event, known, error.message)
    found.details |= error.details
    return found


def _remedy(error: QueryError, path: str, asked: Asked) -> str | None:
    """What to write instead, if it is known."""
    if path == "funnels" and "funnel" in error.message:
        return "list the saved funnels: mp inspect funnels; one by its steps: mp ask funnel"
    for name in ("where", "born_where", "return_where", "on"):
        if name in asked and name in error.message and (meant := mended(str(asked[name]))):
            return f"write {meant}"
    if any(name in asked for name in ("where", "born_where", "return_where")):
        return 'the form of a filter: properties["plan"] == "pro" and properties["amount"] > 10'
    return None


def remarks(path: str, asked: Asked, answer: Any, names: Names) -> Iterator[str]:
    """For each name that may be wrong, the reason and similar names."""
    with suppress(APIError):  # an unexpected form is reported when the answer is read
        zero = list(_events_without_any(path, asked, answer))
        known = names.events() if zero else set[str]()
        unknown = [event for event in zero if event not in known]
        if unknown and (known or path not in OF_NUMBERS):
            yield from (_no_event(event, known) for event in unknown)
        elif zero:
            yield from _no_property(asked, zero[0], names)
        elif _segments(path, asked, answer) == {UNDEFINED}:
            yield from _all_undefined(asked, events_of(path, asked), names)
        yield from _no_value(path, asked, answer)
        if path in OF_NUMBERS:
            yield from _not_numbers(asked, names)


def _events_without_any(path: str, asked: Asked, answer: Any) -> Iterator[str]:
    """The events that have only zeros in the answer."""
    events = events_of(path, asked)
    if path == "events":
        series = answers.chart(answer)
        yield from (name for name in events if not any(series.get(name, {}).values()))
    elif path == "retention":
        cohorts = answers.cohorts(answer)
        born, returned = (events[:1], events[1:]) if "born_event" in asked else ([], events)
        if born and not any(cohort.size for cohort in cohorts):
            yield from born
        elif not any(rate for cohort in cohorts for rate in cohort.retention):
            yield from returned
    elif path in (*OF_ONE_EVENT, *OF_NUMBERS) and not any(_numbers(answer)):
        yield from events


def _numbers(answer: Any) -> Iterator[float]:
    """The numbers of a chart, of results by date, or of frequencies."""
    if isinstance(answer, Mapping):
        answer = [one for name, one in answer.items() if name not in ("legend_size", "computed_at")]
    if isinstance(answer, list):
        for inner in answer:
            yield from _numbers(inner)
    elif isinstance(answer, int | float):
        yield answer


def _segments(path: str, asked: Asked, answer: Any) -> set[str | None]:
    """The segments of the answer."""
    found: Iterable[str | None] = ()
    if path == "events/properties" or (path == "segmentation" and "on" in asked):
        found = answers.chart(answer)
    elif "on" in asked and path == "funnels":
        found = (part.segment for part in answers.funnel_parts(answer))
    elif "on" in asked and path == "retention":
        found = (cohort.segment for cohort in answers.cohorts(answer))
    elif "on" in asked and path == "retention/addiction":
        by_day = answers.frequencies(answer).values()
        found = (name for split in by_day if isinstance(split, Mapping) for name in split)
    return {name for name in found if name not in (None, answers.OVERALL)}


def _properties(asked: Asked, *expressions: str) -> list[str]:
    """The query's own property, and those in its expressions."""
    texts = (text for one in expressions for text in PROPERTY.findall(asked.get(one, "")))
    found = [json.loads(text, strict=False) for text in texts]
    return list(dict.fromkeys([asked["name"], *found] if "name" in asked else found))


def _no_event(event: str, known: Collection[str]) -> str:
    why = ", and no such event is known" if known else ""
    hint = did_you_mean(near_names(event, known)) or "list the names: mp inspect events"
    return f"every number of {event!r} is 0{why}{blanks_count(event)}; {hint}"


def _no_property(asked: Asked, event: str, names: Names) -> Iterator[str]:
    named = _properties(asked, "on", "where", "born_where")
    known = names.properties(event) if named else set[str]()
    for name in named:
        if known and name not in known:
            hint = did_you_mean(near_names(name, known)) or _see_properties(event)
            yield f"no property {name!r} of {event!r} is known{blanks_count(name)}; {hint}"


def _all_undefined(asked: Asked, events: list[str], names: Names) -> Iterator[str]:
    known = names.properties(events[-1]) if events else set[str]()
    for name in _properties(asked, "on"):
        hint = did_you_mean(near_names(name, known - {name}))
        hint = hint or (_see_properties(events[-1]) if events else "list names: mp inspect keys")
        yield f"every value of {name!r} is undefined: no counted event has it; {hint}"


def _no_value(path: str, asked: Asked, answer: Any) -> Iterator[str]:
    if path == "events/properties" and "values" in asked:
        series = answers.chart(answer)
        for value in json.loads(asked["values"]):
            if blanks := blanks_count(value) if not any(series.get(value, {}).values()) else "":
                yield f"every number of the value {value!r} is 0{blanks}"


def _not_numbers(asked: Asked, names: Names) -> Iterator[str]:
    """A note about text values of a plain property; number(...) and the like convert text."""
    if not PROPERTY.fullmatch(asked.get("on", "")):
        return
    for name in _properties(asked, "on"):
        if texts := names.texts(asked["event"], name):
            yield (
                f"{texts:,} landed values of {name!r} are text, which counts as 0; "
                f"number(properties[{json.dumps(name, ensure_ascii=False)}]) converts text"
            )


def _see_properties(event: str) -> str:
    return f"list the names: mp inspect properties --event {json.dumps(event, ensure_ascii=False)}"
