# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP with retries, the rate limit and the API's clock. This module util is private to the collection.

It knows paths, bodies and the API's envelope, but no invitation.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import time
import traceback
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ._errors import TRANSIENT_STATUSES, ApiError, Call, DeadlinePassed, failed_response, no_response

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    import urllib3.exceptions
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OLDEST_REQUESTS = (2, 28)
USER_AGENT = "ansible-collection-clickhouse.cloud"

# An organization with 20,000 invitations answers with less than 10 MB.
LONGEST_RESPONSE = 64 * 1024 * 1024

# Seconds.
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0
FIRST_CONTACT_TIMEOUT = 10.0
LONGEST_REQUESTED_WAIT = 24 * 3600.0

# An environment variable may hold bytes that are not UTF-8: the API is to reject them.
ANY_TEXT = "surrogatepass"


class Clock(Protocol):
    """The functions of the module ``time`` that a client needs."""

    def monotonic(self) -> float:
        """Return seconds since any fixed moment."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""

    def time(self) -> float:
        """Return seconds since the epoch."""


class Settings(NamedTuple):
    """How to reach the API, and as whom.

    - ``api_url``: ends in neither a slash nor ``/v1``.
    - ``timeout``: the longest wait for one whole response; ``retry_timeout``: how long one call is retried. In seconds.
    - ``verify``: whether to verify certificates, or the CA bundle or directory to trust.
    - ``key_origin``, ``secret_origin``: where key and secret came from, such as "the option api_key".
    """

    api_key: str
    api_secret: str
    api_url: str
    timeout: float
    retry_timeout: float
    verify: bool | str
    key_origin: str
    secret_origin: str


class Client:
    """Calls the API, one request after another over one connection, and counts what that takes.

    - ``requests``, ``retries``: counts. ``waited``: seconds slept; ``throttled``: those of them for the rate limit.
    - ``clock_offset``: the API's clock minus this host's, as of its last response with a date, None before.
    - ``clock``: the module ``time``, or what tests pass so as not to wait.
    """

    def __init__(self, settings: Settings, clock: Clock = time) -> None:
        self.settings = settings
        self.clock = clock
        self.requests = 0
        self.retries = 0
        self.waited = 0.0
        self.throttled = 0.0
        self.clock_offset: timedelta | None = None
        self._api_time: datetime | None = None
        self._has_responded = False
        self._reuses_connections = True
        self._session = requests.Session()
        # requests encodes text in Latin-1.
        self._session.auth = requests.auth.HTTPBasicAuth(
            settings.api_key.encode(errors=ANY_TEXT), settings.api_secret.encode(errors=ANY_TEXT)
        )
        self._session.headers.update({"Accept": "application/json", "User-Agent": USER_AGENT})
        # Plain http goes to this host only. Through a proxy, the key would be readable on the way.
        self._session.trust_env = settings.api_url.startswith("https:")

    def call(self, purpose: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> object:
        """Call the API, with retries, and return the ``result`` of the response; None if it has none, as for DELETE.

        ``purpose`` completes "Could not …" in an error's sentence. Transient errors are retried for ``retry_timeout``,
        but an ambiguous POST never is: the caller must check first whether it took effect.

        :raises ApiError: if the call did not succeed.
        """
        call = Call(purpose, method, path)
        started = self.clock.monotonic()
        tries = 0
        ambiguous = False
        while True:
            tries += 1
            try:
                return self._send(call, body)
            except ApiError as failure:
                error = replace(failure, earlier_try_ambiguous=ambiguous)
            ambiguous = ambiguous or error.ambiguous
            if not error.transient or (method == "POST" and error.ambiguous):
                raise error
            wait = error.wait or backoff(tries)
            spent = self.clock.monotonic() - started
            limit, reason = self._patience(error)
            if spent + wait > limit:
                raise error.noting(f"tried {'once' if tries == 1 else f'{tries} times in {spent:.0f} s'}, {reason}")
            self.sleep(wait)
            self.throttled += wait if error.status == 429 else 0.0
            self.retries += 1
            # A retry has a connection of its own, which may lead to another gateway.
            self._session.close()

    def sleep(self, seconds: float) -> None:
        """Wait, and count it."""
        self.clock.sleep(seconds)
        self.waited += seconds

    def now(self) -> datetime:
        """The time by the API's clock, as of its last response with a date; by this host's clock before.

        Expiry is compared to this time: a wrong clock of this host would make live invitations look expired.
        """
        return self._api_time or self._host_time()

    def as_result(self) -> dict[str, Any]:
        """The ``api`` of a result."""
        return {"requests": self.requests, "retries": self.retries, "waited": round(self.waited, 3)}

    def _patience(self, error: ApiError) -> tuple[float, str]:
        """How many seconds to retry after this error, and in words why not longer.

        A wrong address looks like an API that is down, until the API has responded once.
        """
        if error.unreachable and not self._has_responded and self.settings.retry_timeout > FIRST_CONTACT_TIMEOUT:
            return FIRST_CONTACT_TIMEOUT, "without any response"
        return self.settings.retry_timeout, "api_retry_timeout allows no more"

    def _host_time(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), timezone.utc)

    def _send(self, call: Call, body: Mapping[str, Any] | None) -> object:
        """Send one request, and return the result that is in the envelope of the response."""
        response, content = self._exchange(call, body)
        status = response.status_code
        date = http_date(response.headers.get("Date"))
        parsed = _parse(content)
        envelope = parsed if isinstance(parsed, dict) else {}
        if date and envelope:
            # The date of a gateway's own page is not the API's.
            self._api_time = date
            self.clock_offset = date - self._host_time()
        complete = "requestId" in envelope if call.method == "DELETE" else "result" in envelope
        if not 200 <= status < 300 or not complete or envelope.get("error"):
            wait = requested_wait(status, response.headers, date or self.now())
            raise failed_response(call, response, envelope, wait, _key_advice(self.settings))
        result = envelope.get("result")
        field = field_of_more_pages(envelope) if isinstance(result, list) else None
        if field:
            raise _partial_list(call, field, status)
        return result

    def _exchange(self, call: Call, body: Mapping[str, Any] | None) -> tuple[requests.Response, bytes]:
        """Send one request, and wait for the whole response.

        Some middleboxes silently drop what is sent on a reused connection. A request that got no response on one would
        meet the same again, so from then on each request has a connection of its own.
        """
        settings = self.settings
        self.requests += 1
        if not self._reuses_connections:
            self._session.close()
        try:
            with (
                _deadline(settings.timeout),
                self._session.request(
                    call.method,
                    settings.api_url + call.path,
                    json=body,
                    timeout=settings.timeout,
                    verify=settings.verify,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                content = _read(response)
        # requests raises TypeError for some addresses of proxies.
        except (DeadlinePassed, OSError, TypeError, ValueError, urllib3.exceptions.HTTPError) as error:
            self._reuses_connections = False
            ca_path = settings.verify if isinstance(settings.verify, str) else None
            raise no_response(call, error, urlsplit(settings.api_url).netloc, settings.timeout, ca_path) from error
        self._has_responded = True
        return response, content


def requests_version() -> tuple[int, ...]:
    """The installed release of requests, as far as it is numeric: ``(2, 32)`` for ``2.32.5``."""
    return tuple(int(part) for part in requests.__version__.split(".")[:2] if part.isdecimal())


def backoff(tries: int) -> float:
    """Seconds to wait after so many failed tries: exponential, with jitter, bounded."""
    longest: float = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(tries - 1, 10))
    return longest * random.uniform(0.5, 1)  # noqa: S311


def requested_wait(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a response asks to wait, None if it does not or makes no sense. ``now`` is the response's own time.

    ``X-RateLimit-Reset`` is what ClickHouse Cloud documents for status 429. ``Retry-After``, a number or a date, is
    HTTP's own (RFC 9110, 10.2.3).
    """
    if status not in TRANSIENT_STATUSES:
        return None
    names = ("X-RateLimit-Reset", "Retry-After") if status == 429 else ("Retry-After",)
    waits = (_seconds_until(headers.get(name, ""), now) for name in names)
    return max((wait for wait in waits if wait), default=None)


