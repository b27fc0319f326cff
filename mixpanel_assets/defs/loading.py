"""Dagster takes a second to load, and a third more with Python's collector at work meanwhile."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (100_000, 50, 50)


@contextmanager
def with_dagster() -> Iterator[None]:
    """Garbage is looked for seldom: nearly all that one run of Dagster makes stays to its end."""
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
