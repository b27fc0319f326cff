"""Several projects in one Dagster instance, which does not keep their days apart."""

import dagster as dg

from mixpanel_assets.defs.listener import listener
from mixpanel_assets.defs.runs import PROJECT, shared_with
from mixpanel_assets.notes import note


def tell_projects_apart(context: dg.InitResourceContext, project: str) -> None:
    """Tag the run with its project; warn if the instance has runs of others."""
    if not (context.run and context.instance):
        return
    context.instance.add_run_tags(context.run.run_id, {PROJECT: project})
    known = {value for _, values in context.instance.get_run_tags([PROJECT]) for value in values}
    if not (message := shared_with(known, project)):
        return
    if context.log:
        context.log.warning(message)
    if listener.get():
        note(message)
