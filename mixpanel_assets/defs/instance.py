"""Where the Dagster instance lives: `mp`, `mp dev` and `dagster dev` agree on it."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from mixpanel_assets.settings import Settings, make_private_folder

INSTANCE_FILE = "dagster.yaml"
TEMPLATE = Path(__file__).with_name(INSTANCE_FILE)
WORKSPACE = Path(__file__).with_name("workspace.yaml")


def dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, else the checkout one is in, else a folder of the home, made if need be."""
    if named := os.environ.get("DAGSTER_HOME"):
        return make_private_folder(Path(named).expanduser().absolute())
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / INSTANCE_FILE).is_file():
            return folder
    return make_instance(settings.home / "dagster")


def make_instance(home: Path) -> Path:
    """The folder has a dagster.yaml: its own, or else the one of this project."""
    make_private_folder(home)
    with suppress(FileExistsError), (home / INSTANCE_FILE).open("x", encoding="utf-8") as file:
        file.write(TEMPLATE.read_text("utf-8"))
    return home


def enter_instance(settings: Settings) -> Path:
    """This process stands in the instance's folder, since its paths are relative to that.

    Settings that name a path are made absolute first, for this process and those it starts.
    """
    home = dagster_home(settings)
    for name in ("MP_HOME", "MP_WAREHOUSE", "MP_CONFIG_PATH"):
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).expanduser().absolute())
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS", "900")  # one export may take long
    os.chdir(home)
    return home


def is_running(pid: int) -> bool:
    """Whether this machine has a process of that number."""
    if sys.platform == "win32":  # where os.kill would end it
        import psutil

        return psutil.pid_exists(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # somebody else's
    except (ProcessLookupError, OverflowError):
        return False
    return True
