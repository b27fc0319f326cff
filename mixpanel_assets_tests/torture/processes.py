"""What the processes of a tree hold: memory and open files, by /proc."""

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Held:
    """What one process holds."""

    name: str  # its command
    mb: float  # resident
    files: int  # open handles
    threads: int


def tree(root: int) -> dict[int, Held]:
    """The process and all below it; those that end meanwhile are left out."""
    parents = {int(p.name): _parent(p) for p in PROC.iterdir() if p.name.isdigit()}
    found, fresh = {root}, {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    held = {pid: _held(PROC / str(pid)) for pid in sorted(found)}
    return {pid: one for pid, one in held.items() if one}


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _held(process: Path) -> Held | None:
    try:
        lines = (process / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        command = (process / "cmdline").read_bytes().decode().replace("\0", " ").strip()
        files = len(list((process / "fd").iterdir()))
    except OSError:
        return None
    rss = int(status.get("VmRSS", "0 kB").split()[0]) / 1024
    return Held(command or status["State"].strip(), rss, files, int(status["Threads"]))
