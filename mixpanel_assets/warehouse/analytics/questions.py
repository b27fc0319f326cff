"""The function that answers each question, by the question's name."""

from mixpanel_assets.warehouse.analytics.attribution import attribution
from mixpanel_assets.warehouse.analytics.counts import (
    active_users,
    frequency,
    lifecycle,
    segmentation,
)
from mixpanel_assets.warehouse.analytics.flows import flows
from mixpanel_assets.warehouse.analytics.funnels import funnel
from mixpanel_assets.warehouse.analytics.retention import retention
from mixpanel_assets.warehouse.analytics.sessions import sessions

__all__ = [
    "active_users",
    "attribution",
    "flows",
    "frequency",
    "funnel",
    "lifecycle",
    "retention",
    "segmentation",
    "sessions",
]
