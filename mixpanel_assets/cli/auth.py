"""`mp auth`: the accounts of the configuration file, and a test of their credentials."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import answering, group
from mixpanel_assets.errors import AuthenticationError, ConfigError
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    from mixpanel_assets.accounts import Account

auth = group("auth", "Manage Mixpanel accounts.")

NameArgument = Annotated[str, typer.Argument(help="Name of the account.")]
NameOrNone = Annotated[
    str | None, typer.Argument(help="Name of the account; default: the account in use.")
]


@auth.command("list")
@answering
def list_() -> Any:
    """List the accounts of the configuration file, without their secrets.

    mp auth list
    """
    from mixpanel_assets.accounts import list_accounts

    return list_accounts(Settings.from_env())


@auth.command()
@answering
def add(
    name: NameArgument,
    username: Annotated[
        str | None, typer.Option("--username", "-u", help="User name of the service account.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Project id (a number).")
    ] = None,
    region: Annotated[
        str, typer.Option("--region", "-r", help="Data residency: us, eu or in.")
    ] = "us",
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Time zone of a project older than 2023.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", "-d", help="Make it the default account.")
    ] = False,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the secret from stdin.")
    ] = False,
    project_secret: Annotated[
        bool, typer.Option("--project-secret", help="Use a project secret (until 2027-03-03).")
    ] = False,
) -> Any:
    """Add an account; the secret is read from MP_SECRET, stdin or a prompt.

    mp auth add shop --username shop.ab12cd.mp-service-account --project 12345
    """
    from mixpanel_assets.accounts import add_account, make_credentials

    settings = Settings.from_env()
    who = "" if project_secret else _given(username, "--username", "User name")
    if project_secret and username:
        raise typer.BadParameter("use --project-secret or --username, not both")
    fields = {
        "kind": "project_secret" if project_secret else "service_account",
        "username": who,
        "project_id": _given(project, "--project", "Project id"),
        "secret": _secret(from_stdin=secret_stdin),
        "region": region,
    }
    credentials = make_credentials(fields, "the new account")
    is_default = add_account(settings, name, credentials, timezone=timezone, default=default)
    if credentials.warning:
        output.note(credentials.warning)
    return {"added": name, "is_default": is_default}


@auth.command()
@answering
def remove(
    name: NameArgument,
    force: Annotated[bool, typer.Option("--force", help="Skip the confirmation.")] = False,
) -> Any:
    """Remove an account; its landed data stays.

    mp auth remove shop --force
    """
    from mixpanel_assets.accounts import remove_account

    if not force:
        if not sys.stdin.isatty():
            raise typer.BadParameter("stdin is not a terminal: confirm with --force")
        if output.ask(f"Remove the account {name}? [y/N] ").lower() not in ("y", "yes"):
            raise typer.Abort
    return {"removed": name, "default": remove_account(Settings.from_env(), name)}


@auth.command()
@answering
def switch(name: NameArgument) -> Any:
    """Set the default account.

    mp auth switch shop
    """
    from mixpanel_assets.accounts import switch_account

    switch_account(Settings.from_env(), name)
    return {"default": name}


@auth.command()
@answering
def show(context: typer.Context, name: NameOrNone = None) -> Any:
    """Show the account in use and its source, or a named account; never its secret.

    mp auth show
    """
    account = _account(context, name)
    if account.credentials.warning:
        output.note(account.credentials.warning)
    return account.to_dict()


@auth.command("test")
@answering
def prove(context: typer.Context, name: NameOrNone = None) -> Any:
    """Test the account's credentials; uses one of the hour's 60 exports.

    mp auth test
    """
    from mixpanel_assets.mixpanel.probe import ask_for_access

    account = _account(context, name)
    try:
        ask_for_access(Settings.from_env(), account, output.note)
    except AuthenticationError as error:
        if account.name:
            error.hint = f"see its user name, project and region: mp auth show {account.name}"
        raise
    shown = account.to_dict()
    same = {name: shown[name] for name in ("kind", "project_id", "region", "source")}
    return {"account": account.name, "ok": True, **same}


def _account(context: typer.Context, name: str | None) -> Account:
    from mixpanel_assets.accounts import find_account

    return find_account(Settings.from_env(), context.obj.account if name is None else name)


def _given(given: str | None, option: str, prompt: str) -> str:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{option} is missing")
    return output.ask(f"{prompt}: ")


def _secret(*, from_stdin: bool) -> str:
    if from_stdin:
        try:
            return sys.stdin.read()
        except UnicodeDecodeError:
            raise ConfigError("the secret on stdin is not UTF-8", hint="enter it again") from None
    if secret := os.environ.get("MP_SECRET"):
        return secret
    if not sys.stdin.isatty():
        raise typer.BadParameter("the secret is missing: set MP_SECRET, or use --secret-stdin")
    return output.ask("Secret: ", hidden=True)
