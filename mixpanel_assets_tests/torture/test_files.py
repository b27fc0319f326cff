"""What `mp` writes is for its user alone, whole, and where it belongs."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials, add_account
from mixpanel_assets.defs.instance import make_instance
from mixpanel_assets.errors import ConfigError, MixpanelDataError
from mixpanel_assets.landed import landing
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.settings import Settings, make_private_folder
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.test_servers import listeners
from mixpanel_assets_tests.conftest import DAY, Answer, Project, Tries, event
from mixpanel_assets_tests.torture.conftest import Figures

Mp = Callable[..., Answer]
DAYS = ("--from", str(DAY), "--to", str(DAY))
WORK = [
    ("auth", "add", "shop", "-u", "ann", "-p", "12345"),
    ("materialize", "events", *DAYS),
    ("fetch", "events", "pulled", *DAYS),
    ("materialize", "profiles"),
    ("materialize", "catalog"),
    ("inspect", "events"),
    ("inspect", "funnels"),
    ("query", "segmentation", "-e", "Open", *DAYS),
    ("limits",),
    ("doctor",),
    ("status",),
    ("drop", "pulled"),
    ("rebuild", "events"),
]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def open_to_others(home: Path) -> list[str]:
    """What others could read or change: neither it nor a folder around it is closed to them."""
    found = []
    for path in [home, *home.rglob("*")]:
        around = [path, *(folder for folder in path.parents if folder.is_relative_to(home))]
        if path.is_file() and not any(one.stat().st_mode & 0o77 == 0 for one in around):
            found.append(str(path.relative_to(home)))
    return found


def test_what_is_written_is_for_one_user_whatever_umask_and_home_say(
    account: Simulator, mp: Mp, tmp_path: Path, tries: Tries, figures: Figures
) -> None:
    account.store.set_day(DAY, [event("Open")])
    work, files, commands = WORK[: tries(2, len(WORK))], 0, 0
    for number, (mask, mode) in enumerate(
        [(0o000, 0o755), (0o000, None), (0o022, 0o777), (0o077, None)][: tries(1, 4)]
    ):
        home = tmp_path / str(number) / "deep" / "home"
        home.parent.mkdir(parents=True)
        if mode is not None:
            home.mkdir()
            home.chmod(mode)
        with umask(mask):
            codes = [mp(*words, MP_HOME=str(home)).code for words in work]
        assert codes == [0] * len(work)
        assert open_to_others(home) == []
        assert (home / "config.toml").stat().st_mode & 0o777 == 0o600
        assert (home / "budget.sqlite").stat().st_mode & 0o777 == 0o600
        files += sum(path.is_file() for path in home.rglob("*"))
        commands += len(work)
    figures(
        "Files are for their user alone, whatever the umask and the home's mode",
        commands,
        f"{files:,} files, none open to others",
    )


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_every_folder_that_has_to_be_made_is_for_one_user(mask: int, tmp_path: Path) -> None:
    with umask(mask):
        make_private_folder(tmp_path / "a" / "b" / "c")
    made = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3


def test_a_landed_file_is_for_one_user_where_its_folder_is_not(tmp_path: Path) -> None:
    with umask(0), landing(tmp_path / "x") as file:
        file.write(b"events")
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that is not ours to change."""
    (tmp_path / "victim").write_text("precious")
    return tmp_path / "victim"


def plant(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def land_over(home: Path) -> None:
    with landing(home / "x") as file:
        file.write(b"events")


def add_over(home: Path) -> None:
    known = Credentials(username="u", secret=SecretStr("s"), project_id="1")
    add_account(Settings(home), "x", known)


WRITES: dict[str, Callable[[Path], object]] = {
    ".x.part": land_over,
    "x": land_over,
    "config.toml": add_over,
    ".config.toml.lock": add_over,
    ".config.toml.x.part": add_over,
    "budget.sqlite": lambda home: Budget(home / "budget.sqlite", "1").report(),
    "dagster.yaml": make_instance,
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("there", [True, False])
def test_no_write_follows_a_link_that_was_planted(
    name: str, there: bool, victim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = victim if there else tmp_path / "not-there"
    plant(tmp_path / "home" / name, target)
    monkeypatch.setenv("MP_CONFIG_PATH", str(tmp_path / "home" / "config.toml"))
    with suppress(MixpanelDataError, OSError):
        WRITES[name](tmp_path / "home")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "not-there").exists()


def test_a_home_and_a_landed_folder_may_be_links_to_another_disk(
    mixpanel: Simulator, project: Project, tmp_path: Path
) -> None:
    mixpanel.store.set_day(DAY, [event("Open")])
    home, disk = project.settings.home, tmp_path / "disk"
    for folder in (disk, disk / "home", disk / "landed"):
        folder.mkdir(mode=0o700)
    home.symlink_to(disk / "home")
    (home / "landed").symlink_to(disk / "landed")
    project.ingest()
    assert project.days() == {str(DAY): 1}
    assert len(list((disk / "landed").rglob("*.jsonl.gz"))) == 1


def test_a_reader_sees_the_old_file_of_accounts_or_the_new_one(
    tmp_path: Path, tries: Tries, figures: Figures
) -> None:
    settings, count, seen, over = Settings(tmp_path / "home"), tries(30, 500), set(), []

    def read() -> None:
        while not over:
            if settings.config_path.exists():
                seen.add(settings.config_path.read_text())

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(count):
            known = Credentials(username="u", secret=SecretStr("s" * 999), project_id="1")
            add_account(settings, f"a{number}", known)
    finally:
        over.append(True)
        thread.join()
    assert [text for text in seen if not text.endswith('region = "us"\n')] == []
    assert sorted(path.name for path in settings.home.iterdir()) == [
        ".config.toml.lock",
        "config.toml",
    ]
    figures(
        "The file of accounts is replaced as a whole",
        count,
        f"{len(seen):,} states read, all whole",
    )


def test_the_simulator_listens_on_loopback_alone(mixpanel: Simulator) -> None:
    port = int(mixpanel.url.rpartition(":")[2])
    assert listeners(port) == {"127.0.0.1"}
    for host in ("0.0.0.0", "::", "localhost.evil.com"):
        with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
            Simulator(host=host)


def test_a_file_of_accounts_that_is_a_link_is_said(tmp_path: Path, victim: Path) -> None:
    plant(tmp_path / "home" / "config.toml", victim)
    with pytest.raises(ConfigError, match="symbolic link"):
        add_over(tmp_path / "home")
