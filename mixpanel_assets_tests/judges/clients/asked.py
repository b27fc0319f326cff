"""What every client's script does: read what is asked, answer each question or say why not.

It runs in the client's own environment, where there is nothing of ours: no imports but the
standard library's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

Task = dict[str, Any]


def answer(questions: Callable[[Task], Mapping[str, Callable[[], Any]]]) -> None:
    """The file named by the first argument has each answer as `value`, or as `problem`."""
    task = json.load(sys.stdin)
    answers = {name: _answer(ask) for name, ask in questions(task).items()}
    found = {"version": version(task["package"]), "answers": answers}
    Path(sys.argv[1]).write_text(json.dumps(found, default=_plain), "utf-8")


def _answer(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": ask()}
    except Exception as error:  # noqa: BLE001  any way to fail is an answer too
        return {"problem": f"{type(error).__name__}: {error}"}


def _plain(value: Any) -> Any:
    for name, options in (("to_dict", {}), ("model_dump", {"mode": "json"})):
        if plain := getattr(value, name, None):
            return plain(**options)
    if fields := getattr(value, "__dataclass_fields__", None):
        return {name: getattr(value, name) for name in fields}
    return str(value)
