"""The smaller expression language that filters profiles.

https://developer.mixpanel.com/reference/segmentation-expressions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from zoneinfo import ZoneInfo

from mixpanel_assets.simulator import values
from mixpanel_assets.simulator.expressions import (
    COMPARISONS,
    LITERALS,
    Dialect,
    Expression,
    ExpressionError,
    Node,
    Properties,
    parse,
    property_of,
)

# A minus next to a number is the number's sign.
_TWO_VALUES = re.compile(r"\bNOW\s+-\d")


@dataclass(frozen=True)
class Selectors:
    """What selectors mean at one moment: the current time, and the behavior counts."""

    now: float
    timezone: str | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def parse(self, text: str) -> Expression:
        """The parsed selector, or an ExpressionError."""
        if found := _TWO_VALUES.search(text):
            raise ExpressionError(f"syntax error at {found.end() - 2}: expected an operator")
        return parse(text, self._dialect())

    def choose(self, text: str, profiles: Mapping[str, bytes]) -> Iterator[str]:
        """The distinct ids of the encoded profiles that the selector matches."""
        selector = self.parse(text)
        for distinct_id, line in profiles.items():
            properties = json.loads(line)["$properties"] if line else {}
            if selector.matches({"$distinct_id": distinct_id, **properties}):
                yield distinct_id

    def _dialect(self) -> Dialect:
        zone = ZoneInfo(self.timezone) if self.timezone else UTC
        return Dialect(
            levels=(COMPARISONS, ("+", "-")),
            binary={**values.BINARY, **values.TEXT_ORDERS},
            functions={
                "defined": values.FUNCTIONS["defined"],
                "number": values.number,
                "string": values.string,
                "list": values.items,
                "datetime": lambda value: values.moment(value, zone),
            },
            sources={
                "properties": property_of,
                "user": property_of,
                "behaviors": self._behavior,
            },
            constants={**LITERALS, "NOW": math.floor(self.now)},
        )

    def _behavior(self, name: str) -> Node:
        if name not in self.counts:
            raise ExpressionError(f"no behavior is named {name!r}")
        counts = self.counts[name]

        def count(properties: Properties) -> int:
            return counts.get(properties["$distinct_id"], 0)

        return count
