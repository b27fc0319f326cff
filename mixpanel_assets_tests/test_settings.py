"""Settings and accounts: what the environment and the configuration file mean."""

import json
import traceback
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials, find_credentials, find_project
from mixpanel_assets.defs.instance import find_dagster_home
from mixpanel_assets.errors import AccountNotFoundError, ConfigError, DateRangeError
from mixpanel_assets.settings import Settings, make_private_folder, parse_day

TODAY = date(2024, 3, 1)
ANN = {"MP_USERNAME": "ann", "MP_SECRET": "s-ann", "MP_PROJECT_ID": "1"}
FILE = """
default = "bob"
[accounts.bob]
username = "bob"
secret = "s-bob"
project_id = "2"
region = "eu"
[accounts.cy]
username = "cy"
secret = "s-cy"
project_id = 3
"""


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch):
    """Sets variables of the environment."""

    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration file has two accounts, of which bob's is the default."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(FILE)
    return tmp_path / "home" / "config.toml"


def credentials(account: str | None = None) -> Credentials:
    return find_credentials(Settings.from_env(), account)


def test_nothing_set_is_a_home_of_one_s_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("MP_HOME")
    settings = Settings.from_env()
    assert settings == Settings(home=tmp_path / ".mp")
    assert settings.config_path == tmp_path / ".mp" / "config.toml"
    assert settings.warehouse_path("7") == tmp_path / ".mp" / "data" / "7" / "mixpanel.duckdb"
    assert settings.landed_folder("7") == tmp_path / ".mp" / "landed" / "7"


def test_every_setting_is_taken_from_its_variable(setenv, tmp_path: Path) -> None:
    setenv(
        MP_HOME="~/h", MP_WAREHOUSE="w.duckdb", MP_PROJECT_TIMEZONE="Asia/Tokyo",
        MP_BASE_URL="https://proxy.example.com/", MP_START_DATE="2020-02-02",
        MP_KEEP_LANDED="no", MP_MEMORY_LIMIT="2GB", MP_THREADS="3", MP_MAX_PROPERTY_COLUMNS="9",
        MP_CONFIG_PATH="c.toml", MP_RELAND_DAYS="5", MP_OWNERS="a@b.example",
        MP_SAVED_REPORTS="7, 5,7", MP_MAX_ANSWER_MB="10", MP_MAX_EXPORT_GB="20",
        MP_UI_URL="https://dagster.example.com/",
    )  # fmt: skip
    settings = Settings.from_env()
    assert settings == Settings(
        home=tmp_path / "h",
        warehouse=tmp_path / "w.duckdb",
        project_timezone="Asia/Tokyo",
        base_url="https://proxy.example.com",
        start_day=date(2020, 2, 2),
        owners="a@b.example",
        reland_days=5,
        saved_reports=(7, 5),
        keep_landed=False,
        memory_limit="2GB",
        threads=3,
        max_property_columns=9,
        max_answer_mb=10,
        max_export_gb=20,
        ui_url="https://dagster.example.com",
    )
    assert settings.warehouse_path("7") == tmp_path / "w.duckdb"
    assert settings.config_path == tmp_path / "c.toml"


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ("1GB", 2**28),
        ("64GB", 2**28),
        ("80%", 2**28),
        ("1.2.3GB", 2**28),
        ("300 MB", 81 * 10**6),
        ("0.3gib", 90 * 10**6),
    ],
)
def test_less_is_loaded_at_once_with_less_memory(limit: str, most: int, tmp_path: Path) -> None:
    assert most * 0.95 < Settings(tmp_path, memory_limit=limit).part_bytes <= most


