"""The definitions that `mp dev` and `dagster dev` load: every account that `mp` knows."""

import dagster as dg

from mixpanel_assets.accounts import list_accounts
from mixpanel_assets.dagster import MixpanelResource, WarehouseResource, definitions_of
from mixpanel_assets.defs.project import Project, identifier
from mixpanel_assets.errors import AccountNotFoundError, MixpanelDataError
from mixpanel_assets.notes import note
from mixpanel_assets.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of each account, and resources of the one that `mp` uses by default."""
    own = dg.Definitions(
        resources={"mixpanel": MixpanelResource(), "warehouse": WarehouseResource()},
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(*map(definitions_of, known_projects()), own)


def known_projects() -> list[Project]:
    """The project that `mp` uses by default, and those of the other accounts."""
    settings = Settings.from_env()
    names = [str(one["name"]) for one in list_accounts(settings)]
    found: list[Project] = []
    try:
        default = Project.of()
        names = [name for name in names if name != default.account]
        if default.account or default.project_id or settings.warehouse or not names:
            found.append(default)
    except AccountNotFoundError as error:  # it was removed after mp dev was started with it
        note(f"{error.message}: it is left out")
    if names and settings.warehouse:
        note(f"MP_WAREHOUSE is the file of one project: {', '.join(names)} left out")
        return found
    taken = {identifier(*project.prefix) for project in found}
    for name in names:
        if identifier(name) in taken:
            note(f"account {name} left out: another one has the same names in Dagster")
            continue
        taken.add(identifier(name))
        try:
            # MP_SAVED_REPORTS and mixpanel.toml are of the default project.
            found.append(Project.of(name, saved_reports=(), marts=False))
        except MixpanelDataError as error:  # the other accounts are still of use
            note(f"account {name} left out: {error.message}")
    return found
