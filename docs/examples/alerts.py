"""A code location that sends a Slack message and an e-mail about each failed run.

The addresses are secrets: they come from the environment, and without them nothing is sent.
"""

import os

import dagster as dg

import mixpanel_assets.definitions as mixpanel
from mixpanel_assets.dagster import WarehouseResource
from mixpanel_assets.defs.alerts import failure_alerts, failure_message

EVENTS = dg.AssetKey(["acme", "events"])  # acme is the name of the account


@dg.asset(deps=[EVENTS], group_name="reports", kinds={"duckdb"})
def people_a_day(warehouse: WarehouseResource) -> None:
    """People with at least one event, by day."""
    with warehouse.get_connection() as connection:
        connection.execute(
            "create or replace table people_a_day as "
            "select event_date, count(distinct distinct_id) as people from events group by all"
        )


people_job = dg.define_asset_job("people_job", [people_a_day])


def slack() -> dg.SensorDefinition:
    """Messages about the job and the asset of this file."""
    return failure_alerts("people_alerts", jobs=[people_job], assets=[people_a_day.key])


def email(password: str) -> dg.SensorDefinition:
    """E-mails about everything in this code location."""
    return dg.make_email_on_run_failure_sensor(
        email_from="dagster@example.com",
        email_password=password,
        email_to=["data@example.com"],
        email_body_fn=lambda context: failure_message(context).replace("\n", "<br>"),
        smtp_host="smtp.example.com",
        name="failure_email",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of mixpanel-assets, an asset, and alerts for those that have an address."""
    sensors = [slack()] if os.environ.get("MP_ALERT_WEBHOOK") else []
    if password := os.environ.get("SMTP_PASSWORD"):
        sensors.append(email(password))
    own = dg.Definitions(assets=[people_a_day], jobs=[people_job], sensors=sensors)
    return dg.Definitions.merge(mixpanel.defs(), own)
