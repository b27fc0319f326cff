"""Alerts: a message to a webhook, such as Slack's, about each failed run."""

import json
from collections.abc import Collection, Sequence
from html import escape
from http.client import HTTPException
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from mixpanel_assets.defs.backfill import find_ui
from mixpanel_assets.defs.failures import ERROR, first_cause
from mixpanel_assets.defs.instance import find_dagster_home
from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.defs.runs import PROJECT, is_of_mp
from mixpanel_assets.errors import UnavailableError, without_secrets
from mixpanel_assets.settings import Settings
from mixpanel_assets.shown import one_line

Job = dg.JobDefinition | UnresolvedAssetJobDefinition
SECONDS_TO_ANSWER = 10  # a tick may send five messages, and has 60 s
LONGEST_PART = 1000  # characters
UI_JOB = "__ASSET_JOB"  # Dagster's name for what "Materialize" and backfills run


def failure_alerts(
    name: str, *, jobs: Sequence[Job], assets: Collection[dg.AssetKey]
) -> dg.SensorDefinition:
    """A sensor that posts to MP_ALERT_WEBHOOK when a run of the jobs or assets fails.

    `assets` are for runs of the UI and of backfills, which have no job of their own. The sensor
    runs as soon as it is loaded: setting the variable turns it on. Runs of `mp` are left out,
    because they show their errors where they were started.
    """

    @dg.run_failure_sensor(
        name=name,
        monitored_jobs=[*jobs, dg.define_asset_job(UI_JOB)],  # compared by their names
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Posts each failed run to the webhook in MP_ALERT_WEBHOOK.",
    )
    def alert(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if run.job_name == UI_JOB and not _concerns(run, assets):
            return dg.SkipReason(f"run {run.run_id} is of other assets")
        if is_of_mp(run.tags):
            return dg.SkipReason(f"run {run.run_id} was started by mp, which showed the error")
        if not (webhook := Settings.from_env().alert_webhook):
            return dg.SkipReason(f"run {run.run_id} failed, but MP_ALERT_WEBHOOK is not set")
        if refused := _post(webhook, failure_message(context)):
            raise UnavailableError(  # Dagster does not evaluate the run again
                f"run {run.run_id} failed, but the alert was not sent: {refused}"
            )
        return None

    return alert


def failure_message(context: dg.RunFailureSensorContext) -> str:
    """The run, its days, its error and where to see it; a line each, with `&`, `<`, `>` escaped.

    Slack asks for that, since the name of an event could be a mention, and so does HTML.
    """
    run = context.dagster_run
    what = run.job_name
    if what == UI_JOB and run.asset_selection:
        what = ", ".join(sorted(key.to_user_string() for key in run.asset_selection))
    day = run.tags.get("dagster/partition")
    start, end = run.tags.get(RANGE_START, day), run.tags.get(RANGE_END, day)
    of = f" of project {run.tags[PROJECT]}" if PROJECT in run.tags else ""
    days = "" if not start else f", {start}" if start == end else f", {start} to {end}"
    lines = [f"{what}{of} failed{days}", *_error(context), _link(run.run_id)]
    return "\n".join(escape(one_line(line), quote=False) for line in lines if line)


def _concerns(run: dg.DagsterRun, assets: Collection[dg.AssetKey]) -> bool:
    """Whether the run is of one of the assets or its checks; without a selection it is of all."""
    keys = set(run.asset_selection or ())
    keys |= {check.asset_key for check in run.asset_check_selection or ()}
    return not keys or not keys.isdisjoint(assets)


def _error(context: dg.RunFailureSensorContext) -> list[str]:
    """The error that failed the run: ours with its code and hint, another as Python words it."""
    for event in context.get_step_failure_events():
        failure = event.step_failure_data
        if failure.user_failure_data and ERROR in failure.user_failure_data.metadata:
            ours = cast(dict[str, Any], failure.user_failure_data.metadata[ERROR].value)
            return [_short(f"{ours['code']}: {ours['message']}"), _short(ours["hint"] or "")]
        if error := first_cause(failure.error):
            return [_short(error.message.strip())]
    return [_short(context.failure_event.message or "")]


def _short(text: str) -> str:
    shown = without_secrets(text)
    return shown if len(shown) <= LONGEST_PART else f"{shown[:LONGEST_PART]}..."


def _link(run_id: str) -> str:
    """The address of the run; its id if the UI's is not known."""
    settings = Settings.from_env()
    url, ui = settings.ui_url, find_ui(find_dagster_home(settings))
    url = url or (ui.url if ui else None)
    return f"{url}/runs/{run_id}" if url else f"run {run_id}"


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Follow none: the answer is then an error."""


def _post(webhook: str, text: str) -> str | None:
    """Why the message could not be posted, without the URL; None if it was.

    Not by httpx, whose log has the URL of every request.
    """
    direct = [ProxyHandler({})] if urlsplit(webhook).scheme == "http" else []  # on this machine
    request = Request(  # noqa: S310  settings allow https, or http on this machine
        webhook, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}
    )
    try:
        build_opener(_NoRedirects, *direct).open(request, timeout=SECONDS_TO_ANSWER).close()
    except HTTPError as error:
        return f"the webhook answered {error.code}"
    except (OSError, HTTPException, ValueError) as error:  # their texts may quote the URL
        reason = getattr(error, "reason", error)
        cause = reason if isinstance(reason, Exception) else error
        return f"the webhook can't be reached ({type(cause).__name__})"
    return None
