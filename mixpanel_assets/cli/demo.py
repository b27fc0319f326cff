"""`mp demo`: land and query a simulated project, without any setup."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.dev import ui_command
from mixpanel_assets.cli.options import Invocation
from mixpanel_assets.notes import notes_to
from mixpanel_assets.results import Landing
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    from mixpanel_assets.workspace import Workspace

DEMO_HOME = Path("~/.mp-demo").expanduser()
EVENTS_PER_DAY = 2500
UI_PORT = 3000

QUESTIONS = {
    "What happened, and to how many people?": """
select event_name, count(*) as events, count(distinct distinct_id) as people
from events group by event_name order by events desc limit 5""",
    "What was bought, by plan?": """
select plan, count(*) as purchases, round(sum(amount), 2) as revenue
from by_event."Purchase" group by plan order by revenue desc""",
}
FUNNEL = ("Sign Up", "Page View", "Purchase")
WINDOW = "1d"


def demo(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Days to land.")] = 7,
    ui: Annotated[bool, typer.Option("--ui", help="Then run the Dagster UI.")] = False,
) -> None:
    """Land a week of a simulated project and query it; no account is needed.

    mp demo
    """
    from mixpanel_assets.simulator.server import Simulator
    from mixpanel_assets.simulator.store import Store
    from mixpanel_assets.simulator.world.shop import World

    invocation: Invocation = replace(context.obj, account=None)
    _leave_real_home()
    last = Settings.from_env().today() - timedelta(1)
    first = last - timedelta(days - 1)
    with Simulator(Store(world=World(first_day=first, events_per_day=EVENTS_PER_DAY))) as mixpanel:
        os.environ["MP_BASE_URL"] = mixpanel.url
        os.environ["MP_USERNAME"] = mixpanel.project.username
        os.environ["MP_SECRET"] = mixpanel.project.secret
        os.environ["MP_PROJECT_ID"] = project = mixpanel.project.project_id
        os.environ["MP_START_DATE"] = str(first)
        output.write(f"$ mp materialize events --from {first} --to {last}\n")
        with invocation.working("days") as (workspace, _):
            _show(workspace, workspace.materialize_events(first, last))
            with notes_to(lambda message: output.write(f"mp: note: {message}\n")):
                _ask(workspace, first)
        if ui:
            _run_ui(Settings.from_env(), project)
        else:
            output.write(_what_next(project, first))


def _show(workspace: Workspace, landing: Landing) -> None:
    answer = landing.to_dict()
    requests = "1 request" if answer["requests"] == 1 else f"{answer['requests']} requests"
    output.write(
        f"{answer['rows']:,} events of {answer['days']} days landed in {landing.seconds:.1f} s, "
        f"in {requests}; {answer['duplicates']} duplicates left out\n"
    )
    for question, query in QUESTIONS.items():
        output.write(f"\n{question}\n$ mp sql --format table '{query.strip()}'\n\n")
        rows = workspace.sql_rows(query)
        output.answer_rows(rows.columns, rows.rows, output.Form(output.Format.table))


def _ask(workspace: Workspace, first: date) -> None:
    """A funnel, who comes back, and the page."""
    drawn = output.Form(output.Format.chart)
    steps = " ".join(f'"{step}"' if " " in step else step for step in FUNNEL)
    output.write(
        "\nHow many people who sign up buy within a day?\n"
        f"$ mp ask funnel {steps} --from {first} --window {WINDOW} --format chart\n\n"
    )
    output.answer(workspace.ask.funnel(FUNNEL, from_date=first, window=WINDOW), drawn)
    output.write(
        "\nWho comes back on the days after?\n"
        f'$ mp ask retention --born "Sign Up" --from {first} --count 5 --format chart\n\n'
    )
    came_back = workspace.ask.retention(born="Sign Up", from_date=first, interval_count=5)
    output.answer(came_back, drawn)
    made = workspace.report(DEMO_HOME / "report.html", first, replace=True)
    output.write(f"\nA page with all of it, for a browser: {made.path}\n")


def _run_ui(settings: Settings, project: str) -> None:
    """Run the UI until it is stopped, while the local Mixpanel runs too."""
    from mixpanel_assets.defs.backfill import serving_at

    output.write(f"\nThe Dagster UI: http://127.0.0.1:{UI_PORT} (stop it with Ctrl-C)\n")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # dagster would inherit SIG_IGN, and not stop
    command = ui_command(settings, UI_PORT)
    with serving_at(Path.cwd(), UI_PORT, project):
        ui = subprocess.Popen(command)  # noqa: S603  our own command
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ui.send_signal(signal.SIGINT))
        ui.wait()


def _leave_real_home() -> None:
    """Give this process a separate home, so that the real one is neither read nor written."""
    from mixpanel_assets.defs.instance import make_instance

    for name in [name for name in os.environ if name.startswith("MP_")]:
        del os.environ[name]
    os.environ["MP_HOME"] = str(DEMO_HOME)
    os.environ["DAGSTER_HOME"] = str(make_instance(DEMO_HOME / "dagster"))


def _what_next(project: str, first: date) -> str:
    return f"""
Try next, on the landed data:
  export MP_HOME={quote(str(DEMO_HOME))} MP_PROJECT_ID={project}
  mp status
  mp inspect overview
  mp ask flows "Sign Up" --from {first} --steps 2 --format chart
  mp demo --ui        # the same days in the Dagster UI, at http://127.0.0.1:3000

With a project of your own (a Mixpanel service account):
  unset MP_HOME; export MP_USERNAME=... MP_SECRET=... MP_PROJECT_ID=...
  mp materialize events --from 7d
"""
