"""Wherever a landing is ended, Dagster knows exactly the days that are landed."""

import random
import signal
import time
from collections import Counter
from contextlib import chdir
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Tries, shortened
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.landing import LAND, Home, Version, ended, reach

LANDED = "select day::varchar, epoch(loaded_at) from landed where dataset = 'events'"


def record(home: Home) -> dict[str, float]:
    """By day that Dagster knows: when it was last reported."""
    folder = home.path / "dagster"
    key = dg.AssetKey([home.mixpanel.project.project_id, "events"])
    with chdir(folder), dg.DagsterInstance.from_config(str(folder)) as instance:
        found = instance.fetch_materializations(key, limit=10_000, ascending=True).records
        known = instance.get_materialized_partitions(key)
    assert {one.partition_key for one in found} == known
    return {str(one.partition_key): one.timestamp for one in found}


def agree(home: Home) -> None:
    """Each landed day was reported after it landed, and no other was."""
    landed = {str(day): float(at) for day, at in home.asked(LANDED)}
    known = record(home)
    assert known.keys() == landed.keys()
    assert [day for day, at in landed.items() if known[day] < at] == []


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("how", shortened(SIGNALS, signal.SIGINT))
def test_an_ended_landing_is_recorded_as_far_as_it_came(
    how: signal.Signals, tmp_path: Path, mixpanel: Simulator, tries: Tries, figures: Figures
) -> None:
    versions = [Version(0), Version(1)]
    home = Home(tmp_path / "home", mixpanel)
    versions[0].serve(mixpanel)
    began = time.monotonic()
    assert home.run(*LAND).code == 0
    longest = time.monotonic() - began
    chance, seen = random.Random(7), Counter[str]()
    for number in range(tries(1, 20)):
        versions[(number + 1) % 2].serve(mixpanel)
        before = dict(home.asked(LANDED))
        exports, process = home.exports(), home.start(*LAND)
        reach(process, lambda before=exports: home.exports() > before, chance.uniform(0, longest))
        process.send_signal(how)
        seen["early"] += ended(process).code != 0
        if how == signal.SIGKILL:  # it could not report anything
            assert home.run("reconcile").code == 0
        agree(home)
        seen["days"] += len(set(home.asked(LANDED)) - set(before.items()))
        home.let_an_hour_pass()
    figures(
        f"a landing ended by {how.name}", seen["early"], f"{seen['days']} days landed until then"
    )
