"""Accounts: which one is used, and how the file that holds them is changed."""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import tomlkit
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

from mixpanel_assets.access import look_up
from mixpanel_assets.accounts import (
    Credentials,
    add_account,
    find_account,
    find_credentials,
    find_project,
    list_accounts,
    make_credentials,
    remove_account,
    switch_account,
    using_account,
)
from mixpanel_assets.definitions import defs
from mixpanel_assets.errors import AccountExistsError, AccountNotFoundError, ConfigError
from mixpanel_assets.settings import Settings
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]


def find_settings(account: str | None = None) -> Settings:
    return look_up(account).settings


FILE = """# Kept by hand.
default = "bob"
colour = "blue"  # not ours

[accounts.bob]
username = "bob"
secret = "s-bob"
project_id = "2"
region = "eu"
timezone = "Asia/Tokyo"
note = "unknown to mp"

[accounts.cy]
username = "cy"
secret = "s-cy"
project_id = 3

[theirs]
days = [2024-01-02, 2024-01-03]
"""

HEADLESS = """
[active]
account = "team"
workspace = 99
[accounts.other]
type = "service_account"
region = "us"
default_project = "1"
username = "o"
secret = "s-o"
[accounts.team]
type = "service_account"
region = "eu"
default_project = "7"
username = "t"
secret = "s-t"
[accounts.bearer]
type = "oauth_token"
region = "in"
default_project = "8"
token = "s-inline"
[accounts.named]
type = "oauth_token"
region = "in"
default_project = "8"
token_env = "CI_TOKEN"
[accounts.person]
type = "oauth_browser"
region = "us"
default_project = "9"
[accounts.nowhere]
type = "service_account"
region = "us"
username = "n"
secret = "s-n"
[targets.x]
account = "team"
project = "7"
"""

