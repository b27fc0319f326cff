"""The methods of questions, derived from the questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from mixpanel_assets.errors import DatabaseNotFoundError
from mixpanel_assets.questions import analytics, discovery, live, local
from mixpanel_assets.questions.base import Question, R, fields_of
from mixpanel_assets.questions.counterparts import counterpart
from mixpanel_assets.workspace.opening import Opening

if TYPE_CHECKING:
    from mixpanel_assets.results import Comparison, Overview

P = ParamSpec("P")


def asks(kind: Callable[P, Question[R]]) -> Callable[Concatenate[Any, P], R]:
    """The method that asks this question, with the question's parameters and docstring."""
    question: Any = kind

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        answer: R = self.ask(kind(*args, **kwargs))
        return answer

    order = {field.name: (n, field.annotation) for n, field in enumerate(fields_of(question))}
    named = sorted(
        signature(question).parameters.values(), key=lambda p: (p.kind, order[p.name][0])
    )
    plain = [one.replace(annotation=order[one.name][1]) for one in named]
    itself = Parameter("self", Parameter.POSITIONAL_ONLY)
    shown = Signature([itself, *plain], return_annotation=question.answer_type())
    method.__signature__ = shown  # type: ignore[attr-defined]
    method.__name__, method.__doc__ = question.method_name(), question.__doc__
    owner = "Workspace.ask" if issubclass(question, analytics.Analysis) else "Workspace"
    method.__qualname__ = f"{owner}.{method.__name__}"
    return method


class Ask:
    """Ask a question, or by its name one about landed events: `ws.ask.funnel([...])`."""

    def __init__(self, workspace: Asking) -> None:
        self._workspace = workspace

    def __call__(self, question: Question[R], *, refresh: bool = False) -> R:
        """Ask a question; `refresh` ignores a cached answer about the project.

        Raises UsageError and DateRangeError before any request, and the errors listed in
        `questions.live`, `questions.local` and `questions.analytics`.
        """
        return self._workspace._answer(question, refresh=refresh)

    ask = __call__  # as `asks` calls it

    def compare(self, question: analytics.Analysis[Any], saved: int | None = None) -> Comparison:
        """Ask Mixpanel, too, and tell which numbers differ and what is known to cause it.

        `saved` is the id of the saved funnel that a funnel is compared with. One request. Raises
        UsageError if Mixpanel's API has no such question, and the errors of `questions.live`.
        """
        return self._workspace._compare(question, saved)

    funnel = asks(analytics.Funnel)
    retention = asks(analytics.Retention)
    segmentation = asks(analytics.Segmentation)
    frequency = asks(analytics.Frequency)
    sessions = asks(analytics.Sessions)
    flows = asks(analytics.Flows)
    active_users = asks(analytics.ActiveUsers)
    lifecycle = asks(analytics.Lifecycle)
    attribution = asks(analytics.Attribution)


