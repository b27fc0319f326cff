"""The examples of https://docs.mixpanel.com/docs/features/sessions, Timeout-Based Sessions."""

from mixpanel_assets_tests.obvious.events import Given
from mixpanel_assets_tests.obvious.sessions import sessions

MINUTE = 60_000


def did(name: str, hour: int, minute: int, person: str = "ana") -> Given:
    """An event of the first day, or of the next from hour 24 on."""
    return person, name, (hour * 60 + minute) * MINUTE, {}


def shape(*events: Given, idle: int = 30) -> list[tuple[str, float]]:
    """The names in each session, and its minutes."""
    found = sessions(events, idle_ms=idle * MINUTE)
    return [("".join(e.name for e in one.events), one.seconds / 60) for one in found]


# Example 1.
def test_a_session_ends_with_the_last_event_before_half_an_hour_of_nothing() -> None:
    first, second = [did("A", 13, 0), did("B", 13, 10)], [did("C", 13, 50), did("D", 14, 10)]

    assert shape(*first, *second, did("E", 14, 25)) == [("AB", 10), ("CDE", 35)]


# Example 2.
def test_a_session_ends_at_midnight_of_the_project() -> None:
    before, after = [did("A", 23, 30), did("B", 23, 50)], [did("C", 24, 5), did("D", 24, 10)]

    assert shape(*before, *after) == [("AB", 20), ("CD", 5)]


# Session Timeout: 15 minutes, an event after 14, and none for 16.
def test_the_timeout_can_be_set_and_each_event_restarts_it() -> None:
    events = did("A", 9, 0), did("B", 9, 14), did("C", 9, 30)

    assert shape(*events, idle=15) == [("AB", 14), ("C", 0)]
    assert shape(*events) == [("ABC", 30)]


# "The last event before a complete session timeout period elapsed."
def test_the_session_is_over_when_the_whole_timeout_has_elapsed() -> None:
    assert shape(did("A", 9, 0), did("B", 9, 15), idle=15) == [("A", 0), ("B", 0)]


# FAQ: what is excluded by default.
def test_events_of_mixpanel_itself_neither_begin_nor_prolong_a_session() -> None:
    assert shape(did("A", 9, 0), did("$identify", 9, 20), did("B", 9, 40)) == [("A", 0), ("B", 0)]
    assert shape(did("$identify", 9, 0)) == []


def test_sessions_are_of_one_person() -> None:
    events = did("A", 9, 0), did("B", 9, 1, "bo"), did("C", 9, 2), did("D", 9, 3, "")

    assert shape(*events) == [("AC", 2), ("B", 0)]
