"""Our errors as Dagster failures; only temporary ones are retried."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from mixpanel_assets.errors import MixpanelDataError

ERROR = "error"  # the metadata entry with the error as data
EXIT_CODE = "exit_code"


@contextmanager
def as_dagster_failures() -> Iterator[None]:
    """Fail the step with the error's message, hint and data."""
    try:
        yield
    except MixpanelDataError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise dg.Failure(
            description=f"{error.code}: {error.message}{hint}",
            metadata={ERROR: dg.MetadataValue.json(error.to_dict()), EXIT_CODE: error.exit_code},
            allow_retries=error.may_pass_later,
        ) from error


def first_cause(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """The error that the others come from; its message begins with its class."""
    while error and error.cause:
        error = error.cause
    return error
