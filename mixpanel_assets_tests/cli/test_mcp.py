"""`mp mcp`: the server as an agent's client sees it, by the official SDK's own client."""

import gc
import json
import os
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from mixpanel_assets import Workspace
from mixpanel_assets.mcp import asking
from mixpanel_assets.mcp.replies import MOST
from mixpanel_assets.mcp.server import AT_ONCE, build, with_token
from mixpanel_assets.mcp.tools import INSTRUCTIONS, Service, tools
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.tokens import tokens

Mp = Callable[..., Answer]
Talk = Callable[[Any], Awaitable[Any]]
FROM = {"from": "2024-01-01", "to": "2024-01-07"}


def talk(conversation: Talk, server: Any = None) -> Any:
    """What the conversation with a server gives; by default one in this process."""

    async def run() -> Any:
        async with Client(server or build(Service())) as client:
            return await conversation(client)

    try:
        return anyio.run(run)
    finally:
        # What the client leaves of a process would be found while another test runs.
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()


def call(name: str, *, server: Any = None, **arguments: Any) -> Any:
    async def conversation(client: Any) -> Any:
        return await client.call_tool(name, arguments)

    return talk(conversation, server)


def said(name: str, *, server: Any = None, **arguments: Any) -> str:
    """The text of a reply that is no error."""
    result = call(name, server=server, **arguments)
    assert not result.is_error, result.content[0].text
    return _text(result)


def refused(name: str, *, server: Any = None, **arguments: Any) -> str:
    result = call(name, server=server, **arguments)
    assert result.is_error, result.content[0].text
    return _text(result)


def _text(result: Any) -> str:
    (content,) = result.content
    assert result.structured_content is None  # clients drop the text then
    assert len(content.text.encode()) <= MOST
    return str(content.text)


def test_what_a_client_reads_first_is_small(landed: Home) -> None:
    async def listed(client: Any) -> Any:
        return (await client.list_tools()).tools

    found = talk(listed, build(Service(), allow_land=True))
    shown = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in found]
    assert tokens(json.dumps(shown)) < 1000
    assert len(INSTRUCTIONS) < 1200
    hints = {one.name: one.annotations.read_only_hint for one in found}
    names = ("overview", "find", "sql", "ask", "plan_landing", "status")
    assert hints == {**dict.fromkeys(names, True), "land": False}
    assert all(one.annotations.idempotent_hint for one in found)
    assert "land" not in {one.name for one in talk(listed)}


def test_overview_is_that_of_the_command_line(landed: Home, here: Mp) -> None:
    assert said("overview") == here("inspect", "overview").out


def test_find_gives_rows(landed: Home) -> None:
    assert said("find", word="purch").splitlines()[0] == "kind,name,event,type,events,example"
    assert said("find", event="Purchase", limit=3).endswith("# 3 rows\n")


def test_sql_gives_csv_and_the_number_of_rows(landed: Home) -> None:
    text = said(
        "sql", query="select 'a,b' as x, null as y, '' as z union all select '\"', 1.5, 'q'"
    )
    assert sorted(text.splitlines()[1:3]) == ['"""",1.5,q', '"a,b",,""']
    assert text.splitlines()[0] == "x,y,z"
    assert text.splitlines()[-1] == "# 2 rows"
    assert said("sql", query="select 1 as a where false") == "a\n# 0 rows\n"


HUGE = {
    "rows": ("from range(1000000)", "of more than 10,000 rows: aggregate"),
    "few more rows": ("select repeat('x', 250) as a from range(100)", "of 100 rows: aggregate"),
    "cells": ("select repeat('x', 100000) as a", "# cells are cut after 300 characters"),
    "columns": (
        f"select {', '.join(f'{n} as column_with_a_name_{n}' for n in range(2000))}",
        "of 2,000 columns are left out: select some",
    ),
    "a long name": (f'select 1 as "{"n" * 20_000}"', "# 1 row"),
    "other letters": ("select repeat('日', 300) as a from range(100)", "of 100 rows"),
}


@pytest.mark.parametrize("case", HUGE)
def test_a_reply_fits_whatever_is_asked(landed: Home, case: str) -> None:
    query, remark = HUGE[case]
    assert remark in said("sql", query=query)


def test_control_characters_are_shown_escaped(landed: Home) -> None:
    assert "\x1b" not in said("sql", query="select chr(27) || '[31m' as a, 1 as \"\x1b[2J\"")


def test_notes_are_remarks_of_their_own_call(landed: Home) -> None:
    async def both(client: Any) -> list[Any]:
        found: list[Any] = []
        queries = ["select count(*) from events where event_name = 'Purchas'", "select 1 as a"]

        async def one(query: str) -> None:
            result = await client.call_tool("sql", {"query": query})
            found.append((query, result.content[0].text))

        async with anyio.create_task_group() as group:
            for query in queries * 5:
                group.start_soon(one, query)
        return found

    for query, text in talk(both):
        assert ("# note: " in text) == ("Purchas" in query), (query, text)


