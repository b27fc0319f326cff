"""Failed runs are posted to a webhook, and its address is never shown."""

import json
import logging
import runpy
import threading
import traceback
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.dagster import definitions_of, mixpanel_definitions
from mixpanel_assets.defs.alerts import failure_alerts
from mixpanel_assets.defs.instance import make_instance
from mixpanel_assets.defs.jobs import make_jobs
from mixpanel_assets.defs.killed import of_this_process
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "alerts.py"
TOKEN = "T0KENOFTHEWEBHOOK"
EVENTS = dg.AssetKey(["acme", "events"])
ALERTS = failure_alerts(
    "failure_alerts", jobs=[*make_jobs(Project.of(key_prefix="acme"))], assets=[EVENTS]
)
NAME = "failure_alerts"
NOTHING = "Sensor function returned an empty result"  # of a tick without a new failure


class Webhook(ThreadingHTTPServer):
    """A service that takes messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.texts: list[str] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/{TOKEN}"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.texts.append(json.loads(body)["text"])
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A webhook that listens, and that the environment names."""
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("MP_ALERT_WEBHOOK", server.url)
        yield server
        server.shutdown()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the instance."""
    folder = make_instance(tmp_path / "home" / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with files, in which something failed before there were alerts."""
    with dg.DagsterInstance.from_config(str(home)) as made:
        failing().execute_in_process(instance=made, raise_on_error=False)
        yield made


def failing(name: str = "acme_catalog_job", error: Exception | None = None) -> dg.JobDefinition:
    """A job of this name that fails."""

    @dg.op
    def wrong() -> None:
        raise error or ValueError("it went wrong")

    @dg.job(name=name)
    def job() -> None:
        wrong()

    return job


def land(
    instance: dg.DagsterInstance, job: str = "acme_events_job", **options: Any
) -> dg.DagsterRun:
    """A run of our own assets, which fails if Mixpanel does."""
    project = Project.of(key_prefix="acme", start=DAY)
    done = definitions_of(project).resolve_job_def(job)
    result = done.execute_in_process(instance=instance, raise_on_error=False, **options)
    return result.dagster_run


class Sensor:
    """The sensor between its ticks, as the daemon has it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.tick()  # the first one only looks where the log ends

    def tick(self) -> Any:
        context = dg.build_sensor_context(self.instance, self.cursor, sensor_name=NAME)
        done = ALERTS.evaluate_tick(context)
        self.cursor = done.cursor
        return done


@pytest.fixture
def sensor(instance: dg.DagsterInstance, webhook: Webhook) -> Sensor:
    """A sensor that is turned on."""
    return Sensor(instance)


def test_an_alert_has_project_job_days_error_hint_and_link(
    sensor: Sensor, webhook: Webhook, account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_UI_URL", "https://dagster.example.com/")
    monkeypatch.setenv("MP_SECRET", "wrong")
    run = land(sensor.instance, tags=days_in_one_run(DAY, DAY + timedelta(2)))
    done = sensor.tick()
    (text,) = webhook.texts
    what, error, hint, link = text.splitlines()
    assert (
        what
        == f"acme_events_job of project {account.project.project_id} failed, {DAY} to 2024-01-04"
    )
    assert error.startswith("AUTH_FAILED: ")
    assert hint
    assert link == f"https://dagster.example.com/runs/{run.run_id}"
    assert [one.dagster_run.run_id for one in done.dagster_run_reactions] == [run.run_id]
    assert webhook.paths == [f"/services/{TOKEN}"]


def test_each_failure_is_told_once(sensor: Sensor, webhook: Webhook) -> None:
    for _ in range(2):
        failing().execute_in_process(instance=sensor.instance, raise_on_error=False)
    for _ in range(3):
        sensor.tick()
    assert len(webhook.texts) == 2


def test_what_the_ui_or_a_backfill_started_is_told_by_its_assets(
    sensor: Sensor, webhook: Webhook, account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SECRET", "wrong")
    land(sensor.instance, "__ASSET_JOB", asset_selection=[EVENTS], partition_key=str(DAY))
    sensor.tick()
    (text,) = webhook.texts
    assert text.startswith(f"acme/events of project {account.project.project_id} failed, {DAY}\n")


def test_other_jobs_and_other_assets_are_left_to_others(sensor: Sensor, webhook: Webhook) -> None:
    failing("other_job").execute_in_process(instance=sensor.instance, raise_on_error=False)

    @dg.asset
    def other() -> None:
        raise ValueError

    job = dg.Definitions([other]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(
        instance=sensor.instance, raise_on_error=False, asset_selection=[other.key]
    )
    assert "of other assets" in str(sensor.tick().skip_message)
    assert (webhook.texts, sensor.tick().skip_message) == ([], NOTHING)


def test_a_run_of_mp_is_left_to_whoever_sees_its_error(sensor: Sensor, webhook: Webhook) -> None:
    failing().execute_in_process(
        instance=sensor.instance, raise_on_error=False, tags=of_this_process()
    )
    assert "was started by mp" in str(sensor.tick().skip_message)
    assert webhook.texts == []


def test_an_error_that_is_not_ours_is_told_on_one_line_without_mentions_or_secrets(
    sensor: Sensor, webhook: Webhook
) -> None:
    error = ValueError("<!channel>\nsee https://ann:s3cr3t@host/?token=s3cr3t" + "x" * 5000)
    job = failing(error=error)
    run = job.execute_in_process(instance=sensor.instance, raise_on_error=False).run_id
    sensor.tick()
    (text,) = webhook.texts
    what, told, link = text.splitlines()
    assert (what, link) == ("acme_catalog_job failed", f"run {run}")
    assert told.startswith("ValueError: &lt;!channel&gt; see https://***@host/?token=***")
    assert len(told) < 1100


def _silent(sensor: Sensor, monkeypatch: pytest.MonkeyPatch, webhook: Webhook) -> None:
    """The webhook's port is closed."""
    webhook.shutdown()
    webhook.server_close()


