"""Results of funnels, live or over landed events. Rates are 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from mixpanel_assets import charts
from mixpanel_assets.charts import Chart
from mixpanel_assets.results.base import Result, Sparse, Table


class FunnelStep(Result):
    """A step of a funnel: how many reached it, as a count and as a share of the previous step."""

    event: str
    count: int
    conversion_rate: float


class FunnelPart(Sparse):
    """The funnel of one date, one segment, or both."""

    steps: list[FunnelStep]
    date: str | None = None
    segment: str | None = None


class FunnelResult(Sparse):
    """A saved funnel over all days, and its parts if dates or segments were requested."""

    funnel_id: int | None
    funnel_name: str  # empty: Mixpanel's answer does not hold it
    from_date: date
    to_date: date
    conversion_rate: float  # of those who entered, how many reached the last step
    steps: list[FunnelStep]
    parts: list[FunnelPart] | None = None

    _step_columns: ClassVar[tuple[str, ...]] = ("event", "count", "conversion_rate")

    def to_rows(self) -> Table:
        parts = self.parts if self.parts is not None else [FunnelPart(self.steps)]
        dated = any(part.date is not None for part in parts)
        segmented = any(part.segment is not None for part in parts)
        names = self._step_columns
        rows = [
            (
                *([p.date] * dated),
                *([p.segment] * segmented),
                n,
                *(getattr(s, name) for name in names),
            )
            for p in parts
            for n, s in enumerate(p.steps, start=1)
        ]
        return [*(["date"] * dated), *(["segment"] * segmented), "step", *names], rows

    def chart(self) -> Chart:
        title = self.funnel_name or f"Funnel {self.funnel_id or ''}".strip()
        share = f"{self.conversion_rate:.1%} reached the last step"
        about = f"{self.from_date} to {self.to_date}: {share}"
        parts = self.parts or []
        if parts and all(part.date is None for part in parts):
            names = [f"{n}. {step.event}" for n, step in enumerate(self.steps, start=1)]
            compared = {part.segment: _of_first_step(part.steps) for part in parts}
            said = f"{about}. Bars: the share of each segment's first step"
            return charts.grouped(title, said, names, compared, whole=1)
        about += "" if self.parts is None else ", dates and segments together"
        texts = [
            f"{s.count:,}" + f" · {s.conversion_rate:.1%} of step {n}" * (n > 0)
            for n, s in enumerate(self.steps)
        ]
        rows = [(s.event, s.count, text) for s, text in zip(self.steps, texts, strict=True)]
        return charts.bars(title, about, rows)


def _of_first_step(steps: Sequence[FunnelStep]) -> list[tuple[float, str]]:
    """Of each step, its share of those who entered, and the same in words."""
    shares = [step.count / steps[0].count if steps[0].count else 0.0 for step in steps]
    return [
        (share, f"{step.count:,}" + f" · {share:.1%}" * (n > 0))
        for n, (share, step) in enumerate(zip(shares, steps, strict=True))
    ]