def _seconds_until(value: str, now: datetime) -> float | None:
    """Read a number of seconds, an HTTP date, or an epoch in (milli)seconds. None if it is absurd or past."""
    try:
        count = float(value)
        candidates = [count, count - now.timestamp(), count / 1000 - now.timestamp()]
    except ValueError:
        date = http_date(value)
        candidates = [(date - now).total_seconds()] if date else []
    return next((seconds for seconds in candidates if 0 < seconds <= LONGEST_REQUESTED_WAIT), None)


def field_of_more_pages(envelope: Mapping[str, Any]) -> str | None:
    """The field by which the envelope of a list reports that the list goes on, None if there is none.

    The API has no paging. If it ever gets one, a page must not be taken for the whole. Examples of such fields:
    ``"nextPageToken": "abc"``, ``"pagination": {"hasMore": true}``, ``"totalCount": 120`` around 100 records.
    """
    count = len(envelope["result"])
    todo = [{name: value for name, value in envelope.items() if name != "result"}]
    while todo:
        for name, value in todo.pop().items():
            if isinstance(value, dict):
                todo.append(value)
            total = value if isinstance(value, int) else 0
            more_records = total > count and re.fullmatch(r"total_?(count|items|results)?", name, re.IGNORECASE)
            more_pages = total > 1 and re.fullmatch(r"total_?pages", name, re.IGNORECASE)
            goes_on = value and re.fullmatch(r"next.*|cursor|has_?(more|next.*)", name, re.IGNORECASE)
            if more_records or more_pages or goes_on:
                return str(name)
    return None


