"""Everything side by side in one run: `python -m mixpanel_assets_tests.benchmarks`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mixpanel_assets_tests.benchmarks import profiles, report
from mixpanel_assets_tests.benchmarks.dataset import Dataset, folder_of_days, generated_days
from mixpanel_assets_tests.benchmarks.goals import goals, scaling_goal, sparse_goals
from mixpanel_assets_tests.benchmarks.measure import Measurement
from mixpanel_assets_tests.benchmarks.suite import KEYS, OURS, Suite, say, scaling, sparse, suite
from mixpanel_assets_tests.documents import machine_facts, put_into

LARGEST = 5  # times the month
PROFILES = "profiles"


def main(arguments: Sequence[str] | None = None) -> int:
    """Tables are printed, and put into a document if one is named; 1 if a case of ours failed."""
    given = _parser().parse_args(arguments)
    if given.write and not given.write.exists():
        raise SystemExit(f"{given.write} is not there")
    failed = False
    if set(given.only) - {PROFILES} or given.scaling:
        failed |= _events(given)
    if PROFILES in given.only:
        failed |= _profiles(given)
    return int(failed)


def _events(given: argparse.Namespace) -> bool:
    pythons = (sys.executable, *given.tools_python)
    sections, failed = [machine_facts()], False
    for dataset in _datasets(given):
        with suite(dataset, pythons) as running:
            running.run(set(given.only))
            sections += _sections(running)
            failed |= any(running.results[n].took.problem for n in OURS & running.results.keys())
    if given.scaling:
        grown, broken = _growth(given, pythons)
        sections += grown
        failed |= broken
    _tell(given, sections, "benchmarks")
    return failed


def _profiles(given: argparse.Namespace) -> bool:
    two = profiles.history(given.profiles, 2)
    many = profiles.history(max(1, given.profiles // 10), profiles.SNAPSHOTS)
    sections = [
        machine_facts(),
        report.snapshots_table(two),
        report.goals_table(profiles.profile_goals(two)),
        report.history_table(many),
    ]
    _tell(given, sections, PROFILES)
    return bool(two.problem or many.problem)


def _tell(given: argparse.Namespace, sections: Sequence[str], name: str) -> None:
    text = "\n\n".join(sections)
    if given.write:
        put_into(given.write, text, name)
    sys.stdout.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mixpanel_assets_tests.benchmarks", description=__doc__
    )
    add = parser.add_argument
    add("--events", type=int, default=1_000_000, help="events to generate; 0: none")
    add("--days", type=int, default=30, help="days to generate")
    add("--data", type=Path, help="a folder of YYYY-MM-DD.jsonl.gz files, measured as well")
    add("--scaling", action="store_true", help="also more events, and more properties")
    add("--profiles", type=int, default=1_000_000, help="profiles to take snapshots of")
    keys = (*KEYS, PROFILES)
    add("--only", type=_keys, default=keys, help=f"some of {','.join(keys)}, or `none`")
    add("--write", type=Path, help="a document with markers for the section to replace")
    add(
        "--tools-python",
        action="append",
        default=[],
        help="an interpreter that has pyarrow, dlt or mixpanel-utils; may be repeated",
    )
    return parser


def _keys(text: str) -> list[str]:
    keys = [] if text == "none" else text.split(",")
    if unknown := set(keys) - {*KEYS, PROFILES}:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return keys


def _datasets(given: argparse.Namespace) -> list[Dataset]:
    if not set(given.only) - {PROFILES}:
        return []
    found = []
    if given.events:
        say(f"generating {given.events:,} events")
        found.append(generated_days(round(given.events / given.days), given.days))
    if given.data:
        found.append(folder_of_days(given.data))
    return found


def _sections(running: Suite) -> list[str]:
    results = running.results
    files = running.dataset.files
    sections = [f"### {running.dataset.title}: {len(files)} days", report.cases_table(results)]
    if "read_json_uncompressed" in results:
        sections.append(report.size_table(results, sum(path.stat().st_size for path in files)))
    if "queries" in results:
        sections.append(report.queries_table(results))
    if found := goals(results):
        sections.append(report.goals_table(found))
    return sections


def _growth(given: argparse.Namespace, pythons: tuple[str, ...]) -> tuple[list[str], bool]:
    say("generating events for --scaling")
    per_day = round((given.events or 1_000_000) / given.days)
    larger = scaling(generated_days(per_day, given.days * LARGEST), pythons)
    wider = sparse(pythons)
    sections = [
        "### More events, and more properties",
        report.landings_table("generated days", larger),
        report.landings_table("properties", wider),
        report.goals_table([*scaling_goal(larger), *sparse_goals(wider)]),
    ]
    return sections, _any_problem([*larger, *wider])


def _any_problem(rows: Sequence[tuple[str, Measurement]]) -> bool:
    return any(took.problem for _, took in rows)


if __name__ == "__main__":
    sys.exit(main())
