"""Which events say that two ids are one person, and when each day first says so.

docs/how-it-works/people.md has the rules, and where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mixpanel_assets.warehouse.properties import PropertyColumns, computed
from mixpanel_assets.warehouse.sql import Connection, literal, quoted

# The kinds of links: by each a left id belongs to a right one.
RESOLVED = "resolved"  # Mixpanel itself has put the right one in place of the left one
DEVICE = "device"  # an event of a device and its user
IDENTIFY, ALIAS, MERGE = "identify", "alias", "merge"  # $identify, $create_alias, $merge
DEVICE_PREFIX = "$device:"
ZEROS = "00000000-0000-0000-0000-000000000000"

# With ZEROS: Mixpanel takes none of them for an id, whatever the case.
# https://docs.mixpanel.com/troubleshooting/errors/server-side-events-without-a-user
PLACEHOLDERS = (
    *("-1", "0", "<nil>", "[]", "anon", "anonymous"),
    *("false", "lmy47d", "n/a", "na", "nil", "none", "null", "true", "undefined", "unknown", "{}"),
)


def find_links(
    warehouse: Connection, columns: PropertyColumns, days: Sequence[date] | None
) -> None:
    """Put the links of the days' events, or of all, into temp.found_links."""
    which = of_days(days)
    sources = [_devices(columns, which), _verbs(which), *_resolved(columns, which)]
    warehouse.execute(
        f"""
        create or replace temp table found_links as
        with links as materialized ({" union all ".join(sources)})  -- a link is tested once
        select event_date, kind, left_id, right_id,
               coalesce(seen, make_timestamptz(epoch_us(event_date))) as seen
        from links
        where left_id <> right_id and {_is_id("left_id")} and {_is_id("right_id")}
        """
    )


def of_days(days: Sequence[date] | None) -> str:
    """SQL: a row is of the days, or of any."""
    if days is None:
        return "true"
    listed = ", ".join(f"date '{day}'" for day in sorted(set(days)))
    return f"event_date in ({listed})"


def _is_id(side: str) -> str:
    """SQL: the text is no placeholder; what is longer than any of them is not looked into."""
    longest = len(DEVICE_PREFIX) + max(map(len, PLACEHOLDERS))
    none = ", ".join(map(literal, ("", *PLACEHOLDERS)))
    bare = f"lower(replace({side}, '{DEVICE_PREFIX}', ''))"
    return (
        f"{side} not in ('{ZEROS}', '{DEVICE_PREFIX}{ZEROS}') "
        f"and (strlen({side}) > {longest} or {bare} not in ({none}))"
    )


def _devices(columns: PropertyColumns, which: str) -> str:
    failed = _value(columns, "$identity_failure_reason")
    merged = f" and {failed} is null" if failed else ""
    return f"""
        select event_date, '{DEVICE}' as kind, '{DEVICE_PREFIX}' || device as left_id,
               user_id as right_id, min(event_time) as seen
        from (
            select event_date, event_time, user_id, case when starts_with(device_id, '$')
                then regexp_replace(device_id, '^[$]device:', '') else device_id end as device
            from events_wide
            where {which} and device_id <> '' and user_id <> ''
              and not starts_with(user_id, '{DEVICE_PREFIX}'){merged}
        )
        group by event_date, device, user_id
        """


# Five groups of hexadecimal digits: a UUID, and what older SDKs made in its place.
ANONYMOUS = "([$]device:)?[0-9a-fA-F]+(-[0-9a-fA-F]+){4}"


def _verbs(which: str) -> str:
    """SQL: links of the events that are sent to merge ids.

    Of $identify, SDKs send $anon_distinct_id and distinct_id, which Mixpanel documents as $anon_id
    and $identified_id. The distinct_id of an exported event may be another one of the person by
    now; then $distinct_id_before_identity has the one that was sent.
    """
    sent = "coalesce(p->>'$.\"$distinct_id_before_identity\"', distinct_id)"
    return f"""
        select event_date, kind, pair[1] as left_id, pair[2] as right_id, min(event_time) as seen
        from (
            select event_date, event_time, kind, unnest(pairs) as pair
            from (
                select event_date, event_time,
                       case event_name when '$identify' then '{IDENTIFY}'
                            when '$create_alias' then '{ALIAS}' else '{MERGE}' end as kind,
                       case event_name
                            when '$identify' then [[
                                coalesce(p->>'$."$anon_id"', p->>'$."$anon_distinct_id"'),
                                coalesce(p->>'$."$identified_id"', {sent})]]
                            when '$create_alias' then [[p->>'$.alias', {sent}]]
                            else list_transform(p->>'$."$distinct_ids"[*]',
                                lambda id: [id, (p->>'$."$distinct_ids"[0]')])
                       end as pairs
                from (select event_date, event_time, event_name, distinct_id, properties as p
                      from events_wide
                      where {which} and event_name in ('$identify', '$create_alias', '$merge'))
                where (p->>'$."$failure_reason"') is null
            )
        )
        where kind <> '{IDENTIFY}' or regexp_full_match(pair[1], '{ANONYMOUS}')
        group by all
        """


def _resolved(columns: PropertyColumns, which: str) -> list[str]:
    before = _value(columns, "$distinct_id_before_identity")
    if not before:
        return []
    return [
        f"""
        select event_date, '{RESOLVED}' as kind, {before} as left_id, distinct_id as right_id,
               min(event_time) as seen
        from events_wide
        where {which} and {before} <> distinct_id
        group by all
        """
    ]


def _value(columns: PropertyColumns, name: str) -> str | None:
    """SQL: the property's text; None if no event has it."""
    column = columns.get(name)
    if column is None or column.type == "NULL":
        return None
    return f"({quoted(column.column) if column.physical else computed(column)})::varchar"
