"""Notes reach whoever asked, in Python as a warning with the asker's line."""

import subprocess
import sys
import warnings

import pytest

import mixpanel_assets as mp
from mixpanel_assets.notes import note, notes_to


def test_a_note_is_a_warning_at_the_line_of_who_asked() -> None:
    with pytest.warns(mp.AnswerWarning, match="seen") as heard:
        note("seen")
    assert heard[0].filename == __file__


def test_the_same_note_is_told_every_time_it_is_true() -> None:
    script = "from mixpanel_assets.notes import note\nfor _ in range(2): note('again')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.count("AnswerWarning: again") == 2


def test_a_program_can_turn_notes_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", mp.AnswerWarning)
        note("unseen")


def test_whoever_listens_is_told_instead_and_of_nothing_else() -> None:
    heard: list[str] = []
    with pytest.warns(DeprecationWarning, match="other"), notes_to(heard.append):  # noqa: PT031
        note("one")
        note("one")
        warnings.warn("other", DeprecationWarning, stacklevel=1)
    assert heard == ["one", "one"]
