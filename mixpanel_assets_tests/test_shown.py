"""What a terminal or a browser would obey is shown, and the rest stays as it is."""

import json

import pytest

from mixpanel_assets.shown import markdown_cell, markdown_row, visible, visible_json

# A text, and how it is shown.
OBEYED = {
    "a colour": ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "a link": ("\x1b]8;;http://x\x1b\\here", r"\x1b]8;;http://x\x1b" + r"\here"),
    "the other escape": ("\x9b31m", r"\x9b31m"),
    "a bell and a backspace": ("a\x07b\x08", r"a\x07b\x08"),
    "a delete": ("a\x7f", r"a\x7f"),
    "nothing": ("a\x00", r"a\x00"),
    "a line over the one before": ("real\rfake", r"real\rfake"),
    "letters from right to left": ("\u202etxt.exe\u202c", r"\u202etxt.exe\u202c"),
    "an isolate": ("\u2066a\u2069", r"\u2066a\u2069"),
    "a mark of direction": ("a\u200fb\u061c", r"a\u200fb\u061c"),
    "another kind of line": ("a\u2028b\x85c", r"a\u2028b\x85c"),
    "a line and a tab": ("a\nb\tc", r"a\nb\tc"),
}


@pytest.mark.parametrize("what", OBEYED)
def test_what_a_terminal_obeys_is_visible(what: str) -> None:
    text, shown = OBEYED[what]
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["", "plain", "Łódź ✓ 日本 👩\u200d🚀 \u00a0", "עברית", "a\\x1b"])
def test_all_other_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_lines_and_tabs_can_be_kept() -> None:
    assert visible("a\nb\tc\r\x1b", keep="\n\t") == "a\nb\tc\\r\\x1b"


@pytest.mark.parametrize("what", OBEYED)
def test_visible_json_is_json_of_the_same_value(what: str) -> None:
    text, _ = OBEYED[what]
    shown = visible_json(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert json.loads(shown) == {text: [text]}
    assert visible(shown, keep="\n") == shown


def test_blanks_between_the_tokens_of_json_stay_blanks() -> None:
    assert json.loads(visible_json('{"a":\r\n\t1}')) == {"a": 1}


# A text, and the cell of Markdown that shows it.
ACTIVE = {
    "a pipe": ("a|b", r"a\|b"),
    "a pipe after a backslash": (r"a\|b", r"a\\\|b"),
    "a line": ("a\nb\r\nc", "a b  c"),
    "html": ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
    "an entity": ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
    "a link": ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
    "a picture": ("![x](http://x)", r"!\[x\](http://x)"),
    "code": ("`a`", r"\`a\`"),
    "bold": ("**a** __b__", r"\*\*a\*\* \_\_b\_\_"),
    "slanted": ("_a_", r"\_a\_"),
    "struck out": ("~~a~~", r"\~\~a\~\~"),
    "a control character": ("\x1b[2J", r"\\x1b\[2J"),
    "from right to left": ("\u202ea", r"\\u202ea"),
    "a name as they are": ("$insert_id", "$insert_id"),
    "other text": ("Sign Up: 50% (日本) #1", "Sign Up: 50% (日本) #1"),
}


@pytest.mark.parametrize("what", ACTIVE)
def test_nothing_in_a_cell_is_markdown_or_html(what: str) -> None:
    text, cell = ACTIVE[what]
    assert markdown_cell(text) == cell
    assert markdown_row([text, "b"]) == f"| {cell} | b |"
