"""The Dagster instance, the same for `mp`, `mp dev` and `dagster dev`."""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

from mixpanel_assets.settings import Settings, local_path, make_private_folder, replace_file

INSTANCE_FILE = "dagster.yaml"
TEMPLATE = Path(__file__).with_name(INSTANCE_FILE)
WORKSPACE = Path(__file__).with_name("workspace.yaml")
RELATIVE = re.compile(r"(base_dir: )(\.dagster/\w+)")
# An upgrade of mixpanel-assets replaces the file while the text below this line has this digest.
MARK = "# written by mixpanel-assets, renewed by it until you change anything:"
UNMARKED = ("43d6129d03b0b1d3", "3e348f9cb062a5b5")  # digests of files written without a mark


def find_dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, else the current checkout, else a folder of the home; it may not exist."""
    if named := os.environ.get("DAGSTER_HOME"):
        return local_path(named, "DAGSTER_HOME")
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / INSTANCE_FILE).is_file():
            return folder
    return settings.home / "dagster"


def dagster_home(settings: Settings) -> Path:
    """The same folder, created if missing; one below the home gets a dagster.yaml."""
    home = find_dagster_home(settings)
    return make_instance(home) if home == settings.home / "dagster" else make_private_folder(home)


def make_instance(home: Path) -> Path:
    """Create the folder and its dagster.yaml, from the template of this version.

    An existing file is kept, unless an older version wrote it and it is unchanged.
    """
    make_private_folder(home)
    file, wanted = home / INSTANCE_FILE, _written(home)
    if not file.exists() or (_is_unchanged(found := file.read_text("utf-8")) and found != wanted):
        replace_file(file, wanted)
    return home


def _written(home: Path) -> str:
    """The template with paths in that folder, after a line with its digest."""
    text = RELATIVE.sub(
        lambda found: found[1] + json.dumps(str(home / found[2]), ensure_ascii=False),
        TEMPLATE.read_text("utf-8"),
    )
    return f"{MARK} {_digest(text)}\n{text}"


def _is_unchanged(text: str) -> bool:
    """Whether a version of this project wrote exactly this file."""
    first, _, rest = text.partition("\n")
    if first.startswith(MARK):
        return first == f"{MARK} {_digest(rest)}"
    return _digest(text) in UNMARKED


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def enter_instance(settings: Settings) -> Path:
    """Change to the instance's folder, from which Dagster resolves relative paths.

    Only a user's own dagster.yaml has any. Paths in settings are made absolute first, for this
    process and its children.
    """
    home = dagster_home(settings)
    for name in ("MP_HOME", "MP_WAREHOUSE", "MP_CONFIG_PATH"):
        if os.environ.get(name):
            os.environ[name] = str(local_path(os.environ[name], name))
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS", "900")  # exports may be slow
    os.chdir(home)
    return home


def is_running(pid: int) -> bool:
    """Whether this machine has a process with this pid."""
    if sys.platform == "win32":  # where os.kill would end it
        import psutil

        return psutil.pid_exists(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (ProcessLookupError, OverflowError):
        return False
    return True
