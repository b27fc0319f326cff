"""Clients that we did not write, as judges: `python -m mixpanel_assets_tests.judges`.

Each client is installed into an environment of its own, asks a local Mixpanel what it can ask, and
its answers are compared with those of our Workspace and our tables. The reasons for the differences
that are known are in `docs/how-it-works/judges.md`; with any other the exit code is 1. The first
run needs the package index; `--fresh` takes the newest clients again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mixpanel_assets_tests.documents import put_into
from mixpanel_assets_tests.judges import report
from mixpanel_assets_tests.judges.environments import default_cache, python_of
from mixpanel_assets_tests.judges.lineup import LINEUP, sit
from mixpanel_assets_tests.judges.stage import empty_stage, world_stage


def main(arguments: Sequence[str] | None = None) -> int:
    """The verdicts are printed, and put into a document if one is named; 1 if any surprises."""
    given = _parser().parse_args(arguments)
    chosen = [judge for judge in LINEUP if judge.package in given.only]
    pythons = {
        judge.package: python_of(judge.package, given.cache, fresh=given.fresh) for judge in chosen
    }
    versions, verdicts = {}, []
    with tempfile.TemporaryDirectory(prefix="judges-") as folder:
        for empty in (False, True):
            sitting = [judge for judge in chosen if judge.empty == empty]
            scratch = Path(folder)
            stages = (
                empty_stage(scratch) if empty else world_stage(scratch, given.days, given.events)
            )
            if not sitting:
                continue
            with stages as stage:
                for judge in sitting:
                    versions[judge.package], found = sit(judge, stage, pythons[judge.package])
                    verdicts += found
    text = report.written(versions, verdicts, f"{given.days} days x {given.events:,} events")
    if given.write:
        put_into(given.write, text, "judges")
    sys.stdout.write(f"{text}\n")
    return int(any(verdict.surprising for verdict in verdicts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mixpanel_assets_tests.judges", description=__doc__
    )
    packages = [judge.package for judge in LINEUP]
    add = parser.add_argument
    add("--only", nargs="+", choices=packages, default=packages, help="some of the clients")
    add("--days", type=int, default=14, help="days up to now")
    add("--events", type=int, default=1000, help="events a day, about")
    add("--cache", type=Path, default=default_cache(), help="where environments are kept")
    add("--fresh", action="store_true", help="install the clients again")
    add("--write", type=Path, help="a document with markers for the section to replace")
    return parser


if __name__ == "__main__":
    sys.exit(main())
