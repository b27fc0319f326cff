"""Charts as SVG images: plain data in, a `Chart` out, and files of it."""

from mixpanel_assets.charts.columns import days, shares, stacked
from mixpanel_assets.charts.drawing import Chart
from mixpanel_assets.charts.files import write
from mixpanel_assets.charts.flows import flows
from mixpanel_assets.charts.lines import lines
from mixpanel_assets.charts.rows import bars, grouped, heat
from mixpanel_assets.charts.scale import number
from mixpanel_assets.charts.small import small_days, small_hours

__all__ = [
    "Chart",
    "bars",
    "days",
    "flows",
    "grouped",
    "heat",
    "lines",
    "number",
    "shares",
    "small_days",
    "small_hours",
    "stacked",
    "write",
]