def http_date(value: str | None) -> datetime | None:
    """Parse a date as HTTP writes it, such as ``Mon, 23 Nov 2026 12:00:00 GMT``; None if it is none."""
    try:
        date = parsedate_to_datetime(value or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _key_advice(settings: Settings) -> str:
    return f"check the key, from {settings.key_origin}, and its secret, from {settings.secret_origin}"


def _partial_list(call: Call, field: str, status: int) -> ApiError:
    what = f"the response is only a part of the list, says {field}, and this release reads no further pages"
    sentence = f"Could not {call.purpose}: {what}; upgrade the collection, or report this"
    return ApiError(sentence, f"partial list, says {field}", call.method, call.path, status)


def _interrupt(*_signal: object) -> None:
    raise DeadlinePassed


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlinePassed inside after so many seconds: socket timeouts only bound the gap between two bytes."""
    before = signal.signal(signal.SIGALRM, _interrupt)
    # Again every second: an exception raised in a finalizer is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _read(response: requests.Response) -> bytes:
    """Read the whole body, but no more than LONGEST_RESPONSE."""
    content = bytearray()
    for chunk in response.iter_content(64 * 1024):
        content += chunk
        if len(content) > LONGEST_RESPONSE:
            longest = f"{LONGEST_RESPONSE // 1024 // 1024} MiB"
            raise requests.exceptions.ContentDecodingError(f"the response is longer than {longest}")
    body = bytes(content)
    if _is_truncated(response, body):
        raise requests.exceptions.ConnectionError("the response was cut off")
    return body


def _is_truncated(response: requests.Response, body: bytes) -> bool:
    """Whether the connection ended before the body did, in the cases that urllib3 does not report.

    - Older releases of it take a body that is shorter than its ``Content-Length`` for whole.
    - A connection that ended within the headers leaves none: a 200 without a length and with an empty body.
    - The body of a 200 without a length ends with the connection, if need be in ``{"result": [{"id": "5f``.
    """
    length = response.headers.get("Content-Length", "")
    if length.isdecimal():
        return response.raw.tell() < int(length)
    if response.status_code != 200 or "Transfer-Encoding" in response.headers:
        return False
    return body[:1] in (b"", b"{") and _parse(body) is None


def _parse(body: bytes) -> object:
    """The JSON in a body, None if it holds none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
