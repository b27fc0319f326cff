"""`mp mcp` and `mp skill`: what coding agents use."""

from __future__ import annotations

import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from mixpanel_assets import outfiles
from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import answering
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import make_private_folder

INSTALL = "pip install 'mixpanel-assets[mcp]'"
TOKEN = "MP_MCP_TOKEN"  # noqa: S105  the name of a variable


def mcp(
    context: typer.Context,
    allow_land: Annotated[
        bool, typer.Option("--allow-land", help="Offer a tool that lands days of events.")
    ] = False,
    http: Annotated[
        int | None,
        typer.Option(
            "--http", min=0, max=65535, metavar="PORT", help="Serve on loopback; default: stdio."
        ),
    ] = None,
) -> None:
    """Serve the data to agents by the Model Context Protocol.

    mp mcp --allow-land
    """
    if find_spec("mcp") is None:
        raise ConfigError("the MCP server needs another package", hint=INSTALL)
    from mixpanel_assets.mcp import server
    from mixpanel_assets.mcp.tools import Service

    service = Service(context.obj.account, folder=_folder(context))
    if http is None:
        server.serve(service, allow_land=allow_land)
        return
    token = os.environ.get(TOKEN) or _token(context)
    output.note(f"serving on http://127.0.0.1:{http}/mcp")
    server.serve_http(service, http, token, allow_land=allow_land)


def _token(context: typer.Context) -> str:
    """The bearer token of the home, made on first use."""
    with context.obj.workspace() as workspace:
        file = Path(workspace.settings.home) / "mcp-token"
    make_private_folder(file.parent)
    if not file.exists():
        with outfiles.placed(file) as part:
            part.chmod(0o600)
            part.write_text(secrets.token_urlsafe(32), "utf-8")
    output.note(f"the bearer token is in {file}")
    return file.read_text("utf-8").strip()


def _folder(context: typer.Context) -> Path:
    """Where files may be saved: the working folder, or the home's if that is all of a machine."""
    here = Path.cwd()
    if here not in (Path(here.anchor), Path.home()):
        return here
    with context.obj.workspace() as workspace:
        folder = Path(workspace.settings.home) / "saved"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@answering
def skill(
    folder: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Write it into this folder."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the skill if it is there.")
    ] = False,
) -> Any:
    """Print a skill for coding agents, or write its files.

    mp skill -o .claude/skills
    """
    from mixpanel_assets import skill as of_package

    if folder is None:
        output.write(of_package.text_of("SKILL.md"))
        return None
    return [{"path": str(file)} for file in of_package.write(folder, replace=replace)]
