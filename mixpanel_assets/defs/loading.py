"""Loading Dagster takes a second, and a third more with frequent garbage collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (100_000, 50, 50)


@contextmanager
def with_dagster() -> Iterator[None]:
    """Collect garbage seldom: nearly all objects of a Dagster run live to its end."""
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
