"""`mp query`: questions that Mixpanel answers now, each one request of the hourly budget."""

from __future__ import annotations

import typer

from mixpanel_assets.cli import behavior, counts, saved
from mixpanel_assets.cli.warehouse import sql

query = typer.Typer(
    name="query",
    help="Ask Mixpanel now: one request of 60 an hour each. `mp sql` asks what is landed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@query.callback()
def _query() -> None:
    pass


query.command("segmentation")(counts.segmentation)
query.command("segmentation-numeric")(counts.segmentation_numeric)
query.command("segmentation-sum")(counts.segmentation_sum)
query.command("segmentation-average")(counts.segmentation_average)
query.command("event-counts")(counts.event_counts)
query.command("property-counts")(counts.property_counts)
query.command("funnel")(behavior.funnel)
query.command("retention")(behavior.retention)
query.command("frequency")(behavior.frequency)
query.command("activity-feed")(behavior.activity_feed)
query.command("saved-report")(saved.saved_report)
query.command("flows")(saved.flows)
query.command("jql")(saved.jql)
query.command(
    "sql",
    help='Ask the warehouse with read-only SQL, as mp sql does.\n\nmp query sql "select 1 as one"',
)(sql)
