"""What agents have typed, line by line: each line works, or its error says what to do next."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
MOST_FAILED = 0.1  # of the lines


def lines_of(transcript: Path) -> list[list[str]]:
    """The words of each line."""
    lines = transcript.read_text("utf-8").splitlines()
    return [shlex.split(line) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_no_line_fails_without_a_next_step(
    transcript: Path, landed: Home, here: Callable[..., Answer]
) -> None:
    lines, failed = lines_of(transcript), 0
    for program, *words in lines:
        assert program == "mp"
        answer = here(*words)
        if answer.code:
            failed += 1
            assert answer.error["hint"], words
            assert len(answer.err.splitlines()[-1].encode()) <= 600
    assert failed <= MOST_FAILED * len(lines)
