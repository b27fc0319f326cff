from mixpanel_assets_tests.judges import comparing
from mixpanel_assets_tests.judges.comparing import judged


def record(insert_id, came_in=1, time=1_704_196_800, **own):
    known = {"distinct_id": "ann", "time": time, "$insert_id": insert_id}
    return {"event": "Open", "properties": {**known, "mp_processing_time_ms": came_in, **own}}


def test_an_answer_that_lacks_a_record_is_not_equal():
    both = [{"id": 1}, {"id": 2}]

    verdict = judged("a client", "all", {"value": both}, lambda: both[:1], comparing.unordered)

    assert (verdict.equal, verdict.surprising) == (False, True)
    assert verdict.where == ': [{"id": 1}, {"id": 2}] and [{"id": 1}]'


def test_an_answer_with_another_number_says_where():
    theirs, ours = {"a": {"2024-01-02": 3, "2024-01-03": 0}}, {"a": {"2024-01-02": 4}}

    verdict = judged("a client", "count", {"value": theirs}, lambda: ours, comparing.series)

    assert verdict.where == ".a.2024-01-02: 3 and 4"


def test_two_empty_answers_prove_nothing():
    assert not judged("a client", "all", {"value": []}, list).equal


def test_a_failure_with_a_known_reason_is_no_surprise():
    failed = {"problem": "QueryError: no"}

    verdict = judged("a client", "all", failed, lambda: 1, reason="they ask something else")

    assert (verdict.theirs, verdict.equal, verdict.surprising) == (
        "failed: QueryError: no",
        False,
        False,
    )


def test_of_duplicates_the_last_to_come_in_is_compared_and_what_has_no_id_is_kept():
    twice = [record("a", came_in=1, n=1), record("a", came_in=2, n=2), record(None), record(None)]

    assert [one["properties"].get("n") for one in comparing.newest(twice)] == [2, None, None]
    assert comparing.days(twice) == {"2024-01-02": 4}


def test_seconds_and_milliseconds_are_the_same_time():
    in_ms = record("a", time=1_704_196_800_123)

    assert comparing.contents([record("a")]) == comparing.contents([in_ms])
