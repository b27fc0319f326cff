"""Requests in threads of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_background(request: Callable[[], T]) -> Future[T]:
    """Begin a request; its result or error is that of the future."""
    # A thread of a pool would keep an interrupted process alive until Mixpanel answers.
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(request())
        except BaseException as error:  # noqa: BLE001  it is raised with the result
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
