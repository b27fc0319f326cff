"""Which runs are taken for those of a killed process."""

import os
import subprocess
import sys

import dagster as dg
import pytest

from mixpanel_assets.defs.killed import fail_killed_runs, of_this_process
from mixpanel_assets.defs.runs import EXECUTED_AGAIN, HOST, PID
from mixpanel_assets_tests.dagsters import name

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
BEGINNINGS = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, STARTED]


@pytest.fixture(scope="module")
def gone() -> str:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return str(process.pid)


def _after(tags: dict[str, str], status: dg.DagsterRunStatus = STARTED) -> dg.DagsterRunStatus:
    """The status of a run that had another, once killed ones have failed."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun(job_name=name("events_job"), status=status, tags=tags)
        instance.add_run(run)
        fail_killed_runs(instance)
        found = instance.get_run_by_id(run.run_id)
        assert found
        return found.status


@pytest.mark.parametrize("status", BEGINNINGS)
def test_a_run_whose_process_is_gone_has_failed(gone: str, status: dg.DagsterRunStatus) -> None:
    assert _after({**of_this_process(), PID: gone}, status) == FAILURE


def test_a_run_of_a_process_that_lives_is_left_alone() -> None:
    assert _after(of_this_process()) == STARTED
    assert _after({**of_this_process(), PID: str(os.getppid())}) == STARTED


def test_a_run_of_another_machine_is_left_alone(gone: str) -> None:
    assert _after({PID: gone, HOST: "elsewhere"}) == STARTED


def test_a_run_that_the_ui_has_started_again_is_left_alone(gone: str) -> None:
    again = {**of_this_process(), PID: gone, EXECUTED_AGAIN: "the first run"}
    assert _after(again) == STARTED


def test_a_run_that_says_no_process_is_left_alone() -> None:
    assert _after({}) == STARTED
    assert _after({**of_this_process(), PID: "one"}) == STARTED
