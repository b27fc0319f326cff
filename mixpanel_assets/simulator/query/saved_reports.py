"""Answers of saved reports: `/insights`, `/arb_funnels` and, with a bookmark, `/retention`.

https://developer.mixpanel.com/reference/insights-query
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.app.bookmarks import (
    Bookmarks,
    Flows,
    FunnelReport,
    Insights,
    Report,
    RetentionReport,
)
from mixpanel_assets.simulator.query.flows import flows
from mixpanel_assets.simulator.query.funnels import Entry, Funnel, Paths, by_bucket, progress
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import OVERALL, Tally, segment_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Reader
from mixpanel_assets.simulator.query.retention import RetentionApi, answer, cohorts_of
from mixpanel_assets.simulator.query.segmentation import computed_at
from mixpanel_assets.simulator.spans import Buckets, Span

R = TypeVar("R", bound=Report)
_FLOWS = ("flows", "flows_sankey")
_FUNNEL_NUMBERS = ("count", "avg_time", "avg_time_from_start", "step_conv_ratio")
_OF_FUNNELS = (*_FUNNEL_NUMBERS, "overall_conv_ratio")


@dataclass(frozen=True)
class SavedReportsApi:
    """The endpoints over one project's events and bookmarks."""

    reader: Reader
    bookmarks: Bookmarks

    def insights(self, given: Parameters) -> Compute:
        """`/insights`: a saved report over its saved days.

        Bookmarks of funnels and retention are answered in the same form, flows are not.
        """
        report = self._report(given, Insights, FunnelReport, RetentionReport)
        span = self.reader.within_history(report.span(self.reader.today()))

        def compute() -> Any:
            if isinstance(report, FunnelReport):
                headers, series = ["$funnel"], self._funnel_series(report, span)
            elif isinstance(report, RetentionReport):
                headers, series = ["$retention", "segment"], self._retention_series(report)
            else:
                assert isinstance(report, Insights)
                headers = ["$event", report.by] if report.by else ["$event"]
                series = self._event_series(report, span)
            return {
                "computed_at": computed_at(self.reader),
                "date_range": self._date_range(span),
                "headers": headers,
                "series": series,
            }

        return compute

    def arb_funnels(self, given: Parameters) -> Compute:
        """`/arb_funnels`: a saved funnel by day or, with a `query_type`, saved flows."""
        if given.text("query_type") is None:
            return self._native_funnel(self._report(given, FunnelReport))
        given.choice("query_type", _FLOWS)
        report = self._report(given, Flows)
        assert isinstance(report, Flows)
        span = self.reader.within_history(report.span(self.reader.today()))
        return lambda: {**flows(self.reader, report, span), "computed_at": computed_at(self.reader)}

    def retention(self, given: Parameters) -> Compute:
        """`/retention`: with a `bookmark_id`, missing parameters are as saved."""
        if given.text("bookmark_id"):
            report = self._report(given, RetentionReport)
            assert isinstance(report, RetentionReport)
            given = Parameters({**_parameters_of(report, self.reader.today()), **given.given})
        return RetentionApi(self.reader).retention(given)

    def _report(self, given: Parameters, *kinds: type[Report]) -> Report:
        given.needed("bookmark_id")
        bookmark = self.bookmarks.get(given.whole("bookmark_id") or 0, "bookmark_id")
        if not isinstance(bookmark.report, kinds):
            raise BadRequestError(f"bookmark {bookmark.id} is of type {bookmark.type}")
        return bookmark.report

    def _event_series(self, report: Insights, span: Span) -> dict[str, Any]:
        buckets = Buckets(span, report.unit)
        where = self.reader.expression(report.where, "where")
        tallies = {name: (Tally(report.math), Tally(report.math)) for name in report.events}
        for one in self.reader.events(span, report.events, where):
            overall, split = tallies[one.name]
            label = "all" if report.chart == "bar" else buckets.label(one.day, one.at)
            overall.add(OVERALL, label, one.who)
            if report.by:
                split.add(segment_of(one.properties.get(report.by)), label, one.who)
        labels = ["all"] if report.chart == "bar" else buckets.labels()
        found: dict[str, Any] = {}
        for name, (overall, split) in tallies.items():
            whole = self._dated(labels, overall.series().get(OVERALL, {}))
            segments = {s: self._dated(labels, dates) for s, dates in split.series().items()}
            found[name] = {OVERALL: whole, **segments} if report.by else whole
        return found

    def _funnel_series(self, report: FunnelReport, span: Span) -> dict[str, Any]:
        funnel = _funnel(report)
        steps = progress(funnel, self._entries(funnel, span))["steps"]
        names = [f"{n}. {step['event']}" for n, step in enumerate(steps, start=1)]
        return {
            number: {name: {"all": step[number]} for name, step in zip(names, steps, strict=True)}
            for number in _OF_FUNNELS
        }

    def _retention_series(self, report: RetentionReport) -> dict[str, Any]:
        asked = Parameters(_parameters_of(report, self.reader.today()))
        question = RetentionApi(self.reader).question(asked)
        found = answer(question, cohorts_of(self.reader, question))
        by_date = {
            self._moment(label): {
                segment: _with_rates(cohort)
                for segment, cohort in (one if report.by else {OVERALL: one}).items()
            }
            for label, one in found.items()
        }
        return {f"{report.born_event} and then {report.event or 'Any event'}": by_date}

    def _native_funnel(self, report: Report) -> Compute:
        assert isinstance(report, FunnelReport)
        funnel, span = _funnel(report), report.span(self.reader.today())
        buckets = Buckets(self.reader.within_history(span))

        def compute() -> Any:
            found = by_bucket(buckets, self._entries(funnel, span))
            return {
                "computed_at": computed_at(self.reader),
                "data": {label: progress(funnel, those) for label, those in found.items()},
                "meta": {"dates": [*found]},
                "min_sampling_factor": 1.0,
            }

        return compute

    def _entries(self, funnel: Funnel, span: Span) -> list[Entry]:
        return Paths(self.reader, funnel, span, funnel.length_ms).entries()

    def _dated(self, labels: Iterable[str], numbers: dict[str, float]) -> dict[str, float]:
        return {self._moment(label): numbers.get(label, 0) for label in labels}

    def _moment(self, label: str) -> str:
        """The bucket's beginning with the offset of the project's zone."""
        if label == "all":
            return label
        return datetime.fromisoformat(label).replace(tzinfo=self._zone()).isoformat()

    def _date_range(self, span: Span) -> dict[str, str]:
        last = datetime.combine(span.end, time(23, 59, 59, 999_000), self._zone())
        return {
            "from_date": self._moment(str(span.start)),
            "to_date": last.isoformat(timespec="microseconds"),
        }

    def _zone(self) -> Any:
        zone = self.reader.project.timezone
        return ZoneInfo(zone) if zone else UTC


def _funnel(report: FunnelReport) -> Funnel:
    return Funnel(0, "", report.steps, report.length, report.length_unit)


def _parameters_of(report: RetentionReport, today: date) -> dict[str, Any]:
    """The report as the parameters of `/retention`."""
    span = report.span(today)
    return {
        "from_date": str(span.start),
        "to_date": str(span.end),
        "born_event": report.born_event,
        "event": report.event,
        "unit": report.unit,
        "interval_count": str(report.interval_count),
        "on": None if report.by is None else f"properties[{_quoted(report.by)}]",
    }


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _with_rates(cohort: dict[str, Any]) -> dict[str, Any]:
    size = cohort["first"]
    return {**cohort, "rates": [n / size if size else 0 for n in cohort["counts"]]}
