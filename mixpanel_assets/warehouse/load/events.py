"""Landed files of events become rows: exactly their days are replaced, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from mixpanel_assets.landed import LandedFile
from mixpanel_assets.notes import note
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import ROW_GROUP, as_load_errors
from mixpanel_assets.warehouse.load.comments import renew_comments
from mixpanel_assets.warehouse.load.create import create_tables, forget_properties
from mixpanel_assets.warehouse.load.duplicates import without_duplicates
from mixpanel_assets.warehouse.load.people import update_people
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.load.stage import Source, in_row_groups
from mixpanel_assets.warehouse.load.survey import surveyed
from mixpanel_assets.warehouse.load.views import write_event_views
from mixpanel_assets.warehouse.records import VALUES, in_utc, layered, timestamp
from mixpanel_assets.warehouse.sql import Connection, literal, number, quoted
from mixpanel_assets.warehouse.tables import EVENTS

MERGED_AFTER = 10  # loads; small ones have a row group of their own until then


def load_files(
    warehouse: Connection, files: Sequence[LandedFile], settings: Settings, *, rebuild: bool = False
) -> list[LandedDay]:
    """Replace the files' days by exactly the files' events, or change nothing.

    With `rebuild` nothing else is left. Raises EventsOutsideSpanError when a file of several days
    has an event that belongs to none of them, ExportIncompleteError for a line that is not an
    event, LoadError for anything else.
    """
    with as_load_errors():
        create_tables(warehouse)
        with surveyed(warehouse, files, EVENTS, settings, fresh=rebuild) as survey:
            if rebuild:
                forget_properties(warehouse, EVENTS)
            chosen = None if rebuild else [day for file in files for day in file.dates()]
            _delete(warehouse, "internal.property_days where event_date", chosen)
            survey.columns.write(warehouse)  # before any row: DuckDB before 2.0 commits no other
            _delete(warehouse, "landed where dataset = 'events' and day", chosen)
            replaced = _delete(warehouse, "events_wide where event_date", chosen)
            days = [day for source in survey.sources for day in _insert_file(warehouse, source)]
            _write_properties(warehouse)
            write_event_views(warehouse, survey.columns)
            update_people(warehouse, survey.columns, chosen)
            _spare_vacuum(warehouse, days, replaced)
        renew_comments(warehouse)  # new views have none; DuckDB before 2.0: not in there
    note_repaired({day.day: day.repaired for day in days}, "event")
    return days


def note_repaired(by_day: Mapping[date, int], kind: str) -> None:
    """Note how many records `properties` does not show as they were sent."""
    days = [day for day, repaired in by_day.items() if repaired]
    if days:
        count = sum(by_day.values())
        note(
            f"{count:,} {kind}{'s' if count > 1 else ''} of {days[0]}"
            f"{f' to {days[-1]}' if len(days) > 1 else ''} had text that is not Unicode: "
            "U+FFFD stands for it in properties; the landed file has what was sent"
        )


def _insert_file(warehouse: Connection, source: Source) -> list[LandedDay]:
    """Insert the file's records without duplicates, and record each day of it in `landed`."""
    file, dropped = source.file, insert_events(warehouse, source)
    counts = {
        day: tuple(map(int, numbers))
        for day, *numbers in warehouse.execute(
            "select event_date, sum(events), sum(bytes), sum(repaired) from surveys "
            "where property is null group by 1"
        ).fetchall()
    }
    today = source.settings.today(file.exported_at)
    landed = []
    for day in file.dates():  # an empty one, too
        events, size, repaired = counts.get(day, (0, 0, 0))
        copies, partial = dropped.get(day, 0), day >= today
        landed.append(
            LandedDay(day, events, copies, size, partial, file.path.name, repaired=repaired)
        )
    came: dict[str, Any] = {"exported_at": file.exported_at, "checksum": file.checksum}
    record_landed(warehouse, *(Recorded(EVENTS.dataset, **came, **vars(day)) for day in landed))
    return landed


def insert_events(warehouse: Connection, source: Source) -> dict[date, int]:
    """Insert the file's records; the duplicates that were left out, by day."""
    dropped: dict[date, int] = {}
    zone, moment = source.settings.project_timezone, timestamp("time_number")
    values = {
        "event_date": "event_date",
        "event_name": "event_name",
        "event_time": f"timezone({literal(zone)}, {moment})" if zone else in_utc(moment),
        "processed_at": in_utc(timestamp("processed_number")),
    }
    casts = {
        "time_number": ("time", "double"),
        "processed_number": ("mp_processing_time_ms", "double"),
    }
    for _ in source.stage_parts(warehouse):
        which = without_duplicates(warehouse, dropped)
        insert_typed(warehouse, source, values, casts=casts, which=which)
    return dropped


def _write_properties(warehouse: Connection) -> None:
    """Record what the rows carry, by day, and an example of each."""
    warehouse.execute(
        """
        insert into internal.property_days
        select event_date, event_name, property, type, sum(events) as events
        from surveys where property is not null
        group by all having sum(events) > 0;
        delete from internal.property_examples;
        insert into internal.property_examples from examples;
        """
    )


def _spare_vacuum(warehouse: Connection, days: Sequence[LandedDay], replaced: int) -> None:
    """Let the next checkpoint leave row groups as they are, but after deletes and many small loads.

    To fill up small ones it rewrites full ones beside them, which can be all of the table.
    """
    loads = "select count(distinct loaded_at) from landed where dataset = 'events'"
    few = sum(day.rows for day in days) < ROW_GROUP
    small = few and number(warehouse, loads) % MERGED_AFTER == 0
    warehouse.execute("reset max_vacuum_tasks" if replaced or small else "set max_vacuum_tasks = 0")


def _delete(warehouse: Connection, rows: str, days: Sequence[date] | None) -> int:
    """Delete what a table has of the days, or of every day; how many rows it had."""
    which = "is not null"
    if days is not None:
        which = f"in (select unnest({[str(day) for day in days]}::date[]))"
    return number(warehouse, f"delete from {rows} {which}")


def insert_typed(
    warehouse: Connection,
    source: Source,
    values: Mapping[str, str],
    *,
    casts: Mapping[str, tuple[str, str]],
    which: str = "true",
) -> None:
    """Insert the rows of temp.stage, each property in its column, `values` in base columns.

    `values` are SQL over the row, in which `casts` are names for base properties as another type. A
    base column that is not among the values has its property as text.
    """
    layout, physical = source.columns.layout, source.columns.physical()
    types = dict.fromkeys(layout.base, "VARCHAR") | {one.property: one.type for one in physical}
    layers, found = layered(types, VALUES)
    rows = in_row_groups(warehouse, which)
    all_values = {
        **{column: found[name] for name, column in layout.base.items()},
        "properties": "properties",
        **values,
        **{column.column: found[column.property] for column in physical},
    }
    cast = [f", try_cast({found[p]} as {type_}) as {name}" for name, (p, type_) in casts.items()]
    warehouse.execute(
        f"""
        insert into {quoted(layout.table)} ({", ".join(map(quoted, all_values))})
        select {", ".join(all_values.values())}
        from (select *{"".join(cast)} from (select *, {", ".join(layers)} from {rows}))
        """
    )
