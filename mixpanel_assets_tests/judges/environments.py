"""A virtual environment for each client: what they need clashes with what we need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def default_cache() -> Path:
    """Where environments are kept from run to run."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mixpanel-assets" / "judges"


def python_of(package: str, cache: Path, *, fresh: bool = False) -> Path:
    """The interpreter of the client's environment; made, or made anew, from the package index.

    CalledProcessError if it can't be installed.
    """
    folder = cache / f"{package}-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed"
    if fresh or not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, package], check=True, capture_output=True)
        done.touch()
    return python