def test_errors_are_a_code_a_message_and_a_hint(landed: Home) -> None:
    text = refused("sql", query="select * from event")
    assert re.match(r"SQL_ERROR: .*\n(.*\n)*hint: .*events", text)
    assert refused("sql", query="drop table landed").startswith("SQL_ERROR: only read-only")
    assert refused("sql", query="from read_csv('/etc/passwd')").startswith("SQL_ERROR")
    assert refused("sql").startswith("USAGE: query is missing\nhint: sql takes query, save_to")
    assert refused("sql", querry="x").startswith("USAGE: sql has no parameter querry")
    assert refused("nothing").startswith("USAGE: there is no tool nothing\nhint: one of overview")
    assert refused("land", **FROM).startswith("USAGE: there is no tool land")
    assert refused("ask", question="fnnel").splitlines()[1].startswith("hint: did you mean: ask f")
    assert "steps (list, required)" in refused("ask", question="ask funnel")
    wrong = refused("ask", question="ask retention", arguments={**FROM, "born": "x", "unt": "day"})
    assert wrong.startswith(
        "USAGE: there is no parameter unt; did you mean unit?\nhint: parameters:"
    )
    odd = {**FROM, "born": "Sign Up", "unit": "eon"}
    assert "'day', 'week' or 'month'" in refused("ask", question="ask retention", arguments=odd)


