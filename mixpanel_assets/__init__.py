"""Mixpanel's data as daily Dagster assets in one DuckDB file."""
