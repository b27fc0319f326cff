"""Parameters that several questions have."""

from collections.abc import Sequence
from typing import Annotated, Literal

from mixpanel_assets.naming import named, some_named
from mixpanel_assets.questions.base import Param
from mixpanel_assets.questions.expressions import condition, needed_split, split_by

MOST_SEGMENTS = 10_000

EventName = Annotated[str, Param("The event's name.", "-e", check=named)]
AnyEvent = Annotated[str | None, Param("The event's name; default: any event.", "-e", check=named)]
EventNames = Annotated[Sequence[str], Param("The events' names.", "-e", check=some_named)]
PropertyName = Annotated[str, Param("The property's name.", "--property", "-p", check=named)]
Where = Annotated[
    str | None,
    Param('An expression, such as properties["plan"] == "pro".', "-w", check=condition),
]
SplitBy = Annotated[
    str | None, Param("Split by a property's name, or by an expression.", "-o", check=split_by)
]
Number = Annotated[
    str, Param("A numeric property's name, or an expression.", "-o", check=needed_split)
]
Counting = Literal["general", "unique", "average"]
CountingOf = Annotated[
    Counting, Param("Count events (general), people (unique) or events a person (average).", "-t")
]
Unit = Annotated[
    Literal["minute", "hour", "day", "week", "month"], Param("Length of each bucket.", "-u")
]
CalendarUnits = Literal["day", "week", "month"]
CalendarUnit = Annotated[CalendarUnits, Param("Length of each bucket.", "-u")]
NumericUnit = Annotated[Literal["hour", "day"], Param("Length of each bucket.", "-u")]
Interval = Annotated[int | None, Param("Days in each bucket, instead of unit.", least=1)]
LastUnits = Annotated[
    int | None, Param("Count the last so many units up to now, instead of days.", least=1)
]
Limit = Annotated[
    int | None,
    Param("How many values, those with most first.", "-l", least=1, most=MOST_SEGMENTS),
]
BookmarkId = Annotated[int, Param("The report's id, as in its URL.", argument=True)]
View = Annotated[int | None, Param("A data view; default: all of the project.")]