def test_no_reply_tells_a_secret(landed: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_SECRET", "s3cr3t-4711")
    for name, arguments in {
        "status": {},
        "overview": {},
        "sql": {"query": "select getenv('MP_SECRET')"},
        "ask": {"question": "query segmentation", "arguments": {**FROM, "event": "Purchase"}},
    }.items():
        assert "s3cr3t-4711" not in call(name, **arguments).content[0].text


ARGUMENTS: dict[str, dict[str, Any]] = {
    "ask funnel": {"steps": ["Page View", "Purchase"], **FROM},
    "ask retention": {"born": "Sign Up", **FROM},
    "ask segmentation": {"event": "Purchase", "by": "plan", **FROM},
    "ask frequency": FROM,
    "ask sessions": FROM,
    "ask flows": {"event": "Sign Up", **FROM},
    "ask active-users": FROM,
    "ask lifecycle": FROM,
    "ask attribution": {"event": "Purchase", "by": "utm_source", **FROM},
    "inspect tables": {},
    "inspect schema": {"table": "events"},
    "inspect sample": {"rows": "2"},
    "inspect keys": {"event": "Purchase"},
    "inspect breakdown": FROM,
    "inspect daily": FROM,
    "query segmentation": {"event": "Purchase", **FROM},
    "query event-counts": {"events": ["Purchase", "Sign Up"], **FROM},
    "inspect events": {},
}


@pytest.mark.parametrize("question", ARGUMENTS)
def test_questions_are_asked_by_the_names_of_their_commands(landed: Home, question: str) -> None:
    text = said("ask", question=question, arguments=ARGUMENTS[question])
    assert re.search(r"^# [\d,]+ rows?$|^# the first ", text, re.MULTILINE)
    live = question.startswith("query") or question == "inspect events"
    assert ("of Mixpanel's 60 requests an hour" in text) == live


def test_every_question_of_landed_events_is_tried() -> None:
    assert {one for one in asking.questions() if one.startswith("ask")} <= ARGUMENTS.keys()


def test_series_are_side_by_side(landed: Home) -> None:
    text = said("ask", question="segmentation", arguments=ARGUMENTS["ask segmentation"])
    head = next(line for line in text.splitlines() if not line.startswith("#"))
    assert head.startswith("date,")
    assert "free" in head.split(",")


def test_rows_are_saved_in_the_folder_of_the_server(landed: Home, tmp_path: Path) -> None:
    server = build(Service(folder=tmp_path))
    text = said("sql", server=server, query="from events limit 5", save_to="a.parquet")
    assert text.startswith(f"# saved 5 rows, {(tmp_path / 'a.parquet').stat().st_size:,} bytes: ")
    for file in ("../b.parquet", "/tmp/b.parquet", "a.parquet", "b.txt"):
        assert refused("sql", server=server, query="select 1", save_to=file).startswith("USAGE")
    assert [one.name for one in tmp_path.iterdir() if "parquet" in one.name] == ["a.parquet"]


def test_a_plan_costs_no_request(landed: Home) -> None:
    before = said("status")
    text = said("plan_landing", **FROM)
    assert text.splitlines()[0].startswith("asset,from,to,days,replaced,requests,rows")
    assert text.splitlines()[1].startswith("events,2024-01-01,2024-01-07,7,7,1,")
    assert said("status") == before


def test_a_cancelled_call_stops_duckdb(landed: Home) -> None:
    endless = "select count(*) from range(1000000000) a, range(1000000000) b where a.range % 7 = 3"

    async def conversation(client: Any) -> Any:
        for _ in range(AT_ONCE + 1):  # each would keep one of the places
            with anyio.move_on_after(0.3):
                await client.call_tool("sql", {"query": endless})
        with anyio.fail_after(30):
            return await client.call_tool("sql", {"query": "select 42 as a"})

    assert _text(talk(conversation)).startswith("a\n42\n")


def test_a_hundred_calls_at_once_are_all_answered(landed: Home) -> None:
    async def conversation(client: Any) -> list[str]:
        texts: list[str] = []

        async def one(number: int) -> None:
            query = f"select {number} as n, count(*) as events from events"
            texts.append(_text(await client.call_tool("sql", {"query": query})))

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(one, number)
        return texts

    found = talk(conversation)
    assert sorted(int(text.splitlines()[1].partition(",")[0]) for text in found) == [*range(100)]


def test_resources_and_prompts(landed: Home) -> None:
    async def conversation(client: Any) -> list[str]:
        uris = [one.uri for one in (await client.list_resources()).resources]
        uris.append("mixpanel://event/Sign%20Up")
        texts = [(await client.read_resource(uri)).contents[0].text for uri in uris]
        prompt = await client.get_prompt("answer", {"question": "How many {people} buy?"})
        with pytest.raises(MCPError, match="question is missing"):
            await client.get_prompt("answer", {})
        with pytest.raises(MCPError, match="there is no resource"):
            await client.read_resource("mixpanel://nothing")
        return [*texts, prompt.messages[0].content.text]

    overview, recipes, event, prompt = talk(conversation)
    assert overview.startswith("Project 12345")
    assert recipes.startswith("# Recipes")
    assert "method" in event
    assert "How many {people} buy?" in prompt


def test_a_day_is_landed_only_if_that_is_allowed(
    account: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_HOME", str(tmp_path / "home"))
    server = build(Service(), allow_land=True)
    assert "Land a week of events" in said("overview", server=server)
    text = said("land", server=server, **{"from": "yesterday", "to": "yesterday"})
    assert re.match(r"# rows=\d+, duplicates=0, requests=1, run_id=.+\nday,rows,partial\n", text)
    with Workspace() as workspace:
        assert workspace.status()[0]["days"] == 1
    assert refused("land", server=server, **{"from": "2030-01-01"}).startswith("INVALID_DATE")
    assert refused("land", server=server, day="x").startswith("USAGE: land has no parameter day")
    assert [*(tmp_path / "home" / "logs").iterdir()] == []


def test_a_failed_load_is_told_as_by_the_command(
    account: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SECRET", "wrong")
    text = refused("land", server=build(Service(), allow_land=True), **{"from": "yesterday"})
    assert text.startswith("AUTH_FAILED: ")


@pytest.fixture
def program(landed: Home) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "mixpanel_assets", "mcp"], env={**os.environ}
    )


def test_the_program_speaks_the_protocol_on_its_standard_streams(
    program: StdioServerParameters,
) -> None:
    async def conversation(client: Any) -> Any:
        return await client.call_tool("sql", {"query": "select count(*) > 0 as any from events"})

    assert _text(talk(conversation, program)) == "any\ntrue\n# 1 row\n"


def test_a_client_of_an_older_protocol_is_served(program: StdioServerParameters) -> None:
    about = {"name": "old", "version": "1"}
    hello = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": about}
    asked = {"name": "sql", "arguments": {"query": "select 1 as a"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": asked},
    ]
    with subprocess.Popen(
        [program.command, *program.args],
        env=program.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        for line in lines:
            process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        replies = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0
    assert replies[0]["result"]["protocolVersion"] == "2024-11-05"
    assert replies[1]["result"]["content"][0]["text"] == "a\n1\n# 1 row\n"


@contextmanager
def serving(program: StdioServerParameters, *options: str, **environment: str) -> Iterator[str]:
    """The URL of a server on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program.command, *program.args, "--http", str(port), *options],
        env={**(program.env or {}), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        while "serving on" not in (line := process.stderr.readline()):
            assert line, "it has ended"
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.communicate()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        anyio.run(anyio.sleep, 0.05)
    raise AssertionError("nothing listens")


def test_http_needs_the_token(program: StdioServerParameters) -> None:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    async def conversation(url: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return _text(await client.call_tool("sql", {"query": "select 1 as a"}))

    with serving(program, MP_MCP_TOKEN="right") as url:
        assert anyio.run(conversation, url, "right") == "a\n1\n# 1 row\n"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}):
            assert httpx2.post(url, headers=headers, json={}).status_code == 401
        other = {"Authorization": "Bearer right", "Host": "example.com"}
        assert httpx2.post(url, headers=other, json={}).status_code in (403, 421)


def test_without_a_token_in_the_environment_the_home_has_one(
    program: StdioServerParameters, landed: Home
) -> None:
    token = landed.path / "mcp-token"
    with serving(program):
        assert token.stat().st_mode & 0o777 == 0o600
        first = token.read_text()
    with serving(program):
        assert token.read_text() == first
    token.unlink()


def test_what_is_not_http_passes_the_guard() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    anyio.run(with_token(app, "x"), {"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]


def test_every_tool_says_what_it_is_for() -> None:
    assert all(one.description.endswith(".") for one in tools())
