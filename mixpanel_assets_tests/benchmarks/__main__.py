"""Everything side by side in one run: `python -m mixpanel_assets_tests.benchmarks`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mixpanel_assets_tests.benchmarks import report
from mixpanel_assets_tests.benchmarks.dataset import Dataset, folder_of_days, generated_days
from mixpanel_assets_tests.benchmarks.goals import goals, scaling_goal, sparse_goals
from mixpanel_assets_tests.benchmarks.measure import Measurement
from mixpanel_assets_tests.benchmarks.suite import KEYS, OURS, Suite, say, scaling, sparse, suite

LARGEST = 5  # times the month


def main(arguments: Sequence[str] | None = None) -> int:
    """Tables are printed, and put into a document if one is named; 1 if a case of ours failed."""
    given = _parser().parse_args(arguments)
    if given.write and not given.write.exists():
        raise SystemExit(f"{given.write} is not there")
    pythons = (sys.executable, *given.tools_python)
    sections, failed = [report.machine_facts()], False
    for dataset in _datasets(given):
        with suite(dataset, pythons) as running:
            running.run(set(given.only))
            sections += _sections(running)
            failed |= any(running.results[n].took.problem for n in OURS & running.results.keys())
    if given.scaling:
        grown, broken = _growth(given, pythons)
        sections += grown
        failed |= broken
    text = "\n\n".join(sections)
    if given.write:
        report.put_into(given.write, text)
    sys.stdout.write(f"{text}\n")
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mixpanel_assets_tests.benchmarks", description=__doc__
    )
    add = parser.add_argument
    add("--events", type=int, default=1_000_000, help="events to generate; 0: none")
    add("--days", type=int, default=30, help="days to generate")
    add("--data", type=Path, help="a folder of YYYY-MM-DD.jsonl.gz files, measured as well")
    add("--scaling", action="store_true", help="also more events, and more properties")
    add("--only", type=_keys, default=KEYS, help=f"some of {','.join(KEYS)}, or `none`")
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
    if unknown := set(keys) - set(KEYS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return keys


def _datasets(given: argparse.Namespace) -> list[Dataset]:
    if not given.only:
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
