"""The Model Context Protocol, on stdin and stdout or on loopback HTTP, by the official SDK."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from mixpanel_assets.errors import MixpanelDataError, UsageError
from mixpanel_assets.mcp import landing, pages, replies
from mixpanel_assets.mcp.tools import INSTRUCTIONS, LONGEST, Service, Tool, tools
from mixpanel_assets.warehouse.connection import Interruptible, interruptible

AT_ONCE = 4  # calls that work; others wait
GRACE = 2.0  # seconds after DuckDB should have stopped by itself
HOST = "127.0.0.1"

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def build(service: Service, *, allow_land: bool = False) -> Server[Any]:
    """A server of the tools, resources and prompts."""
    every = {one.name: one for one in tools()}
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        listed = [_described(one) for one in every.values()]
        return types.ListToolsResult(tools=[*listed, *([landing.LAND] if allow_land else [])])

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        arguments = params.arguments or {}
        try:
            if params.name == landing.LAND.name and allow_land:
                return _said(await landing.land(service, arguments, context.session))
            if (tool := every.get(params.name)) is None:
                raise UsageError(
                    f"there is no tool {params.name}", hint=f"one of {', '.join(every)}"
                )
            return _said(await _within(limiter, partial(tool.call, service, arguments)))
        except MixpanelDataError as error:
            return _said(replies.of_error(error), is_error=True)
        except Exception as error:  # noqa: BLE001  the last resort: the client sees a line
            unexpected = MixpanelDataError(f"{type(error).__name__}: {error}")
            return _said(replies.of_error(unexpected), is_error=True)

    async def read_resource(_: Any, params: types.ReadResourceRequestParams) -> Any:
        try:
            text = await _within(limiter, partial(pages.read, service, str(params.uri)))
        except MixpanelDataError as error:
            raise MCPError(types.INVALID_PARAMS, replies.of_error(error)) from error
        content = types.TextResourceContents(uri=params.uri, mime_type="text/plain", text=text)
        return types.ReadResourceResult(contents=[content])

    async def get_prompt(_: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        try:
            text = pages.prompt(params.name, params.arguments or {})
        except UsageError as error:
            raise MCPError(types.INVALID_PARAMS, replies.of_error(error)) from error
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(messages=[message])

    async def list_resources(_: Any, __: Any) -> types.ListResourcesResult:
        found = [types.Resource(uri=uri, name=name) for name, uri in pages.RESOURCES.items()]
        return types.ListResourcesResult(resources=found)

    async def list_templates(_: Any, __: Any) -> types.ListResourceTemplatesResult:
        one = types.ResourceTemplate(uri_template=pages.EVENT + "{name}", name="event")
        return types.ListResourceTemplatesResult(resource_templates=[one])

    async def list_prompts(_: Any, __: Any) -> types.ListPromptsResult:
        found = [
            types.Prompt(
                name=name,
                description=about,
                arguments=[types.PromptArgument(name=argument, required=True)],
            )
            for name, (about, argument, _) in pages.PROMPTS.items()
        ]
        return types.ListPromptsResult(prompts=found)

    return Server(
        "mixpanel-assets",
        version=version("mixpanel-assets"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


async def _within(limiter: anyio.CapacityLimiter, work: Callable[[], str]) -> str:
    """The text that `work` gives in a thread, which is stopped with the call, or if it is long."""
    running, done = Interruptible(), threading.Event()

    def run() -> str:
        try:
            with interruptible(running):
                return work()
        finally:
            done.set()

    try:
        with anyio.fail_after(LONGEST + GRACE):
            return await anyio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=limiter)
    except TimeoutError:
        raise UsageError(f"no answer within {LONGEST:.0f} seconds", hint="ask for less") from None
    finally:
        if not done.is_set():
            threading.Thread(target=_stop, args=(running, done), daemon=True).start()


def _stop(running: Interruptible, done: threading.Event) -> None:
    """Interrupt what the call runs until it has ended: between two statements it has no effect."""
    while not done.wait(0.05):
        running.interrupt()


def _described(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True)
    return types.Tool(
        name=tool.name, description=tool.description, input_schema=tool.schema, annotations=hints
    )


def _said(text: str, *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=is_error)


def serve(service: Service, *, allow_land: bool = False) -> None:
    """Answer on stdin and stdout until stdin ends."""
    server = build(service, allow_land=allow_land)

    async def run() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    with suppress(KeyboardInterrupt):
        anyio.run(run)


def serve_http(service: Service, port: int, token: str, *, allow_land: bool = False) -> None:
    """Answer on loopback at /mcp, whoever has the token, until interrupted."""
    import uvicorn

    app = build(service, allow_land=allow_land).streamable_http_app(host=HOST)
    config = uvicorn.Config(with_token(app, token), host=HOST, port=port, log_level="warning")
    uvicorn.Server(config).run()


def with_token(app: Any, token: str) -> App:
    """The app for requests that have the bearer token; others get 401."""
    expected = f"Bearer {token}".encode()

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, expected):
                challenge = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
                start = {"type": "http.response.start", "status": 401, "headers": challenge}
                await send(start)
                await send({"type": "http.response.body", "body": b""})
                return
        await app(scope, receive, send)

    return guarded
