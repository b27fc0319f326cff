"""The example's dbt model shows landed events as the table that dbt_mixpanel reads, all of them.

Skipped without dbt-duckdb; `just examples` installs it.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event, project_at
from mixpanel_assets_tests.defs.test_example import EXAMPLES, run

pytest.importorskip("dbt.adapters.duckdb")

DBT = Path(sys.executable).with_name("dbt")
GUIDE = (EXAMPLES.parent / "guides" / "dbt.md").read_text("utf-8")

# The columns that the package reads, in the types that it takes them for.
TYPES = {
    "_fivetran_id": "VARCHAR",
    "name": "VARCHAR",
    "time": "TIMESTAMP",
    "distinct_id": "VARCHAR",
    "distinct_id_before_identity": "VARCHAR",
    "device_id": "VARCHAR",
    "insert_id": "VARCHAR",
    "properties": "JSON",
    "mp_processing_time_ms": "BIGINT",
    "_fivetran_synced": "TIMESTAMP",
    "ae_session_length": "VARCHAR",
    "app_build_number": "VARCHAR",
    "app_version_string": "VARCHAR",
    "bluetooth_enabled": "BOOLEAN",
    "bluetooth_version": "VARCHAR",
    "brand": "VARCHAR",
    "browser": "VARCHAR",
    "browser_version": "DOUBLE",
    "carrier": "VARCHAR",
    "city": "VARCHAR",
    "current_url": "VARCHAR",
    "device": "VARCHAR",
    "google_play_services": "VARCHAR",
    "has_nfc": "BOOLEAN",
    "has_telephone": "BOOLEAN",
    "initial_referrer": "VARCHAR",
    "initial_referring_domain": "VARCHAR",
    "lib_version": "VARCHAR",
    "manufacturer": "VARCHAR",
    "model": "VARCHAR",
    "mp_country_code": "VARCHAR",
    "mp_keyword": "VARCHAR",
    "mp_lib": "VARCHAR",
    "os": "VARCHAR",
    "os_version": "VARCHAR",
    "radio": "VARCHAR",
    "referrer": "VARCHAR",
    "referring_domain": "VARCHAR",
    "region": "VARCHAR",
    "screen_dpi": "BIGINT",
    "screen_height": "BIGINT",
    "screen_width": "BIGINT",
    "search_engine": "VARCHAR",
    "wifi": "BOOLEAN",
}

BUILD = ("build", "--select", "mixpanel_event")


def ran(here: Path, project: Project, *words: str) -> str:
    """What dbt prints, run in the folder on the warehouse of the project."""
    place = {**os.environ, "SHOP_WAREHOUSE": str(project.path)}
    return run(str(DBT), *words, cwd=here, env=place)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(EXAMPLES / "dbt", tmp_path / "dbt"))


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two landed days of a shop, on which the example is built."""
    folder = tmp_path_factory.mktemp("two_days")
    world = World(first_day=DAY - timedelta(10), events_per_day=400)
    with Simulator(Store(world=world), retry_after=0) as mixpanel:
        project = project_at(folder, mixpanel)
        with project.client:
            project.ingest(DAY, DAY + timedelta(1))
    ran(shutil.copytree(EXAMPLES / "dbt", folder / "dbt"), project, "build")
    return project


def landed(
    open_project: Callable[..., Project], events: list[dict[str, Any]], **settings: Any
) -> Project:
    """A project with these events on DAY."""
    with Simulator(retry_after=0) as mixpanel:
        mixpanel.store.set_day(DAY, events)
        project = open_project(mixpanel, **settings)
        project.ingest()
    return project


def test_the_mapping_agrees_with_the_landed_events(two_days: Project) -> None:
    by_day = "group by all order by all"
    mapped = two_days.sql(
        "select time::date, name, count(*), count(distinct distinct_id) "
        f"from dbt.mixpanel_event {by_day}"
    )
    assert mapped == two_days.sql(
        f"select event_date, event_name, count(*), count(distinct person) from events {by_day}"
    )
    assert {day for day, *_ in mapped} == {DAY, DAY + timedelta(1)}
    ((rows, ids, devices),) = two_days.sql(
        "select count(*), count(distinct _fivetran_id), count(distinct_id_before_identity) "
        "from dbt.mixpanel_event"
    )
    assert rows == ids == sum(two_days.days().values())
    assert devices > 0, "nobody logs in"


