"""Our errors as Dagster shows them."""

import dagster as dg
import duckdb
import pytest

from mixpanel_assets import errors
from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.materialize import failure_of
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.dagsters import execute


@pytest.mark.parametrize(
    "kind", [errors.RateLimitError, errors.ServerError, errors.AuthenticationError, errors.SQLError]
)
def test_only_what_may_pass_later_may_be_tried_again(
    kind: type[errors.MixpanelDataError],
) -> None:
    with pytest.raises(dg.Failure) as raised, as_dagster_failures():
        raise kind("it went wrong", hint="do this", status=1)
    assert raised.value.allow_retries is kind.may_pass_later
    assert raised.value.description == f"{kind.code}: it went wrong (do this)"
    assert raised.value.metadata["error"].value == raised.value.__cause__.to_dict()


def test_what_is_not_ours_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), as_dagster_failures():
        raise ZeroDivisionError


@pytest.mark.parametrize("asset", ["events", "profiles"])
def test_a_run_of_a_daily_asset_that_has_no_day_says_so(
    asset: str, account: Simulator, instance: dg.DagsterInstance
) -> None:
    error = failure_of(execute(f"{asset}_job", instance))
    assert error.message == "this run has no partition"
    assert error.hint == f"launch it for a day or a range of days of 12345/{asset}"
    assert account.requests == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("it broke\n"), "ValueError: it broke"),
        (duckdb.IOException("it broke"), "_duckdb.IOException: it broke"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
@pytest.mark.parametrize("chained", [False, True])
def test_the_error_of_a_failed_run_is_the_first_cause_and_names_its_class_once(
    error: Exception, told: str, chained: bool
) -> None:
    @dg.op
    def fails() -> None:
        if chained:
            raise RuntimeError("it could not be done") from error
        raise error

    @dg.job
    def job() -> None:
        fails()

    assert failure_of(job.execute_in_process(raise_on_error=False)).message == told
