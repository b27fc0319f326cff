"""A file is loaded in parts, and nobody can tell."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from mixpanel_assets.errors import LoadError
from mixpanel_assets.ingest import rebuild_events
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event

OpenProject = Callable[..., Project]


def changing_types() -> list[dict[str, object]]:
    """Records whose properties come, and change their type, as the day goes on."""
    values: list[object] = [1, 2, 2.5, None, "text", [1], {"a": 1}, 2**70]
    return [
        event("Open", NOON + n, value=value, **{f"new_{n}": n, "tags": ["a"] if n < 5 else [n]})
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize("part_bytes", [1, 300, 10**6])
def test_the_size_of_the_parts_makes_no_difference(
    part_bytes: int, mixpanel: Simulator, open_project: OpenProject
) -> None:
    project = open_project(mixpanel, longest_part=part_bytes)
    mixpanel.store.set_day(DAY, [*changing_types(), changing_types()[0]])
    for _ in range(2):
        (day,) = project.ingest()
    assert (day.rows, day.duplicates) == (8, 1)
    rows = project.sql('select value, tags, new_3 from by_event."Open" order by event_time')
    assert [value for value, *_ in rows] == [
        "1",
        "2",
        "2.5",
        None,
        "text",
        "[1]",
        '{"a":1}',
        "1180591620717411303424",
    ]
    assert rows[0][1:] == ('["a"]', None)
    assert rows[3][2] == 3


def test_a_rebuild_in_parts_takes_all_days_or_none(
    mixpanel: Simulator, open_project: OpenProject
) -> None:
    project = open_project(mixpanel, longest_part=200)
    for shift in range(3):
        mixpanel.store.set_day(DAY + timedelta(shift), changing_types() if shift == 1 else [])
        project.ingest(DAY + timedelta(shift))
    before = project.sql("select * from events order by all")
    assert len(rebuild_events(project.warehouse, project.settings, "12345")) == 3
    assert project.sql("select * from events order by all") == before
    damaged = sorted(project.landed_folder.iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(LoadError, match="damaged"):
        rebuild_events(project.warehouse, project.settings, "12345")
    assert project.sql("select * from events order by all") == before


def test_a_rebuild_leaves_columns_behind_that_no_row_uses(
    mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, [event(was="x")])
    project.ingest()
    mixpanel.store.set_day(DAY, [event(now="x")])
    project.ingest()
    columns = "select column_name from (describe events_wide) where column_name in ('was', 'now')"
    assert project.sql(columns) == [("was",), ("now",)]
    rebuild_events(project.warehouse, project.settings, "12345")
    assert project.sql(columns) == [("now",)]


def test_work_that_a_killed_load_left_is_cleared_away(
    mixpanel: Simulator, project: Project
) -> None:
    left = project.landed_folder / ".load-killed"
    left.mkdir(parents=True)
    (left / "part.jsonl").write_bytes(b"x")
    old, new = (project.landed_folder / f".{name}.part" for name in ("old", "new"))
    new.touch()
    old.touch()
    os.utime(old, (0, 0))
    mixpanel.store.set_day(DAY, [event()])
    project.ingest()
    assert (left.exists(), old.exists(), new.exists()) == (False, False, True)