class Asking(Opening):
    """Questions to Mixpanel, about the project, and about landed data.

    A day is a date, ISO text, or today, yesterday or 7d (days ago); ranges are inclusive.
    """

    @property
    def ask(self) -> Ask:
        """Ask a question, or one about landed events by its name.

        `ws.ask(question)` takes an instance of any class of `mixpanel_assets.questions`, most of
        which also have a method here. `ws.ask.funnel(...)`, `ws.ask.retention(...)` and so on are
        answered from landed events, `ws.funnel(...)` by Mixpanel.
        """
        return Ask(self)

    def _answer(self, question: Question[R], *, refresh: bool = False) -> R:
        asked = question.dated(self.settings.today())
        if isinstance(asked, analytics.Analysis):
            of_events: R = self._analyze(asked)
            return of_events
        if isinstance(asked, local.Overview):
            of_all: Any = self._overview(asked)
            return cast(R, of_all)
        if isinstance(asked, local.Local):
            from mixpanel_assets.warehouse.ask import answer

            with self._reading() as warehouse:
                of_warehouse: R = answer(warehouse, asked)
                return of_warehouse
        if isinstance(asked, discovery.Discovery):
            of_project: R = self._discover(asked, refresh=refresh)
            return of_project
        assert isinstance(asked, live.Live)
        from mixpanel_assets.mixpanel.live import answer as ask_mixpanel

        of_mixpanel: R = ask_mixpanel(self.api, asked)
        return of_mixpanel

    def _overview(self, asked: local.Overview) -> Overview:
        from mixpanel_assets.warehouse.ask.overview import nothing_landed, overview

        try:
            with self._reading() as warehouse:
                found = overview(warehouse, asked)
        except DatabaseNotFoundError:
            found = nothing_landed()
        return replace(found, project_id=self.project_id, timezone=str(self.settings.zone))

    def _analyze(self, asked: analytics.Analysis[R]) -> R:
        from mixpanel_assets.warehouse.analytics import SPINE_WAIT, analyze

        writing = None if self._read_only else partial(self._writing, SPINE_WAIT)
        return analyze(asked, self.settings.zone, reading=self._reading, writing=writing)

    def _compare(self, question: analytics.Analysis[Any], saved: int | None) -> Comparison:
        from mixpanel_assets.results import Comparison
        from mixpanel_assets.warehouse.analytics.causes import causes, difference

        today = self.settings.today()
        asked: Any = question.dated(today)
        counterpart(asked, saved)  # before anything is asked
        local = self._analyze(asked)
        asked = replace(asked, to_date=local.to_date)
        live = self._answer(counterpart(asked, saved))
        differing = difference(local, live)
        why: list[str] = []
        if differing:
            with self._reading() as warehouse:
                why = causes(warehouse, asked, live, str(self.settings.zone), today)
        return Comparison(local, live, differing, why)

    def _discover(self, asked: discovery.Discovery[R], *, refresh: bool) -> R:
        from mixpanel_assets.mixpanel.cache import CachedAnswers
        from mixpanel_assets.mixpanel.catalog import answer

        kept = CachedAnswers(self.api, self.settings, refresh=refresh)
        found = answer(kept, asked)
        if kept.age is not None:
            minutes = round(kept.age / 60)
            ago = {0: "less than a minute", 1: "a minute"}.get(minutes, f"{minutes} minutes")
            self._note(f"from {ago} ago; --refresh asks Mixpanel again")
        return found

    def clear_discovery_cache(self) -> None:
        """Delete the cached answers about the project, so that the next one comes from Mixpanel."""
        from mixpanel_assets.mixpanel.cache import CachedAnswers

        CachedAnswers(self.api, self.settings).clear()

    segmentation = asks(live.Segmentation)
    segmentation_numeric = asks(live.SegmentationNumeric)
    segmentation_sum = asks(live.SegmentationSum)
    segmentation_average = asks(live.SegmentationAverage)
    event_counts = asks(live.EventCounts)
    property_counts = asks(live.PropertyCounts)
    funnel = asks(live.Funnel)
    retention = asks(live.Retention)
    frequency = asks(live.Frequency)
    activity_feed = asks(live.ActivityFeed)
    query_saved_report = asks(live.SavedReport)
    query_flows = asks(live.Flows)
    jql = asks(live.Jql)

    events = asks(discovery.Events)
    properties = asks(discovery.Properties)
    property_values = asks(discovery.PropertyValues)
    subproperties = asks(discovery.Subproperties)
    profile_properties = asks(discovery.ProfileProperties)
    top_events = asks(discovery.TopEvents)
    funnels = asks(discovery.Funnels)
    cohorts = asks(discovery.Cohorts)
    list_bookmarks = asks(discovery.ListBookmarks)
    annotations = asks(discovery.Annotations)
    lexicon_schemas = asks(discovery.LexiconSchemas)
    lexicon_schema = asks(discovery.LexiconSchema)

    overview = asks(local.Overview)
    find = asks(local.Find)
    quality = asks(local.Quality)
    anomalies = asks(local.Anomalies)
    tables = asks(local.Tables)
    table_schema = asks(local.TableSchema)
    sample = asks(local.Sample)
    summarize = asks(local.Summarize)
    property_keys = asks(local.PropertyKeys)
    column_stats = asks(local.ColumnStats)
    event_breakdown = asks(local.EventBreakdown)
    property_distribution = asks(local.PropertyDistribution)
    numeric_summary = asks(local.NumericSummary)
    daily_counts = asks(local.DailyCounts)
    engagement_distribution = asks(local.EngagementDistribution)
    property_coverage = asks(local.PropertyCoverage)
