"""Mixpanel's expression language: read here, and turned into SQL by warehouse/ask/filters.py."""

from mixpanel_assets.expressions.parser import parse
from mixpanel_assets.expressions.steps import Step, parse_by, parse_step
from mixpanel_assets.expressions.tree import Expression, quoted

__all__ = ["Expression", "Step", "parse", "parse_by", "parse_step", "quoted"]
