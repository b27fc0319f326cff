"""Questions that Mixpanel answers now: each takes one of the hour's 60 queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mixpanel_assets.workspace.opening import Opening

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.saved import ReportType
    from mixpanel_assets.mixpanel.wording import Counting, Day
    from mixpanel_assets.results import (
        ActivityFeedResult,
        EventCountsResult,
        FlowsResult,
        FrequencyResult,
        FunnelResult,
        JQLResult,
        NumericAverageResult,
        NumericBucketResult,
        NumericSumResult,
        PropertyCountsResult,
        RetentionResult,
        SavedReportResult,
        SegmentationResult,
    )


class Live(Opening):
    """Live questions. Days are dates, ISO text, or 7d and the like; both ends are included.

    All raise UsageError before anything is asked, QueryError, AuthenticationError,
    PlanRequiredError, RateLimitError, BudgetExhaustedError, ServerError and UnavailableError.
    """

    def segmentation(
        self,
        event: str,
        *,
        from_date: Day,
        to_date: Day,
        on: str | None = None,
        unit: str = "day",
        where: str | None = None,
        type: Counting = "general",  # noqa: A002  Mixpanel's own word
        interval: int | None = None,
        limit: int | None = None,
        workspace_id: int | None = None,
    ) -> SegmentationResult:
        """An event over time, by the values of `on`: those with most, 60 unless `limit` says more.

        `interval`, in days, is instead of `unit`, for people and averages only.
        https://developer.mixpanel.com/reference/segmentation-query
        """
        from mixpanel_assets.mixpanel.live import segmentation

        return segmentation(
            self.api,
            event,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            on=on,
            unit=unit,
            where=where,
            type=type,
            interval=interval,
            limit=limit,
            workspace_id=workspace_id,
        )

    def segmentation_numeric(
        self,
        event: str,
        *,
        from_date: Day,
        to_date: Day,
        on: str,
        unit: str = "day",
        where: str | None = None,
        type: Counting = "general",  # noqa: A002  Mixpanel's own word
        workspace_id: int | None = None,
    ) -> NumericBucketResult:
        """An event over time, by ranges of a number that Mixpanel chooses.

        https://developer.mixpanel.com/reference/segmentation-numeric-query
        """
        from mixpanel_assets.mixpanel.live import segmentation_numeric

        return segmentation_numeric(
            self.api,
            event,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            on=on,
            unit=unit,
            where=where,
            type=type,
            workspace_id=workspace_id,
        )

    def segmentation_sum(
        self,
        event: str,
        *,
        from_date: Day,
        to_date: Day,
        on: str,
        unit: str = "day",
        where: str | None = None,
        workspace_id: int | None = None,
    ) -> NumericSumResult:
        """The sum of a number over an event's occurrences; what is no number counts as 0.

        https://developer.mixpanel.com/reference/segmentation-sum-query
        """
        from mixpanel_assets.mixpanel.live import segmentation_sum

        return segmentation_sum(
            self.api,
            event,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            on=on,
            unit=unit,
            where=where,
            workspace_id=workspace_id,
        )

    def segmentation_average(
        self,
        event: str,
        *,
        from_date: Day,
        to_date: Day,
        on: str,
        unit: str = "day",
        where: str | None = None,
        workspace_id: int | None = None,
    ) -> NumericAverageResult:
        """The mean of a number over an event's occurrences; what is no number counts as 0.

        https://developer.mixpanel.com/reference/segmentation-query-average
        """
        from mixpanel_assets.mixpanel.live import segmentation_average

        return segmentation_average(
            self.api,
            event,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            on=on,
            unit=unit,
            where=where,
            workspace_id=workspace_id,
        )

    def event_counts(
        self,
        events: Sequence[str],
        *,
        from_date: Day | None = None,
        to_date: Day | None = None,
        type: Counting = "general",  # noqa: A002  Mixpanel's own word
        unit: str = "day",
        interval: int | None = None,
        workspace_id: int | None = None,
    ) -> EventCountsResult:
        """Several events over time: between two days, or in the last `interval` units up to now.

        https://developer.mixpanel.com/reference/list-recent-events
        """
        from mixpanel_assets.mixpanel.live import event_counts

        return event_counts(
            self.api,
            events,
            from_date=self._day_or_none(from_date),
            to_date=self._day_or_none(to_date),
            type=type,
            unit=unit,
            interval=interval,
            workspace_id=workspace_id,
        )

    def property_counts(
        self,
        event: str,
        property_name: str,
        *,
        from_date: Day | None = None,
        to_date: Day | None = None,
        type: Counting = "general",  # noqa: A002  Mixpanel's own word
        unit: str = "day",
        values: Sequence[str] | None = None,
        limit: int | None = None,
        interval: int | None = None,
        workspace_id: int | None = None,
    ) -> PropertyCountsResult:
        """The values of a property over time, 255 unless `limit` says else, or these `values`.

        https://developer.mixpanel.com/reference/query-event-properties
        """
        from mixpanel_assets.mixpanel.live import property_counts

        return property_counts(
            self.api,
            event,
            property_name,
            from_date=self._day_or_none(from_date),
            to_date=self._day_or_none(to_date),
            type=type,
            unit=unit,
            values=values,
            limit=limit,
            interval=interval,
            workspace_id=workspace_id,
        )

    def funnel(
        self,
        funnel_id: int,
        *,
        from_date: Day,
        to_date: Day,
        unit: str | None = None,
        on: str | None = None,
        where: str | None = None,
        length: int | None = None,
        length_unit: str | None = None,
        interval: int | None = None,
        limit: int | None = None,
        workspace_id: int | None = None,
    ) -> FunnelResult:
        """A saved funnel: how many reached each step, all in all.

        With `unit`, or `interval` in days, also by when they entered; with `on` by its values, 255
        unless `limit` says else. `length` and `length_unit` are how long people have, 90 days at
        most, as saved unless given. Recent days change until that has passed.
        https://developer.mixpanel.com/reference/funnels-query
        """
        from mixpanel_assets.mixpanel.live import funnel

        return funnel(
            self.api,
            funnel_id,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            unit=unit,
            on=on,
            where=where,
            length=length,
            length_unit=length_unit,
            interval=interval,
            limit=limit,
            workspace_id=workspace_id,
        )

    def retention(
        self,
        *,
        born_event: str | None = None,
        return_event: str | None = None,
        from_date: Day,
        to_date: Day,
        born_where: str | None = None,
        return_where: str | None = None,
        interval: int = 1,
        interval_count: int = 10,
        unit: str = "day",
        retention_type: Literal["birth", "compounded"] = "birth",
        unbounded_retention: bool = False,
        on: str | None = None,
        limit: int | None = None,
        workspace_id: int | None = None,
    ) -> RetentionResult:
        """Who came back after `born_event`, by when they first did it.

        Coming back is `return_event`, or any event; `on` is of that. There are `interval_count`
        intervals after the 0th, of one `unit` or of `interval` days. `compounded` needs no
        `born_event`: whoever did `return_event` begins anew in every interval.
        https://developer.mixpanel.com/reference/retention-query
        """
        from mixpanel_assets.mixpanel.live import retention

        return retention(
            self.api,
            born_event=born_event,
            return_event=return_event,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            born_where=born_where,
            return_where=return_where,
            interval=interval,
            interval_count=interval_count,
            unit=unit,
            retention_type=retention_type,
            unbounded_retention=unbounded_retention,
            on=on,
            limit=limit,
            workspace_id=workspace_id,
        )

    def frequency(
        self,
        *,
        from_date: Day,
        to_date: Day,
        unit: str = "day",
        addiction_unit: str = "hour",
        event: str | None = None,
        where: str | None = None,
        on: str | None = None,
        limit: int | None = None,
        workspace_id: int | None = None,
    ) -> FrequencyResult:
        """How many people did an event, or any, in at least 1, 2, 3 ... hours or days of each unit.

        https://developer.mixpanel.com/reference/retention-frequency-query
        """
        from mixpanel_assets.mixpanel.live import frequency

        return frequency(
            self.api,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            unit=unit,
            addiction_unit=addiction_unit,
            event=event,
            where=where,
            on=on,
            limit=limit,
            workspace_id=workspace_id,
        )

    def activity_feed(
        self,
        distinct_ids: Sequence[str],
        *,
        from_date: Day,
        to_date: Day,
        limit: int | None = None,
        workspace_id: int | None = None,
    ) -> ActivityFeedResult:
        """What these people did; of it the newest `limit` events: Mixpanel sends all there are.

        https://developer.mixpanel.com/reference/activity-stream-query
        """
        from mixpanel_assets.mixpanel.live import activity_feed

        return activity_feed(
            self.api,
            distinct_ids,
            from_date=self._day(from_date),
            to_date=self._day(to_date),
            limit=limit,
            workspace_id=workspace_id,
        )

    def query_saved_report(
        self,
        bookmark_id: int,
        *,
        bookmark_type: ReportType = "insights",
        from_date: Day | None = None,
        to_date: Day | None = None,
        workspace_id: int | None = None,
    ) -> SavedReportResult:
        """A saved report over the days it was saved with.

        Saved insights, funnels and retention need no `bookmark_type`. Other days can be given for
        retention alone: then its series is as `/retention` answers.
        https://developer.mixpanel.com/reference/insights-query
        """
        from mixpanel_assets.mixpanel.live import saved_report

        return saved_report(
            self.api,
            bookmark_id,
            bookmark_type=bookmark_type,
            from_date=self._day_or_none(from_date),
            to_date=self._day_or_none(to_date),
            workspace_id=workspace_id,
        )

    def query_flows(
        self,
        bookmark_id: int,
        *,
        workspace_id: int | None = None,
    ) -> FlowsResult:
        """A saved report of what people do next. Mixpanel does not document this answer."""
        from mixpanel_assets.mixpanel.live import flows

        return flows(self.api, bookmark_id, workspace_id=workspace_id)

    def jql(
        self,
        script: str,
        params: Mapping[str, Any] | None = None,
        *,
        workspace_id: int | None = None,
    ) -> JQLResult:
        """What the script returns, `params` being its global of that name.

        QueryError has error_type, error_message and script in its details if the script fails.
        https://developer.mixpanel.com/reference/query-jql
        """
        from mixpanel_assets.mixpanel.live import jql

        return jql(self.api, script, params, workspace_id=workspace_id)
