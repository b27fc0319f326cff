"""The properties of profiles: `GET /api/query/engage/properties`; undocumented."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.parameters import Parameters

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_TYPES = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}


@dataclass(frozen=True)
class EngagePropertiesApi:
    """The endpoint over the profiles of one project."""

    profiles: Profiles

    def properties(self, _given: Parameters) -> Compute:
        """Each property of users with the most common type of its values."""
        return self._typed

    def _typed(self) -> Any:
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for line in self.profiles.view().values():
            for name, value in json.loads(line)["$properties"].items():
                seen[name][_type(value)] += 1
        results = {name: {"type": types.most_common(1)[0][0]} for name, types in seen.items()}
        return {"results": results, "status": "ok"}


def _type(value: Any) -> str:
    if isinstance(value, str):
        return "datetime" if _MOMENT.match(value) else "string"
    return _TYPES.get(type(value), "unknown")
