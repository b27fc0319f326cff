"""Our errors as Dagster's failures: what cannot pass later is not tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from mixpanel_assets.errors import MixpanelDataError

ERROR = "error"  # the metadata entry with the error as data
EXIT_CODE = "exit_code"


@contextmanager
def as_dagster_failures() -> Iterator[None]:
    """An error of ours fails the step with its message, its hint and its data."""
    try:
        yield
    except MixpanelDataError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise dg.Failure(
            description=f"{error.code}: {error.message}{hint}",
            metadata={
                ERROR: dg.MetadataValue.json(error.to_dict()),
                EXIT_CODE: error.exit_code,
            },
            allow_retries=error.may_pass_later,
        ) from error
