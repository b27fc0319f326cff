"""What was measured or tried goes into the documents, with the machine it ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

BEGIN, END = "<!-- {}:begin -->", "<!-- {}:end -->"


def machine_facts() -> str:
    """One paragraph on what it ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = [
        f"{os.cpu_count()} cores",
        f"{memory:.0f} GiB of memory",
        _cpu_model(),
        f"Python {platform.python_version()}",
        f"DuckDB {version('duckdb')}",
        f"mixpanel-assets {version('mixpanel-assets')}",
    ]
    return f"Machine: {', '.join(facts)}."


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "an unnamed CPU"


def put_into(document: Path, text: str, section: str) -> None:
    """The section between the document's two markers of that name is this text."""
    begins, ends = BEGIN.format(section), END.format(section)
    before, begin, rest = document.read_text("utf-8").partition(begins)
    _, end, after = rest.partition(ends)
    if not (begin and end):
        raise SystemExit(f"{document} has no {begins} with an {ends} after it")
    document.write_text(f"{before}{begins}\n\n{text}\n\n{ends}{after}", "utf-8")