def _refusing(status: int) -> Any:
    def refuse(sensor: Sensor, monkeypatch: pytest.MonkeyPatch, webhook: Webhook) -> None:
        webhook.status = status

    return refuse


def _unencrypted(sensor: Sensor, monkeypatch: pytest.MonkeyPatch, webhook: Webhook) -> None:
    """It talks http, and is asked for https."""
    monkeypatch.setenv("MP_ALERT_WEBHOOK", webhook.url.replace("http:", "https:"))


FAILURES = {
    "closed": (_silent, "can't be reached (ConnectionRefusedError)"),
    "500": (_refusing(500), "answered 500"),
    "redirect": (_refusing(302), "answered 302"),
    "not https": (_unencrypted, "can't be reached (SSLError)"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_post_that_fails_fails_one_tick_and_its_address_is_nowhere(
    kind: str,
    sensor: Sensor,
    webhook: Webhook,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    make_fail, why = FAILURES[kind]
    make_fail(sensor, monkeypatch, webhook)
    failing().execute_in_process(instance=sensor.instance, raise_on_error=False)
    done, after = sensor.tick(), sensor.tick()
    (reaction,) = done.dagster_run_reactions or []
    assert f"the alert was not sent: the webhook {why}" in str(reaction.error)
    assert after.skip_message == NOTHING
    assert len(webhook.paths) <= 1
    said = [repr(done), repr(after), caplog.text, *capfd.readouterr()]
    assert "the alert was not sent" in "".join(said)
    assert TOKEN not in "".join([*said, *_kept(home)])


def _kept(home: Path) -> Iterator[str]:
    """What the files of the instance hold."""
    files = [file for file in home.rglob("*") if file.is_file()]
    assert any(file.name == "runs.db" for file in files)
    yield from (file.read_bytes().decode(errors="replace") for file in files)


def test_a_webhook_that_is_sent_to_leaves_no_trace_either(
    sensor: Sensor, webhook: Webhook, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failing().execute_in_process(instance=sensor.instance, raise_on_error=False)
    said = [repr(sensor.tick()), caplog.text, repr(Settings.from_env()), repr(vars(ALERTS))]
    assert len(webhook.texts) == 1
    assert TOKEN not in "".join([*said, *_kept(home)])


def test_without_the_setting_a_failure_says_why_nobody_is_told(
    sensor: Sensor, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MP_ALERT_WEBHOOK")
    failing().execute_in_process(instance=sensor.instance, raise_on_error=False)
    assert str(sensor.tick().skip_message).endswith("but MP_ALERT_WEBHOOK is not set")
    assert webhook.texts == []


def test_the_example_sends_both_when_it_has_both_addresses(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", TOKEN)
    made = runpy.run_path(str(EXAMPLE))["defs"]()
    dg.Definitions.validate_loadable(made)
    names = {sensor.name for sensor in made.sensors}
    assert {"people_alerts", "failure_email"} <= names


def test_it_runs_as_soon_as_it_is_loaded() -> None:
    assert ALERTS.default_status is dg.DefaultSensorStatus.RUNNING


WRONG = [
    f"http://hooks.example.com/{TOKEN}",
    f"http://127.0.0.1.example.com/{TOKEN}",
    f"ftp://127.0.0.1/{TOKEN}",
    f"https://ann:{TOKEN}@hooks.example.com/x",
    f"https://hooks.example.com/{TOKEN} x",
    f"https://hooks.example.com/{TOKEN}é",
    f"https://hooks.example.com:{TOKEN}/",
    f"https://[::1/{TOKEN}",
    TOKEN,
]


@pytest.mark.parametrize("url", WRONG)
def test_a_webhook_that_can_not_be_used_is_refused_without_being_quoted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_ALERT_WEBHOOK", url)
    with pytest.raises(ConfigError) as raised:
        _ = Settings.from_env().alert_webhook
    assert "MP_ALERT_WEBHOOK" in raised.value.message
    assert raised.value.hint
    shown = [*traceback.format_exception(raised.value), json.dumps(raised.value.to_dict())]
    assert TOKEN not in "".join(shown)


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example.com/services/a/b?x=1", "http://127.0.0.1:8123/a", "http://[::1]/"],
)
def test_a_webhook_is_taken_as_it_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_ALERT_WEBHOOK", f" {url}\n")
    assert Settings.from_env().alert_webhook == url


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://dagster.example.com/", "https://dagster.example.com"),
        ("http://10.0.0.5:3000/team/", "http://10.0.0.5:3000/team"),
    ],
)
def test_the_address_of_the_ui_has_no_final_slash(
    url: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_UI_URL", url)
    assert Settings.from_env().ui_url == kept


def test_each_project_has_alerts_where_the_webhook_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def sensors() -> set[str]:
        return {one.name for one in mixpanel_definitions(key_prefix="acme").sensors or ()}

    assert sensors() == {"acme_late_events"}
    monkeypatch.setenv("MP_ALERT_WEBHOOK", "https://hooks.example.com/T/B/x")
    assert sensors() == {"acme_late_events", "acme_failure_alerts"}
