"""Questions that Mixpanel answers now. Each is one request of the hourly query budget."""

from mixpanel_assets.mixpanel.behavior import activity_feed, frequency, funnel, retention
from mixpanel_assets.mixpanel.counts import (
    event_counts,
    property_counts,
    segmentation,
    segmentation_average,
    segmentation_numeric,
    segmentation_sum,
)
from mixpanel_assets.mixpanel.saved import flows, jql, saved_report

__all__ = [
    "activity_feed",
    "event_counts",
    "flows",
    "frequency",
    "funnel",
    "jql",
    "property_counts",
    "retention",
    "saved_report",
    "segmentation",
    "segmentation_average",
    "segmentation_numeric",
    "segmentation_sum",
]
