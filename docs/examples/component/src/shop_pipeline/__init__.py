"""A Dagster project with the assets of a Mixpanel project."""
