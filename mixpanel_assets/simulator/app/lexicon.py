"""The data dictionary: what events, profiles and their properties mean.

https://developer.mixpanel.com/reference/lexicon-schemas-api
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError, NotFoundError
from mixpanel_assets.simulator.app.host import AppRequest, listed

# The name of the schema of user profiles.
PROFILE = "$user"
KINDS = ("array", "boolean", "integer", "null", "number", "object", "string")
ENTITY_TYPES = ("event", "profile")
Schema = dict[str, Any]


class Lexicon:
    """Schemas by event name, and the schema of user profiles; only what was described has one."""

    def __init__(self) -> None:
        self._schemas: dict[tuple[str, str], Schema] = {}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for (entity, name), schema in [*self._schemas.items()]:
            yield {"entityType": entity, "name": name, "schemaJson": schema}

    def describe(
        self,
        event: str,
        description: str = "",
        *,
        display_name: str | None = None,
        tags: Sequence[str] = (),
        hidden: bool = False,
        dropped: bool = False,
        contacts: Sequence[str] = (),
        team_contacts: Sequence[str] = (),
    ) -> None:
        """Describe an event, or PROFILE, and keep the descriptions of its properties."""
        schema = self._schema(event)
        schema["description"] = description
        schema["metadata"] = {
            "com.mixpanel": {
                **({"displayName": display_name} if display_name else {}),
                "tags": [*tags],
                "hidden": hidden,
                "dropped": dropped,
                "contacts": [*contacts],
                "teamContacts": [*team_contacts],
            }
        }

    def describe_property(
        self,
        event: str,
        name: str,
        kind: str,
        description: str = "",
        *,
        display_name: str | None = None,
        hidden: bool = False,
        dropped: bool = False,
    ) -> None:
        """Describe a property of an event, or of PROFILE."""
        if kind not in KINDS:
            raise ValueError(f"a property's type must be one of {KINDS}, not {kind!r}")
        self._schema(event)["properties"][name] = {
            "type": kind,
            "description": description,
            "metadata": {
                "com.mixpanel": {
                    **({"displayName": display_name} if display_name else {}),
                    "hidden": hidden,
                    "dropped": dropped,
                }
            },
        }

    def forget(self, event: str) -> None:
        """Remove the schema of an event, or of PROFILE."""
        self._schemas.pop(_key(event), None)

    def all(self, _request: AppRequest) -> Any:
        """`GET /projects/{id}/schemas`: every schema."""
        return listed(self)

    def of_type(self, request: AppRequest) -> Any:
        """`GET /projects/{id}/schemas/{entityType}`, optionally of one `entity_name`."""
        entity, name = _entity(request), request.query.get("entity_name")
        return listed(
            one
            for one in self
            if one["entityType"] == entity and (name is None or one["name"] == name)
        )

    def one(self, request: AppRequest) -> Any:
        """`GET /projects/{id}/schemas/{entityType}/{name}`: the schema, without an envelope."""
        key = _entity(request), request.path["name"]
        if key not in self._schemas:
            raise NotFoundError(f"No schema for {key[0]} {key[1]!r}")
        return self._schemas[key]

    def _schema(self, event: str) -> Schema:
        blank: Schema = {"description": "", "properties": {}, "metadata": {"com.mixpanel": {}}}
        return self._schemas.setdefault(_key(event), blank)


def _key(event: str) -> tuple[str, str]:
    return ("profile" if event == PROFILE else "event", event)


def _entity(request: AppRequest) -> str:
    entity = request.path["entity"]
    if entity not in ENTITY_TYPES:
        raise BadRequestError(f"Invalid entity type: {entity!r}")
    return entity
