"""The story: a snapshot is what Mixpanel had, and the history is every one of them."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import (
    AuthenticationError,
    ConfigError,
    ExportIncompleteError,
    LoadError,
    MixpanelDataError,
    PlanRequiredError,
    RateLimitError,
    ServerError,
    UnavailableError,
)
from mixpanel_assets.ingest import ingest_profiles, rebuild_profiles
from mixpanel_assets.mixpanel.export.profiles import export_profiles
from mixpanel_assets.mixpanel.export.selection import ProfileSelection
from mixpanel_assets.results import Snapshot
from mixpanel_assets.simulator.query.engage import Paging
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, Project, shortened

OpenProject = Callable[..., Project]
HISTORY = "select distinct_id, plan, valid_from, valid_to from profile_history order by all"
LATER = 12_000  # profiles: three pages


def day(number: int) -> date:
    return DAY + timedelta(number)


def people(mixpanel: Simulator, **plans: str) -> None:
    """Mixpanel has exactly these profiles, each with a plan."""
    mixpanel.profiles.set(
        {"$distinct_id": name, "$properties": {"plan": plan}} for name, plan in plans.items()
    )


def snap(project: Project, number: int = 0) -> Snapshot:
    return ingest_profiles(project.client, project.warehouse, project.settings, day(number))


def rebuild(project: Project) -> list[Snapshot]:
    project_id = project.client.credentials.project_id
    return rebuild_profiles(project.warehouse, project.settings, project_id)


def counts(snapshot: Snapshot) -> tuple[int, int, int, int]:
    return snapshot.rows, snapshot.new, snapshot.changed, snapshot.removed


def as_of(project: Project, number: int) -> dict[str, str]:
    """Who had which plan in the snapshot of a day."""
    query = """
        select distinct_id, plan from profile_history
        where valid_from <= $1 and (valid_to is null or valid_to > $1)
    """
    return dict(project.sql(query, day(number)))


def everything(project: Project) -> list[Any]:
    """What the tables of profiles hold."""
    tables = ("profiles", "profile_history", "profile_properties", "landed")
    return [project.sql(f"from {table} order by all") for table in tables]


def files(project: Project) -> list[Path]:
    return sorted((project.landed_folder.parent / "profiles").iterdir())


def test_every_day_s_snapshot_can_be_had_again(mixpanel: Simulator, project: Project) -> None:
    states = [
        {"ann": "free", "bob": "free"},
        {"ann": "pro", "bob": "free", "cid": "free"},
        {"ann": "pro"},
        {"ann": "pro", "bob": "back"},
        {},
    ]
    taken = []
    for number, state in enumerate(states):
        people(mixpanel, **state)
        taken.append(counts(snap(project, number)))
    assert taken == [(2, 2, 0, 0), (3, 1, 1, 0), (1, 0, 0, 2), (2, 1, 0, 0), (0, 0, 0, 2)]
    assert [as_of(project, number) for number in range(len(states))] == states
    assert project.sql("select count(*) from profiles") == [(0,)]


def test_days_without_a_snapshot_show_the_one_before(mixpanel: Simulator, project: Project) -> None:
    people(mixpanel, ann="free")
    snap(project)
    people(mixpanel, ann="pro")
    snap(project, 5)
    assert [as_of(project, number)["ann"] for number in (0, 4, 5, 9)] == ["free"] * 2 + ["pro"] * 2


def test_profiles_are_those_of_the_newest_snapshot(mixpanel: Simulator, project: Project) -> None:
    for number, plan in enumerate(("free", "pro")):
        people(mixpanel, ann=plan, bob="free")
        snap(project, number)
    query = "select distinct_id, plan, snapshot_date from profiles order by 1"
    assert project.sql(query) == [("ann", "pro", day(1)), ("bob", "free", day(1))]


def test_a_snapshot_costs_one_query_of_the_hour(mixpanel: Simulator, project: Project) -> None:
    mixpanel.profiles.fill(LATER)
    assert counts(snap(project)) == (LATER, LATER, 0, 0)
    assert project.client.budget.report()["query"]["used"] == 1
    assert sum("session_id" not in seen.params for seen in mixpanel.requests) == 1


def test_group_profiles_are_no_part_of_it(mixpanel: Simulator, project: Project) -> None:
    people(mixpanel, ann="free")
    group = mixpanel.profiles.data_group_id("company")
    mixpanel.profiles.set([{"$distinct_id": "acme", "$properties": {"plan": "x"}}], group)
    snap(project)
    assert project.sql("select distinct_id from profiles") == [("ann",)]


CUT = ["short@*", "expired@*"]


@pytest.mark.parametrize("fault", CUT)
def test_a_download_that_stays_incomplete_leaves_everything_as_it_was(
    fault: str, mixpanel: Simulator, project: Project
) -> None:
    mixpanel.profiles.fill(LATER)
    snap(project)
    before, landed = everything(project), files(project)
    mixpanel.profiles.fill(LATER, 50)
    mixpanel.fail_engage(fault)
    with pytest.raises(ExportIncompleteError) as raised:
        snap(project, 1)
    assert raised.value.code == "EXPORT_INCOMPLETE"
    assert (everything(project), files(project)) == (before, landed)


LASTING: list[tuple[str, type[MixpanelDataError]]] = [
    ("500@{}-99", ServerError),
    ("502@{}-99", ServerError),
    ("429@{}-99", RateLimitError),
    ("reset@{}-99", UnavailableError),
    ("401@{}", AuthenticationError),
    ("402@{}", PlanRequiredError),
]


def test_a_later_page_that_keeps_failing_leaves_everything_as_it_was(
    mixpanel: Simulator, project: Project
) -> None:
    people(mixpanel, ann="free", bob="free")
    snap(project)
    before, landed = everything(project), files(project)
    mixpanel.profiles.fill(LATER)
    for fault, kind in LASTING:
        mixpanel.fail_engage()
        mixpanel.fail_engage(fault.format(2))
        with pytest.raises(kind):
            snap(project, 1)
        assert (everything(project), files(project)) == (before, landed), fault
    mixpanel.fail_engage()
    assert counts(snap(project, 1)) == (LATER, LATER, 0, 2)


PASSING = ["500@2", "429@2", "reset@3", "short@1", "duplicate@*", "expired@2"]


@pytest.mark.parametrize("fault", shortened(PASSING, "reset@3", "short@1", "expired@2"))
def test_a_failure_that_passes_leaves_no_trace(
    fault: str, mixpanel: Simulator, project: Project
) -> None:
    mixpanel.profiles.fill(LATER)
    mixpanel.fail_engage(fault)
    assert counts(snap(project)) == (LATER, LATER, 0, 0)
    assert project.sql("select count(*), count(distinct distinct_id) from profiles") == [
        (LATER, LATER)
    ]


def test_what_kills_left_is_removed_after_a_day(mixpanel: Simulator, project: Project) -> None:
    people(mixpanel, ann="free")
    snap(project)
    folder = files(project)[0].parent
    old, new = folder / ".profiles.old.jsonl.gz.part", folder / ".profiles.new.jsonl.gz.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    snap(project, 1)
    assert (old.exists(), new.exists()) == (False, True)


def test_of_each_day_the_newest_file_is_kept(mixpanel: Simulator, project: Project) -> None:
    people(mixpanel, ann="free")
    for number in (0, 0, 1, 1, 1):
        snap(project, number)
    assert len(files(project)) == 2
    assert project.sql("select file from landed order by day") == [
        (path.name,) for path in files(project)
    ]


def test_a_file_that_another_process_has_yet_to_load_is_left_alone(
    mixpanel: Simulator, project: Project
) -> None:
    people(mixpanel, ann="free")
    folder = project.landed_folder.parent / "profiles"
    waiting = export_profiles(project.client, ProfileSelection(), folder, DAY)
    snap(project)
    assert waiting.path.exists()


def test_landed_files_are_kept_only_if_wanted(
    mixpanel: Simulator, open_project: OpenProject
) -> None:
    project = open_project(mixpanel, keep_landed=False)
    people(mixpanel, ann="free")
    for number in range(2):
        snap(project, number)
    assert files(project) == []
    assert as_of(project, 0) == {"ann": "free"}


def test_a_snapshot_out_of_order_is_refused_and_leaves_everything_as_it_was(
    mixpanel: Simulator, project: Project
) -> None:
    people(mixpanel, ann="free")
    snap(project, 3)
    before, landed = everything(project), files(project)
    people(mixpanel, ann="pro")
    with pytest.raises(LoadError, match="is there already"):
        snap(project, 2)
    assert (everything(project), files(project)) == (before, landed)


def test_a_rebuild_gives_every_snapshot_again_without_asking(
    mixpanel: Simulator, project: Project
) -> None:
    for number, state in enumerate([{"ann": "a", "bob": "b"}, {"ann": "x"}, {"bob": "b"}]):
        people(mixpanel, **state)
        snap(project, number)
    before, asked = project.sql(HISTORY), len(mixpanel.requests)
    project.path.unlink()
    assert [taken.day for taken in rebuild(project)] == [day(0), day(1), day(2)]
    assert project.sql(HISTORY) == before
    assert len(mixpanel.requests) == asked


def test_a_rebuild_that_would_lose_a_snapshot_is_refused(
    mixpanel: Simulator, project: Project
) -> None:
    for number in range(3):
        people(mixpanel, ann=f"plan {number}")
        snap(project, number)
    before = everything(project)
    files(project)[1].unlink()
    with pytest.raises(ConfigError, match=str(day(1))):
        rebuild(project)
    assert everything(project) == before


def test_a_snapshot_by_a_clock_that_was_wrong_can_be_taken_back(
    mixpanel: Simulator, project: Project
) -> None:
    today = (project.settings.today() - DAY).days
    for number in (today - 1, today + 400):
        people(mixpanel, ann=f"plan {number}")
        snap(project, number)
    with pytest.raises(LoadError) as raised:
        snap(project, today)
    assert f"remove its landed file, profiles.{day(today + 400)}.*" in (raised.value.hint or "")
    files(project)[-1].unlink()
    assert [taken.day for taken in rebuild(project)] == [day(today - 1)]
    assert counts(snap(project, today)) == (1, 0, 1, 0)


def test_without_files_there_is_nothing_to_rebuild(project: Project) -> None:
    with pytest.raises(ConfigError, match="no files of profiles") as raised:
        rebuild(project)
    assert "mp materialize profiles" in (raised.value.hint or "")


def test_the_day_of_a_snapshot_is_the_project_s(
    mixpanel: Simulator, open_project: OpenProject
) -> None:
    zone = "Pacific/Kiritimati"  # its day begins 14 hours before UTC's
    project = open_project(mixpanel, project_timezone=zone)
    people(mixpanel, ann="free")
    earliest = (datetime.now(UTC) + timedelta(hours=14)).date()
    taken = ingest_profiles(project.client, project.warehouse, project.settings)
    assert earliest <= taken.day <= (datetime.now(UTC) + timedelta(hours=14)).date()


def test_a_download_that_ends_after_midnight_stays_of_the_day_it_was_asked_for(
    mixpanel: Simulator, open_project: OpenProject
) -> None:
    project = open_project(mixpanel)
    yesterday = project.settings.today() - timedelta(1)
    for plan, asked_for in (("free", yesterday), ("pro", yesterday + timedelta(1))):
        people(mixpanel, ann=plan)
        ingest_profiles(project.client, project.warehouse, project.settings, asked_for)
    before = project.sql(HISTORY)
    rebuild(project)
    assert project.sql(HISTORY) == before
    assert len(before) == 2


def test_profiles_may_change_while_they_are_read(open_project: OpenProject) -> None:
    with Simulator(paging=Paging(live=True), retry_after=0) as mixpanel:
        project = open_project(mixpanel)
        mixpanel.profiles.fill(LATER)
        told: list[int] = []

        def progress(done: int, total: int) -> None:
            if not told:
                mixpanel.profiles.delete("synthetic-0000003")
            told.append(done)

        taken = ingest_profiles(
            project.client, project.warehouse, project.settings, DAY, progress=progress
        )
    assert taken.rows == LATER - 1
    held = project.sql("select count(*), count(distinct distinct_id) from profiles")
    assert held == [(LATER - 1, LATER - 1)]
