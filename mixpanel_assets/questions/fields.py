"""Parameters that several questions share."""

from collections.abc import Sequence
from typing import Annotated, Literal

from mixpanel_assets.naming import named, some_named
from mixpanel_assets.questions.base import Day, Param
from mixpanel_assets.questions.expressions import condition, needed_split, split_by

MOST_SEGMENTS = 10_000

FirstOrAll = Annotated[
    Day | None, Param("First day: YYYY-MM-DD, today, yesterday or 7d; default: all.", "--from")
]
LastOrAll = Annotated[Day | None, Param("Last day (inclusive); default: all.", "--to")]
EventName = Annotated[str, Param("Name of the event.", "-e", check=named)]
AnyEvent = Annotated[str | None, Param("Name of the event; default: any.", "-e", check=named)]
EventNames = Annotated[Sequence[str], Param("Names of the events.", "-e", check=some_named)]
PropertyName = Annotated[str, Param("Name of the property.", "--property", "-p", check=named)]
Where = Annotated[
    str | None,
    Param('Filter expression, such as properties["plan"] == "pro".', "-w", check=condition),
]
SplitBy = Annotated[
    str | None, Param("Property name or expression to split by.", "-o", check=split_by)
]
Number = Annotated[
    str, Param("Name of a numeric property, or an expression.", "-o", check=needed_split)
]
Counting = Literal["general", "unique", "average"]
CountingOf = Annotated[
    Counting, Param("Count events (general), people (unique) or events per person (average).", "-t")
]
Unit = Annotated[
    Literal["minute", "hour", "day", "week", "month"], Param("Length of each bucket.", "-u")
]
CalendarUnits = Literal["day", "week", "month"]
CalendarUnit = Annotated[CalendarUnits, Param("Length of each bucket.", "-u")]
NumericUnit = Annotated[Literal["hour", "day"], Param("Length of each bucket.", "-u")]
Interval = Annotated[int | None, Param("Days in each bucket, instead of unit.", least=1)]
LastUnits = Annotated[
    int | None, Param("Count the last N units up to now, instead of a range of days.", least=1)
]
Limit = Annotated[
    int | None, Param("Maximum values, the most frequent first.", "-l", least=1, most=MOST_SEGMENTS)
]
BookmarkId = Annotated[int, Param("Id of the report, as in its URL.", argument=True)]
View = Annotated[int | None, Param("Id of a data view; default: the whole project.")]