ENVIRONMENT = {"MP_USERNAME": "ann", "MP_SECRET": "s-ann", "MP_PROJECT_ID": "1"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that others may read, as another program left it."""
    (tmp_path / "home").mkdir(mode=0o755)
    return tmp_path / "home"


@pytest.fixture
def config(home: Path) -> Path:
    """The configuration file has two accounts, of which bob's is the default."""
    (home / "config.toml").write_text(FILE)
    (home / "config.toml").chmod(0o644)
    return home / "config.toml"


@pytest.fixture
def headless(home: Path) -> Path:
    """The configuration file is one of mixpanel-headless."""
    (home / "config.toml").write_text(HEADLESS)
    return home / "config.toml"


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


def now() -> Settings:
    return Settings.from_env()


def some(username: str = "u", secret: str = "s-new", project_id: str = "5") -> Credentials:
    return Credentials(username=username, secret=SecretStr(secret), project_id=project_id)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# --account, the environment's account, MP_ACCOUNT, the file's default: the user asked as.
PRECEDENCE = [
    ("cy", True, "bob", "bob", "cy"),
    ("cy", False, "bob", "bob", "cy"),
    ("cy", False, None, None, "cy"),
    (None, True, "cy", "bob", "ann"),
    (None, True, None, None, "ann"),
    (None, False, "cy", "bob", "cy"),
    (None, False, None, "cy", "cy"),
    (None, False, None, "bob", "bob"),
    (None, False, None, None, "bob"),
]


@pytest.mark.parametrize(("named", "environment", "variable", "default", "used"), PRECEDENCE)
def test_a_named_account_beats_the_environment_then_mp_account_then_the_default(
    named: str | None,
    environment: bool,
    variable: str | None,
    default: str | None,
    used: str,
    config: Path,
    setenv: Callable[..., None],
) -> None:
    said = f'default = "{default}"' if default else ""
    config.write_text(FILE.replace('default = "bob"', said))
    setenv(**(ENVIRONMENT if environment else {}), MP_ACCOUNT=variable or "")
    found = find_account(now(), named)
    assert found.credentials.username == used
    assert found.source == ("environment" if used == "ann" else "config")
    assert found.path == (None if used == "ann" else config)


def test_each_kind_of_credentials_has_its_variables(setenv) -> None:
    setenv(MP_PROJECT_ID="1", MP_REGION="in", MP_OAUTH_TOKEN="s-token")
    token = find_credentials(now())
    setenv(MP_OAUTH_TOKEN="", MP_PROJECT_SECRET="s-legacy")
    legacy = find_credentials(now())
    assert [(c.kind, c.username, c.region) for c in (token, legacy)] == [
        ("oauth_token", "", "in"),
        ("project_secret", "", "in"),
    ]
    assert [c.secret.get_secret_value() for c in (token, legacy)] == ["s-token", "s-legacy"]
    assert token.warning is None
    assert "2027-03-03" in str(legacy.warning)


@pytest.mark.parametrize("name", ["MP_OAUTH_TOKEN", "MP_PROJECT_SECRET"])
def test_no_credentials_are_used_without_a_project(name: str, setenv) -> None:
    setenv(**{name: "s-x"})
    for find in (find_credentials, find_project):
        with pytest.raises(ConfigError, match="MP_PROJECT_ID not set"):
            find(now())


def test_two_kinds_of_credentials_at_once_are_refused(setenv) -> None:
    setenv(**ENVIRONMENT, MP_OAUTH_TOKEN="s-token")
    with pytest.raises(ConfigError, match="MP_USERNAME and MP_SECRET and MP_OAUTH_TOKEN") as raised:
        find_credentials(now())
    assert "s-token" not in str(raised.value.to_dict())


@pytest.mark.parametrize("token", ["s-a\nb", "s-é", "s-a\x7f"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(token: str, setenv) -> None:
    setenv(MP_OAUTH_TOKEN=token, MP_PROJECT_ID="1")
    with pytest.raises(ConfigError) as raised:
        find_credentials(now())
    assert "s-" not in str(raised.value.to_dict())


def test_a_secret_that_is_no_text_is_refused_unseen(setenv) -> None:
    setenv(**{**ENVIRONMENT, "MP_SECRET": "s-\udcff"})
    with pytest.raises(ConfigError, match="not UTF-8") as raised:
        find_credentials(now())
    assert "s-" not in str(raised.value.to_dict())


def test_a_project_id_alone_does_not_turn_another_project_s_account(config, setenv) -> None:
    setenv(MP_PROJECT_ID="2")
    assert find_credentials(now()).username == "bob"
    setenv(MP_PROJECT_ID="9")
    with pytest.raises(ConfigError, match=r"MP_PROJECT_ID is 9, but .* is for project 2"):
        find_credentials(now())
    assert find_credentials(now(), "cy").project_id == "3"


def test_a_project_is_found_without_a_secret(config: Path) -> None:
    config.write_text('[accounts.x]\nproject_id = "4"\n[accounts.y]\nsecret = "z"\n')
    assert find_project(now()) == "4"
    with pytest.raises(ConfigError, match=r"'y' of .* has no project_id"):
        find_project(now(), "y")


def test_days_are_counted_in_the_account_s_time_zone(config: Path, setenv) -> None:
    assert find_settings().project_timezone == "Asia/Tokyo"
    assert find_settings("cy").project_timezone is None
    setenv(MP_PROJECT_TIMEZONE="US/Pacific")
    assert find_settings().project_timezone == "US/Pacific"
    setenv(MP_PROJECT_TIMEZONE="UTC")
    assert find_settings().project_timezone is None


def test_the_environment_s_project_has_the_environment_s_time_zone(config: Path, setenv) -> None:
    setenv(MP_PROJECT_ID="9")
    assert find_settings().project_timezone is None
    setenv(MP_PROJECT_ID="2")
    assert find_settings().project_timezone == "Asia/Tokyo"
    setenv(**ENVIRONMENT)
    assert find_settings().project_timezone is None
    assert find_settings("bob").project_timezone == "Asia/Tokyo"


def test_no_account_is_no_time_zone() -> None:
    assert find_settings() == now()


def test_a_time_zone_that_is_none_is_named_with_its_account(config: Path) -> None:
    config.write_text(FILE.replace("Asia/Tokyo", "Mars/Base"))
    for find in (lambda: find_settings(), lambda: find_account(now())):
        with pytest.raises(ConfigError, match=r"'bob' of .*timezone=Mars/Base"):
            find()


def test_dagster_counts_days_as_each_account_does(config: Path) -> None:
    graph = defs().resolve_asset_graph()
    zones = {
        name: graph.get(dg.AssetKey([name, "events"])).partitions_def.timezone
        for name in ("bob", "cy")
    }
    assert zones == {"bob": "Asia/Tokyo", "cy": "UTC"}


def test_an_account_in_use_is_that_of_every_process_started_meanwhile(config, setenv) -> None:
    setenv(**ENVIRONMENT, MP_REGION="in", MP_ACCOUNT="bob")
    before = dict(os.environ)
    with using_account(now(), "cy"):
        assert find_account(now()).name == "cy"
        assert find_settings().project_timezone is None
    assert dict(os.environ) == before
    with using_account(now(), None):
        assert dict(os.environ) == before
    with pytest.raises(AccountNotFoundError), using_account(now(), "dan"):
        pass
    assert dict(os.environ) == before


def test_the_first_account_is_the_default_and_later_ones_if_told(tmp_path: Path) -> None:
    assert add_account(now(), "a", some()) is True
    assert add_account(now(), "b", some()) is False
    assert add_account(now(), "c", some(), default=True) is True
    assert [(a["name"], a["is_default"]) for a in list_accounts(now())] == [
        ("a", False),
        ("b", False),
        ("c", True),
    ]


def test_what_is_listed_has_no_secret(config: Path) -> None:
    assert list_accounts(now())[0] == {
        "name": "bob",
        "kind": "service_account",
        "username": "bob",
        "project_id": "2",
        "region": "eu",
        "timezone": "Asia/Tokyo",
        "is_default": True,
    }
    assert "s-" not in str(list_accounts(now()))
    assert "s-" not in str(find_account(now())) + str(find_account(now()).to_dict())


def test_an_account_that_lacks_something_is_listed_all_the_same(config: Path) -> None:
    config.write_text("[accounts.x]\n")
    (listed,) = list_accounts(now())
    assert (listed["name"], listed["username"], listed["project_id"]) == ("x", None, None)


def test_a_name_that_is_taken_stays_with_who_has_it(config: Path) -> None:
    with pytest.raises(AccountExistsError) as raised:
        add_account(now(), "bob", some(), default=True)
    assert (raised.value.details, raised.value.exit_code) == ({"account_name": "bob"}, 2)
    assert config.read_text() == FILE


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "é", "x" * 65, "a\n", "²"])
def test_a_name_is_letters_digits_and_three_signs(name: str, home: Path) -> None:
    with pytest.raises(ConfigError, match="not an account name"):
        add_account(now(), name, some())
    assert not (home / "config.toml").exists()


def test_what_mp_does_not_know_is_kept_with_its_comments(config: Path) -> None:
    add_account(now(), "d.e", some(), timezone="US/Pacific")
    switch_account(now(), "d.e")
    assert remove_account(now(), "cy") == "d.e"
    text = config.read_text()
    assert "# Kept by hand." in text
    assert "# not ours" in text
    old, new = tomllib.loads(FILE), tomllib.loads(text)
    assert new.pop("default") == "d.e"
    assert new["accounts"].pop("d.e") == {
        "username": "u",
        "secret": "s-new",
        "project_id": "5",
        "region": "us",
        "timezone": "US/Pacific",
    }
    del old["default"], old["accounts"]["cy"]
    assert new == old


def test_removing_the_default_account_names_the_next(config: Path) -> None:
    assert remove_account(now(), "bob") == "cy"
    assert find_account(now()).name == "cy"
    assert remove_account(now(), "cy") is None
    assert list_accounts(now()) == []


@pytest.mark.parametrize("change", [remove_account, switch_account])
@pytest.mark.parametrize("name", ["dan", ""])
def test_an_account_that_is_not_there_changes_nothing(change, name: str, config: Path) -> None:
    with pytest.raises(AccountNotFoundError):
        change(now(), name)
    assert config.read_text() == FILE


def test_the_file_and_its_folder_are_for_one_user(config: Path, home: Path) -> None:
    add_account(now(), "x", some())
    assert [mode(path) for path in (config, home)] == [0o600, 0o700]
    assert {mode(path) for path in home.iterdir()} == {0o600}


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_neither_read_nor_replaced(
    there: bool, home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target.toml"
    if there:
        target.write_text(FILE)
    (home / "config.toml").symlink_to(target)
    attempts: list[Callable[[], Any]] = [
        lambda: list_accounts(now()),
        lambda: find_credentials(now()),
        lambda: add_account(now(), "x", some()),
        lambda: remove_account(now(), "bob"),
        lambda: switch_account(now(), "cy"),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigError, match="symbolic link"):
            attempt()
    assert (home / "config.toml").is_symlink()
    assert target.read_text() == FILE if there else not target.exists()


def test_a_file_that_is_no_toml_is_left_as_it_is(config: Path) -> None:
    for broken in (b"accounts = [", b"\xff\xfes-bob"):
        config.write_bytes(broken)
        with pytest.raises(ConfigError, match="can't be read") as raised:
            add_account(now(), "x", some())
        assert "s-bob" not in str(raised.value.to_dict())
        assert config.read_bytes() == broken


def test_a_folder_that_can_not_be_is_a_config_error(setenv) -> None:
    setenv(MP_CONFIG_PATH="/proc/nope/config.toml")
    with pytest.raises(ConfigError):
        add_account(now(), "x", some())


KILLED = """
import os, signal, sys
def at(event, args):
    if event == "os.rename" and str(args[0]).endswith(".part"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(at)
sys.argv = ["mp", "auth", "add", "x", "-u", "u", "-p", "1"]
from mixpanel_assets.cli.app import main
main()
"""


def test_a_writer_killed_midway_leaves_the_old_file_and_nothing_that_harms(
    config: Path, home: Path
) -> None:
    environment = {**os.environ, "MP_SECRET": "s-x"}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True)
    assert done.returncode == -9
    assert config.read_text() == FILE
    (left,) = home.glob("*.part")
    assert mode(left) == 0o600
    assert [a["name"] for a in list_accounts(now())] == ["bob", "cy"]
    add_account(now(), "x", some())
    assert list(home.glob("*.part")) == []
    assert find_account(now(), "x").credentials == some()


def test_accounts_added_at_once_are_all_there(home: Path) -> None:
    names = [f"a{n}" for n in range(4)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "mixpanel_assets", "auth", "add", name, "-u", name, "-p", "1"],
            env={**os.environ, "MP_SECRET": f"s-{name}"},
            stdout=subprocess.DEVNULL,
        )
        for name in names
    ]
    assert [process.wait(60) for process in running] == [0] * 4
    assert sorted(a["name"] for a in list_accounts(now())) == names
    assert sum(a["is_default"] for a in list_accounts(now())) == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
