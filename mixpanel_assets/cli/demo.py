"""`mp demo`: the main job on a simulated project, with nothing to set up."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.invocation import Invocation
from mixpanel_assets.cli.materialize import land_events
from mixpanel_assets.cli.servers import start_ui
from mixpanel_assets.settings import Settings

DEMO_HOME = Path("~/.mp-demo").expanduser()
EVENTS_PER_DAY = 2500

QUESTIONS = {
    "What happened, and to how many people?": """
select event_name, count(*) as events, count(distinct distinct_id) as people
from events group by event_name order by events desc limit 5""",
    "What was bought, by plan?": """
select plan, count(*) as purchases, round(sum(amount), 2) as revenue
from by_event."Purchase" group by plan order by revenue desc""",
    "How does each day compare?": """
select event_date, count(*) as events, count(distinct distinct_id) as people
from events group by event_date order by event_date""",
}


def demo(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Days to land.")] = 7,
    ui: Annotated[bool, typer.Option("--ui", help="Then open the Dagster UI on it.")] = False,
) -> None:
    """Land a week of a simulated project and ask it; no account is needed.

    mp demo
    """
    from mixpanel_assets.simulator.server import Simulator
    from mixpanel_assets.simulator.store import Store
    from mixpanel_assets.simulator.world import World
    from mixpanel_assets.warehouse.read import ask

    invocation: Invocation = context.obj
    settings = _demo_settings()
    last = settings.today() - timedelta(1)
    first = last - timedelta(days - 1)
    world = World(first_day=first, events_per_day=EVENTS_PER_DAY)
    with Simulator(Store(world=world)) as mixpanel:
        os.environ["MP_BASE_URL"] = mixpanel.url
        os.environ["MP_USERNAME"] = mixpanel.project.username
        os.environ["MP_SECRET"] = mixpanel.project.secret
        os.environ["MP_PROJECT_ID"] = project = mixpanel.project.project_id
        output.write(f"$ mp materialize events --from {first} --to {last}\n")
        landing = land_events(Settings.from_env(), invocation, first, last)
    rows = sum(day.rows for day in landing.days)
    duplicates = sum(day.duplicates for day in landing.days)
    output.write(
        f"{rows:,} events of {len(landing.days)} days landed in {landing.seconds:.1f} s, "
        f"in {landing.requests} request{'s' * (landing.requests != 1)}; "
        f"{duplicates} duplicates left out\n"
    )
    path = settings.warehouse_path(project)
    for question, query in QUESTIONS.items():
        output.write(f"\n{question}\n$ mp sql --format table '{query.strip()}'\n\n")
        answer = ask(path, query, settings, limit=20)
        output.answer_rows(answer.columns, answer.rows, output.Format.table)
    output.write(_what_next(project))
    if ui:
        start_ui(settings, 3000)


def _demo_settings() -> Settings:
    """A home of its own: nothing of the real one is read or written."""
    from mixpanel_assets.defs.instance import make_instance

    for name in [name for name in os.environ if name.startswith("MP_")]:
        del os.environ[name]
    os.environ["MP_HOME"] = str(DEMO_HOME)
    os.environ["DAGSTER_HOME"] = str(make_instance(DEMO_HOME / "dagster"))
    return Settings.from_env()


def _what_next(project: str) -> str:
    return f"""
Try next, on what is landed:
  export MP_HOME={DEMO_HOME} MP_PROJECT_ID={project}
  mp status
  mp sql --format table "select * from event_properties where event_name = 'Purchase'"
  mp sql --format table 'select * from by_event."Search" limit 5'
  mp demo --ui        # the same days in the Dagster UI, at http://127.0.0.1:3000

With a project of your own (a Mixpanel service account):
  unset MP_HOME; export MP_USERNAME=... MP_SECRET=... MP_PROJECT_ID=...
  mp materialize events --from 7d
"""