def test_an_empty_variable_is_none(setenv, tmp_path: Path) -> None:
    before = Settings.from_env()
    setenv(MP_WAREHOUSE="", MP_BASE_URL=" ", MP_THREADS="", MP_START_DATE="", MP_KEEP_LANDED="")
    assert Settings.from_env() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MP_WAREHOUSE", "md:db"),
        ("MP_WAREHOUSE", "ducklake:x"),
        ("MP_PROJECT_TIMEZONE", "Mars/Base"),
        ("MP_PROJECT_TIMEZONE", "../../etc/passwd"),
        ("MP_BASE_URL", "http://example.com"),
        ("MP_BASE_URL", "http://127.0.0.1.example.com"),
        ("MP_BASE_URL", "https://user:word@example.com"),
        ("MP_BASE_URL", "https://example.com/path"),
        ("MP_BASE_URL", "https://example.com?x=1"),
        ("MP_BASE_URL", "https://example.com:port"),
        ("MP_BASE_URL", "https://[::1"),
        ("MP_BASE_URL", "ftp://example.com"),
        ("MP_BASE_URL", "example.com"),
        ("MP_START_DATE", "soon"),
        ("MP_KEEP_LANDED", "maybe"),
        ("MP_THREADS", "0"),
        ("MP_THREADS", "two"),
        ("MP_THREADS", "²"),
        ("MP_MAX_PROPERTY_COLUMNS", "-1"),
        ("MP_RELAND_DAYS", "0"),
        ("MP_OWNERS", "team:data, Ann"),
        ("MP_SAVED_REPORTS", "63, Sales"),
        ("MP_UI_URL", "dagster.example.com"),
        ("MP_UI_URL", "https://ann:word@dagster.example.com"),
        ("MP_UI_URL", "https://dagster.example.com/?x=1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, value: str, setenv) -> None:
    setenv(**{name: value})
    with pytest.raises(ConfigError) as raised:
        Settings.from_env()
    assert name in raised.value.message
    assert raised.value.hint


ADDRESSES = [
    "ducklake:postgres://ann:s3cr3t@host/db",
    "DuckLake:postgres:dbname=lake password=s3cr3t",
    "postgres:dbname=x password=s3cr3t",
    "postgresql://ann:s3 cr3t/s3cr3t@host",
    "mysql:password=s3cr3t",
    "s3://key:s3cr3t@bucket/w.duckdb",
    "https://host/w.duckdb?sig=s3cr3t",
    "md:db?motherduck_token=s3cr3t",
]


def _all_paths() -> tuple[Path, ...]:
    settings = Settings.from_env()
    return settings.home, settings.config_path, find_dagster_home(settings)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("name", ["MP_WAREHOUSE", "MP_HOME", "MP_CONFIG_PATH", "DAGSTER_HOME"])
def test_an_address_is_no_path_and_is_told_without_its_secret(
    name: str, address: str, setenv
) -> None:
    setenv(**{name: address})
    with pytest.raises(ConfigError) as raised:
        _all_paths()
    assert name in raised.value.message
    assert "cr3t" not in "".join(traceback.format_exception(raised.value))
    assert "cr3t" not in json.dumps(raised.value.to_dict())


@pytest.mark.parametrize("name", ["a:b", "C:/x", "md", "postgres", "a=b&c", "x y", "100%", "a@b"])
def test_a_path_of_odd_letters_is_a_path(name: str, setenv, tmp_path: Path) -> None:
    setenv(MP_WAREHOUSE=name)
    assert Settings.from_env().warehouse == tmp_path / name


VALUES = ["MP_BASE_URL", "MP_PROJECT_TIMEZONE", "MP_START_DATE", "MP_OWNERS", "MP_SAVED_REPORTS"]
NUMBERS = ["MP_RELAND_DAYS", "MP_KEEP_LANDED", "MP_THREADS", "MP_MAX_EXPORT_GB", "MP_UI_URL"]


@pytest.mark.parametrize("name", [*VALUES, *NUMBERS])
def test_what_was_pasted_into_the_wrong_variable_is_told_without_its_secret(
    name: str, setenv
) -> None:
    setenv(**{name: "https://ann:s3cr3t/s3cr3t@host/x?token=s3cr3t&a=1"})
    with pytest.raises(ConfigError) as raised:
        Settings.from_env()
    assert name in raised.value.message
    assert "s3cr3t" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8123", "http://localhost", "http://[::1]:1"])
def test_plain_http_is_fine_on_this_machine(url: str, setenv) -> None:
    setenv(MP_BASE_URL=url)
    assert Settings.from_env().base_url == url


@pytest.mark.parametrize(("said", "kept"), [("1999-01-01", "2000-01-01"), ("2001-01-01",) * 2])
def test_no_day_is_before_mixpanel_s_first(said: str, kept: str, setenv) -> None:
    setenv(MP_START_DATE=said)
    assert Settings.from_env().start_day == date.fromisoformat(kept)
    assert Settings.from_env().earliest_day == date.fromisoformat(kept)


def test_no_first_day_is_set_by_default() -> None:
    assert Settings.from_env().start_day is None
    assert Settings.from_env().earliest_day == date(2000, 1, 1)


def test_today_is_the_project_s(setenv) -> None:
    noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    assert Settings.from_env().today(noon) == date(2024, 1, 2)
    setenv(MP_PROJECT_TIMEZONE="Pacific/Kiritimati")
    assert Settings.from_env().today(noon) == date(2024, 1, 3)


DAYS = {
    "2024-02-29": date(2024, 2, 29),
    "today": TODAY,
    "Yesterday": date(2024, 2, 29),
    " 0d ": TODAY,
    "7d": date(2024, 2, 23),
}


@pytest.mark.parametrize("text", DAYS)
def test_a_day_is_said_in_one_of_four_ways(text: str) -> None:
    assert parse_day(text, TODAY) == DAYS[text]


@pytest.mark.parametrize(
    "text", ["", "soon", "2023-02-29", "20240101", "2024-W01-1", "-1d", "d", "²d", "9" * 20 + "d"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(DateRangeError) as raised:
        parse_day(text, TODAY)
    assert raised.value.details == {"value": text}


def test_a_private_folder_is_for_one_user(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "a" / "b")
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ConfigError):
        make_private_folder(Path("/proc/version"))


def test_a_named_account_beats_the_environment_which_beats_mp_account(config, setenv) -> None:
    setenv(**ANN, MP_ACCOUNT="cy")
    assert [credentials(name).username for name in ("bob", None)] == ["bob", "ann"]
    setenv(MP_USERNAME="", MP_SECRET="", MP_PROJECT_ID="")
    assert credentials().username == "cy"
    setenv(MP_ACCOUNT="")
    assert credentials().username == "bob"


def test_the_project_alone_follows_the_same_order(config, setenv) -> None:
    def project(account: str | None = None) -> str:
        return find_project(Settings.from_env(), account)

    assert project() == "2"
    setenv(MP_ACCOUNT="cy")
    assert project() == "3"
    setenv(MP_PROJECT_ID="9")
    assert (project(), project("bob")) == ("9", "2")


def test_an_account_of_the_file_has_its_own_region(config, setenv) -> None:
    setenv(MP_REGION="in")
    found = Credentials(username="bob", secret=SecretStr("s-bob"), project_id="2", region="eu")
    assert credentials() == found
    assert credentials("cy").region == "us"


def test_an_account_in_the_environment_has_the_environment_s_region(setenv) -> None:
    setenv(**ANN)
    assert credentials().region == "us"
    setenv(MP_REGION="EU")
    assert credentials().region == "eu"


def test_a_lone_account_needs_no_default(config: Path) -> None:
    config.write_text('[accounts.x]\nusername = "x"\nsecret = "y"\nproject_id = "1"\n')
    assert credentials().username == "x"


def test_an_unknown_account_is_named_with_those_there_are(config: Path) -> None:
    with pytest.raises(AccountNotFoundError) as raised:
        credentials("dan")
    assert raised.value.details == {"account_name": "dan", "available_accounts": ["bob", "cy"]}


@pytest.mark.parametrize("name", ANN)
def test_half_an_account_in_the_environment_is_refused_by_name(name: str, config, setenv) -> None:
    setenv(**{**ANN, name: ""})
    with pytest.raises(ConfigError) as raised:
        credentials()
    assert name in raised.value.message


@pytest.mark.parametrize("field", ["username", "secret", "project_id"])
def test_half_an_account_in_the_file_is_refused_by_name(field: str, config: Path) -> None:
    lines = [line for line in FILE.splitlines() if not line.startswith(field)]
    config.write_text("\n".join(lines))
    with pytest.raises(ConfigError) as raised:
        credentials()
    assert field in raised.value.message


@pytest.mark.parametrize("project", ["abc", "../1", "1/2", "١", "-1"])
def test_a_project_id_is_a_number(project: str, setenv) -> None:
    setenv(**{**ANN, "MP_PROJECT_ID": project})
    with pytest.raises(ConfigError):
        credentials()


def test_spaces_around_a_credential_are_not_part_of_it(setenv) -> None:
    setenv(MP_USERNAME=" ann ", MP_SECRET=" s-ann\n", MP_PROJECT_ID=" 1 ")
    found = credentials()
    assert (found.username, found.secret.get_secret_value(), found.project_id) == (
        "ann",
        "s-ann",
        "1",
    )


def test_a_secret_is_in_no_repr(setenv) -> None:
    setenv(**ANN)
    found = credentials()
    shown = [
        repr(found),
        str(found),
        f"{found!r}",
        found.model_dump_json(),
        str(found.model_dump()),
    ]
    assert [text for text in shown if "s-ann" in text] == []


def test_a_configuration_file_that_can_not_be_read_is_named(config: Path) -> None:
    config.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as raised:
        credentials()
    assert str(config) in raised.value.message
