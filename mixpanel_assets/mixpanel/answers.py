"""Turns status, headers and body of Mixpanel's answers into data or errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mixpanel_assets import errors

LONGEST_ERROR = 64 * 1024  # bytes; Mixpanel's own errors are shorter


def answer_of(status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The parsed JSON of an answer. Raises error_for; APIError if it is not JSON.

    An answer with status 200 is an error too if it has an `error` text or the `status` "error".
    Properties of these names do not interfere, since their values are not text.
    """
    if status != 200:
        raise error_for(status, headers, body)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.APIError(
            f"Mixpanel's answer is not JSON: {said(body)}", status=status, body=said(body)
        ) from error
    if is_error(data):
        raise error_for(status, headers, body)
    return data


def is_error(data: Any) -> bool:
    """Whether parsed JSON reports an error, regardless of the HTTP status."""
    if not isinstance(data, dict):
        return False
    error = data.get("error")
    return (isinstance(error, str) and error != "") or data.get("status") == "error"


def error_for(status: int, headers: Mapping[str, str], body: bytes) -> errors.MixpanelDataError:
    """The error for an answer without data; its message includes the server's."""
    text = said(body)
    details: dict[str, Any] = {"status": status, "body": text}
    if status == 429 or (status == 200 and "rate limit exceeded" in text.lower()):
        return errors.RateLimitError(
            f"Mixpanel's rate limit is reached: {text}",
            hint="wait, or see the remaining requests with: mp limits",
            retry_after=seconds_to_wait(headers),
            **details,
        )
    if status >= 500:
        return errors.ServerError(
            f"Mixpanel answered {status}: {text}", hint="try again later", **details
        )
    if status == 403 and "date range exceeds" in text.lower():
        return errors.QueryError(
            f"Mixpanel's plan for this project does not include such old data: {text}",
            hint="request later days",
            **details,
        )
    if status in (401, 403) or (status == 400 and "Unable to authenticate" in text):
        return errors.AuthenticationError(
            f"Mixpanel refused these credentials ({status}): {text}",
            hint="check MP_USERNAME, MP_SECRET, MP_PROJECT_ID and MP_REGION",
            **details,
        )
    if status == 402:
        return errors.PlanRequiredError(
            f"Mixpanel's plan for this project does not allow this: {text}",
            hint="every plan includes raw event exports; other APIs need a paid plan",
            **details,
        )
    if status in (200, 400, 404, 412, 422):
        return errors.QueryError(
            f"Mixpanel did not accept the request ({status}): {text}", **details
        )
    return errors.APIError(f"Mixpanel answered {status}: {text}", **details)


def said(body: bytes) -> str:
    """The error text of a body: its `error` if it is JSON, else all of it; 500 characters."""
    text = body[:LONGEST_ERROR].decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and "error" in parsed:
        text = str(parsed["error"])
    text = " ".join(text.split())
    return (text[:497] + "..." if len(text) > 500 else text) or "(no text)"


def seconds_to_wait(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Retry-After in seconds from now, given as a number or a date; None if absent."""
    value = headers.get("Retry-After", headers.get("retry-after", "")).strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    # A date with the zone -0000 is parsed without a zone.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
