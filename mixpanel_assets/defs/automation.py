"""When assets downstream of landed ones are materialized."""

import dagster as dg


def on_landing() -> dg.AutomationCondition[dg.AssetKey | dg.AssetCheckKey]:
    """Materialize what depends on landed days as soon as they land, however old they are.

    For an asset with daily partitions: exactly the days that landed, also a late one that landed
    again and a partial one that became whole, unlike `AutomationCondition.eager()`, which only
    looks at the newest day. For one without partitions: once whenever any day landed, even if
    other days are missing. Needs `default_automation_condition_sensor` to be on.
    """
    condition = dg.AutomationCondition
    # Plain conditions: only these keep the times that tell whether a day landed before or after
    # the last request, if both are seen in the same tick.
    updated = condition.any_deps_match(condition.newly_updated())
    landed = updated.since(condition.newly_requested()).with_label("landed_since_last_request")
    return landed & ~condition.any_deps_in_progress() & ~condition.in_progress()