NAMES = st.from_regex(r"\A[A-Za-z0-9_.-]{1,64}\Z")
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.dates()
VALUES = st.recursive(
    SCALARS.filter(lambda value: value is not None),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(username=TEXT, secret=TEXT, name=NAMES)
@examples(deadline=None, max_examples=60)
def test_any_user_name_and_secret_come_back_as_they_went(
    username: str, secret: str, name: str
) -> None:
    fields = {"kind": "service_account", "username": username, "secret": secret}
    made = make_credentials({**fields, "project_id": "1"}, "here")
    assert made.secret.get_secret_value() == secret.strip()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        add_account(settings, "other", some())
        if name != "other":
            add_account(settings, name, made)
            assert find_account(settings, name).credentials == made
        assert find_account(settings, "other").credentials == some()


@given(content=st.dictionaries(st.text(), VALUES, max_size=4))
@examples(deadline=None, max_examples=60)
def test_whatever_else_the_file_says_is_still_said(content: dict[str, Any]) -> None:
    for name in ("accounts", "default", "active"):
        content.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        settings.config_path.write_text(tomlkit.dumps(content), "utf-8")
        add_account(settings, "a", some())
        add_account(settings, "b", some())
        remove_account(settings, "a")
        found = tomllib.loads(settings.config_path.read_text("utf-8"))
        assert found.pop("default") == "b"
        assert list(found.pop("accounts")) == ["b"]
        assert found == content


def test_a_file_of_mixpanel_headless_is_read_where_it_can_be(headless: Path, setenv) -> None:
    setenv(CI_TOKEN="s-named")
    found = find_account(now())
    assert found.credentials == Credentials(
        username="t", secret=SecretStr("s-t"), project_id="7", region="eu"
    )
    assert (found.name, found.is_default, found.path) == ("team", True, headless)
    tokens = [find_credentials(now(), name) for name in ("bearer", "named")]
    assert [(t.kind, t.secret.get_secret_value(), t.project_id) for t in tokens] == [
        ("oauth_token", "s-inline", "8"),
        ("oauth_token", "s-named", "8"),
    ]
    assert find_project(now(), "person") == "9"
    listed = {a["name"]: (a["kind"], a["project_id"]) for a in list_accounts(now())}
    assert listed["person"] == ("oauth_browser", "9")
    assert listed["nowhere"] == ("service_account", None)


@pytest.mark.parametrize(
    ("name", "words"),
    [("person", "'oauth_browser'"), ("nowhere", "no project_id"), ("named", "no secret")],
)
def test_what_of_it_can_not_be_used_says_why(name: str, words: str, headless: Path) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        find_credentials(now(), name)
    assert f"'{name}' of {headless}" in raised.value.message


def test_a_file_of_mixpanel_headless_is_never_written(headless: Path, setenv) -> None:
    attempts: list[Callable[[], Any]] = [
        lambda: add_account(now(), "x", some()),
        lambda: remove_account(now(), "team"),
        lambda: switch_account(now(), "other"),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigError, match="mixpanel-headless") as raised:
            attempt()
        assert "MP_CONFIG_PATH" in str(raised.value.hint)
    assert headless.read_text() == HEADLESS
    setenv(MP_CONFIG_PATH=str(headless.with_name("mp.toml")))
    assert add_account(now(), "x", some()) is True
    assert headless.read_text() == HEADLESS


def test_one_account_of_theirs_makes_it_their_file(config: Path) -> None:
    config.write_text(HEADLESS.partition("[accounts.team]")[0].replace("[active]", "[active2]"))
    with pytest.raises(ConfigError, match="mixpanel-headless"):
        switch_account(now(), "other")
