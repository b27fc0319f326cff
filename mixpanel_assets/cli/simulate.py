"""`mp simulate`: a local Mixpanel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import answering
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    from mixpanel_assets.simulator.world.shop import World


@answering
def simulate(
    context: typer.Context,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0: a free port.")
    ] = 8123,
    data: Annotated[
        Path | None, typer.Option("--data", help="Serve this folder of YYYY-MM-DD.jsonl.gz files.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, help="Days to generate, up to today.")] = 30,
    events_per_day: Annotated[
        int, typer.Option("--events-per-day", min=1, help="Approximate events per day.")
    ] = 2500,
    events: Annotated[
        int | None,
        typer.Option("--events", min=1, help="Names of events, by Zipf's law, instead of a shop."),
    ] = None,
    properties: Annotated[
        int | None,
        typer.Option("--properties", min=1, help="Names of properties; with --events."),
    ] = None,
    profiles: Annotated[
        int | None,
        typer.Option("--profiles", min=0, help="Profiles to generate; default: one per person."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the generated data.")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="KIND@N: how the N-th export fails; or @N-M, @*."),
    ] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="Answer 429 beyond 60 exports an hour or 3 a second.")
    ] = False,
    retry_after: Annotated[
        int, typer.Option("--retry-after", min=0, help="Retry-After of a 429 fault, in seconds.")
    ] = 3,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", help="Simulate a project older than 2023, in this zone."),
    ] = None,
    *,
    form: output.Form,
) -> None:
    """Run a local Mixpanel until stopped, and print its address and credentials.

    mp simulate --days 30
    """
    from mixpanel_assets.simulator.project import Project
    from mixpanel_assets.simulator.server import Simulator
    from mixpanel_assets.simulator.store import Store

    if data is not None and not data.is_dir():
        raise ConfigError(f"{data} is not a folder", hint="--data takes a folder of day files")
    if data is not None and (events or properties):
        raise ConfigError("--events and --properties are of generated data, --data is not")
    settings = Settings.from_env()
    try:
        zone = timezone or settings.project_timezone
        today = replace(settings, project_timezone=zone).today()
        project = Project(timezone=timezone)
        world = _world(seed, today - timedelta(days - 1), events_per_day, events, properties)
        store = Store(folder=data) if data is not None else Store(world=world)
        simulator = Simulator(
            store,
            project=project,
            faults=fault or (),
            limits=limits,
            port=port,
            retry_after=retry_after,
        )
        if profiles is not None:
            simulator.profiles.fill(profiles)
    except (ValueError, KeyError) as error:
        raise ConfigError(str(error), hint="see: mp simulate --help") from error
    try:
        with simulator:
            access = {
                "MP_BASE_URL": simulator.url,
                "MP_USERNAME": project.username,
                "MP_SECRET": project.secret,
                "MP_PROJECT_ID": project.project_id,
            }
            output.answer({**access, "token": project.token}, form)
            if not context.obj.quiet:
                output.note("export " + " ".join(f"{name}={access[name]}" for name in access))
                output.note("a local Mixpanel; stop it with Ctrl-C")
            simulator.serve()
    except OSError as error:
        raise ConfigError(
            f"port {port} can't be used: {error.strerror}", hint="choose another with --port"
        ) from error


def _world(seed: int, first: date, size: int, events: int | None, properties: int | None) -> World:
    """A shop, or a project with so many names of events and properties."""
    from mixpanel_assets.simulator.world.shop import World
    from mixpanel_assets.simulator.world.sprawl import Sprawl

    if events is None and properties is None:
        return World(seed, first, size)
    given = {"events": events, "properties": properties}
    named = {name: count for name, count in given.items() if count is not None}
    return Sprawl(seed, first, size, **named)