def test_the_mapping_has_the_columns_that_the_package_reads(two_days: Project) -> None:
    columns = two_days.sql("select column_name, column_type from (describe dbt.mixpanel_event)")
    assert dict(columns) == TYPES


def test_a_property_is_the_same_in_its_column_and_in_the_mapping(two_days: Project) -> None:
    names = {
        "$browser": "browser",
        "$browser_version": "browser_version",
        "$city": "city",
        "$os": "os",
        "$screen_width": "screen_width",
        "mp_country_code": "mp_country_code",
        "mp_lib": "mp_lib",
    }
    counted = "select {}, count(*) from {} group by all order by all"
    ours = ", ".join(f'"{name}"' for name in names)
    expected = two_days.sql(counted.format(ours, "events_wide"))
    assert two_days.sql(counted.format(", ".join(names.values()), "dbt.mixpanel_event")) == expected
    assert len(expected) > 1


def test_no_event_is_lost_where_the_package_looks_for_duplicates(
    open_project: Callable[..., Project], here: Path
) -> None:
    """It keeps one of those with the same insert_id, person, name in lower case and day."""
    without = {"$insert_id": None}
    device = {"distinct_id": "$device:d", "$device_id": "d"}
    project = landed(
        open_project,
        [
            event("Open", **without),
            event("Open", **without),  # the same event, or another one: nobody knows
            event("OPEN", **without),
            event("Open", NOON + 1, **without, plan="pro"),
            event("Open", **device, **without),
            event("Login", **device, **{"$user_id": "ann"}),
            event("Open", distinct_id=None, **without),
            event("Open", distinct_id="", **without),
            event("Open", "no time", **without),
        ],
    )
    ran(here, project, *BUILD)
    kept = "select distinct insert_id, distinct_id, lower(name), time::date from dbt.mixpanel_event"
    ((rows, left, hashes),) = project.sql(
        f"select count(*), (select count(*) from ({kept})), count(distinct _fivetran_id) "
        "from dbt.mixpanel_event"
    )
    assert rows == left == hashes == 9
    people = project.sql("select distinct distinct_id from dbt.mixpanel_event order by 1")
    assert people == [("ann",), (None,)]


def test_a_day_is_the_projects_with_its_time_zone(
    open_project: Callable[..., Project], here: Path
) -> None:
    late = NOON + 11 * 3_600_000  # on the project's clock, as Mixpanel exports it: 23:00
    zone = "America/Los_Angeles"
    project = landed(open_project, [event(time=late)], project_timezone=zone)
    day = "select time::varchar from dbt.mixpanel_event"
    ran(here, project, *BUILD)
    assert project.sql(day) == [(f"{DAY + timedelta(1)} 07:00:00",)]
    ran(here, project, *BUILD, "--vars", f"mixpanel_timezone: {zone}")
    assert project.sql(day) == [(f"{DAY} 23:00:00",)]


PACKAGE = {
    "dbt_project.yml": "{name: mixpanel, version: 1.0.0, models: {mixpanel: {+schema: mixpanel}}}",
    "models/sources.yml": """
sources:
  - name: mixpanel
    schema: "{{ var('mixpanel_schema', 'mixpanel') }}"
    tables:
      - name: event
        identifier: "{{ var('mixpanel_event_identifier', 'event') }}"
""",
    "models/a_model.sql": """
{{ config(materialized='table', partition_by={'field': 'day', 'data_type': 'date'}) }}
select time::date as day, count(*) as events from {{ source('mixpanel', 'event') }} group by all
""",
}


def test_the_page_tells_a_package_where_the_table_is(
    open_project: Callable[..., Project], here: Path
) -> None:
    """One that looks for it as dbt_mixpanel does, in one build, and sorts before ours."""
    landed_day = landed(open_project, [event(), event("Close")])
    for name, text in PACKAGE.items():
        (here / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "package" / name).write_text(text)
    (here / "packages.yml").write_text("packages: [{local: package}]")
    (fragment,) = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    added = yaml.safe_load(fragment)
    project = yaml.safe_load((here / "dbt_project.yml").read_text("utf-8"))
    project["models"] |= added.pop("models")
    (here / "dbt_project.yml").write_text(yaml.safe_dump(project | added))
    for command in ("deps", "build"):
        ran(here, landed_day, command)
    assert landed_day.sql("select * from dbt_mixpanel.a_model") == [(DAY, 2)]
