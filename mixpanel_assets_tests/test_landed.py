"""Landed files: what a name says is what it was written for."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_assets.landed import LandedFile, events_name, landed_files, profiles_name

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
AT = datetime(2024, 1, 9, tzinfo=UTC)
DAY = date(2024, 1, 2)


@given(start=DAYS, length=st.integers(0, 400), exported_at=MOMENTS)
def test_a_name_of_events_is_read_as_it_was_written(
    start: date, length: int, exported_at: datetime
) -> None:
    end = start + timedelta(length)
    path = Path("folder") / events_name(start, end, exported_at)
    assert LandedFile.named(path) == LandedFile(path, start, end, exported_at)


@given(day=DAYS, exported_at=MOMENTS)
def test_a_name_of_profiles_is_read_as_it_was_written(day: date, exported_at: datetime) -> None:
    path = Path("folder") / profiles_name(day, exported_at)
    assert LandedFile.named(path) == LandedFile(path, day, day, exported_at)


@pytest.mark.parametrize(
    "name",
    [
        f".{events_name(DAY, DAY, AT)}.part",
        f"{events_name(DAY, DAY, AT)}.bak",
        "2024-01-02.20240109T000000000000Z.jsonl.gz",
        "profiles.20240109T000000000000Z.jsonl.gz",
        "README.md",
    ],
)
def test_another_name_is_not_the_name_of_a_landed_file(name: str) -> None:
    assert LandedFile.named(Path(name)) is None


def test_each_day_is_taken_from_its_newest_file(tmp_path: Path) -> None:
    week, later = (DAY, DAY + timedelta(6)), AT + timedelta(1)
    old, new = tmp_path / events_name(*week, AT), tmp_path / events_name(DAY, DAY, later)
    for path in (old, new, tmp_path / f".{new.name}.part"):
        path.touch()
    found = {file.path: file.dates() for file in landed_files(tmp_path)}
    assert found == {new: [DAY], old: [DAY + timedelta(n) for n in range(1, 7)]}
    (only,) = landed_files(tmp_path, DAY, DAY, unused=[new.name])
    assert (only.path, only.dates()) == (old, [DAY])
