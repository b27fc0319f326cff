"""The verdicts as Markdown, printed or put into a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from mixpanel_assets_tests.judges.comparing import Verdict

HEAD = ("client", "question", "theirs", "ours", "equal")


def written(versions: Mapping[str, str], verdicts: Sequence[Verdict], data: str) -> str:
    """A line on who was asked about what, the table, and what is not equal."""
    clients = ", ".join(f"{name} {found}" for name, found in versions.items())
    equal = sum(verdict.equal for verdict in verdicts)
    first = (
        f"{equal} of {len(verdicts)} answers are equal. Data: {data}."
        f" Clients: {clients}; ours: {version('mixpanel-assets')}."
    )
    rows = [(v.client, v.question, v.theirs, v.ours, _equal(v)) for v in verdicts]
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in (HEAD, ("---",) * len(HEAD), *rows)]
    return "\n".join([first, "", *lines])


def _equal(verdict: Verdict) -> str:
    if verdict.equal:
        return "yes"
    return f"known: {verdict.reason}" if verdict.reason else f"**no**: {verdict.where or 'failed'}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
