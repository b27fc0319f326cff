"""The definitions that `mp dev` and `dagster dev` load: every account that `mp` knows."""

import dagster as dg

from mixpanel_assets.access import look_up
from mixpanel_assets.accounts import list_accounts
from mixpanel_assets.dagster import MixpanelResource, WarehouseResource, definitions_of
from mixpanel_assets.defs.project import Project, identifier
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.notes import note


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
    access = look_up()
    names = [str(one["name"]) for one in list_accounts(access.settings)]
    others = [name for name in names if name != access.name]
    shared = access.settings.warehouse
    found = [Project.of()] if access.project_or_none or shared or not others else []
    if others and shared:
        note(f"MP_WAREHOUSE is the file of one project: {', '.join(others)} left out")
        return found
    taken = {identifier(*project.prefix) for project in found}
    for name in others:
        if identifier(name) in taken:
            note(f"account {name} left out: another one has the same names in Dagster")
            continue
        taken.add(identifier(name))
        try:
            # The ids in MP_SAVED_REPORTS are those of the default project.
            found.append(Project.of(name, saved_reports=()))
        except MixpanelDataError as error:  # the other accounts are still of use
            note(f"account {name} left out: {error.message}")
    return found
