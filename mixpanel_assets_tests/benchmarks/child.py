"""The process of one case: `python -m mixpanel_assets_tests.benchmarks.child TASK.json`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from mixpanel_assets_tests.benchmarks.task import Outcome, Task

# Imported by name: the process of one tool need not have the libraries of the others.
ROOMS = {
    "download": "bare",
    "gunzip_zlib": "bare",
    "gunzip_isal": "bare",
    "read_json": "bare",
    "read_json_by_file": "bare",
    "read_json_uncompressed": "bare",
    "ingest": "ours",
    "materialize": "ours",
    "rebuild": "ours",
    "snapshot": "profiles",
    "executemany": "usual",
    "pandas_batches": "usual",
    "arrow_batches": "usual",
    "dlt_tables": "tools",
    "dlt_parquet": "tools",
    "dlt_json": "tools",
    "mixpanel_utils": "tools",
    "mixpanel_utils_raw": "tools",
    "queries": "queries",
    "ours": "asked",
    "ours_without": "asked",
    "scan": "asked",
    "sql": "asked",
    "chdb": "asked",
    "polars": "asked",
}


def main() -> None:
    """The case has run, and its outcome is beside its task."""
    path = Path(sys.argv[1])
    task = Task.read(path)
    room = import_module(f"mixpanel_assets_tests.benchmarks.{ROOMS[task.case]}")
    outcome: Outcome = getattr(room, task.case)(task)
    text = json.dumps(asdict(outcome), default=str)
    path.with_name("outcome.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
