"""A file that a user names is whole or not there, and never takes the place of another unasked."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mixpanel_assets.errors import OutputError, UsageError
from mixpanel_assets.outfiles import check, placed

KINDS = (".svg", ".png")


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    with placed(path) as part:
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    with placed(tmp_path / "a.svg") as part:
        part.write_text("x")
    modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert len(modes) == 1


def test_nothing_is_left_of_a_file_that_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with placed(tmp_path / "a.svg") as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("old")
    with pytest.raises(UsageError, match="exists already") as refused:
        check(path, KINDS)
    assert "--replace" in str(refused.value.hint)
    with pytest.raises(UsageError, match="exists already"), placed(path) as part:
        part.write_text("new")  # it came to be after it was checked
    assert path.read_text() == "old"
    check(path, KINDS, replace=True)
    with placed(path, replace=True) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_outside_the_working_folder_is_refused(tmp_path: Path) -> None:
    here, other = tmp_path / "here", tmp_path / "other"
    for folder in (here / "below", other):
        folder.mkdir(parents=True)
    (here / "link").symlink_to(other)
    check(here / "below" / "a.svg", KINDS, under=here)
    check(here / "below" / ".." / "a.svg", KINDS, under=here)
    for path in (other / "a.svg", here / ".." / "a.svg", here / "link" / "a.svg"):
        with pytest.raises(UsageError, match="is not in the working folder"):
            check(path, KINDS, under=here)
    check(other / "a.svg", KINDS)


WRONG: dict[str, Callable[[Path], Path]] = {
    "must end with .svg or .png": lambda folder: folder / "a.jpg",
    "must end with": lambda folder: folder / ".svg",
    "there is no folder": lambda folder: folder / "none" / "a.svg",
    "is a folder": lambda folder: folder / "folder.svg",
}


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.svg").symlink_to(tmp_path / "loop.svg")
    for name in ("loop.svg", f"{'a' * 300}.svg"):
        with pytest.raises(UsageError, match="can't be a file"):
            check(tmp_path / name, KINDS)


@pytest.mark.parametrize("message", WRONG)
def test_a_path_that_cannot_be_written_is_refused(message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError, match=message):
        check(WRONG[message](tmp_path), KINDS, replace=True)


def test_a_link_to_a_file_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "kept.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to(tmp_path / "kept.svg")
    with pytest.raises(UsageError, match="exists already"):
        check(tmp_path / "link.svg", KINDS)


def test_a_disk_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="can't be written: No such file"),
        placed(tmp_path / "none" / "a.svg"),
    ):
        raise AssertionError
    assert os.listdir(tmp_path) == []  # noqa: PTH208
