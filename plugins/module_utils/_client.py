# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP with retries, the rate limit and the API's clock. This module util is private to the collection.

It knows paths, bodies and the API's envelope, but no invitation.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
import signal
import time
import traceback
import zlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ._errors import ApiError, Call, DeadlinePassed, failed_response, no_response, printable

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    import urllib3.exceptions
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

OLDEST_REQUESTS = (2, 28)
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "ansible-collection-clickhouse.cloud"}

# In bytes, unpacked. An organization with 20,000 invitations answers with less than 10 MB.
LONGEST_RESPONSE = 64 * 1024 * 1024
# So small that it unpacks to 1 MiB at most.
CHUNK = 1024

# Seconds.
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0
FIRST_CONTACT_TIMEOUT = 10.0
LONGEST_REQUESTED_WAIT = 24 * 3600.0

# An environment variable may contain bytes that are not UTF-8: the API is to reject them.
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
    - ``key_advice``: what to check if the key is rejected: where key and secret came from.
    """

    api_key: str
    api_secret: str
    api_url: str
    timeout: float
    retry_timeout: float
    verify: bool | str
    key_advice: str


class Client:
    """Calls the API, one request after another over one connection, and counts what that takes.

    - ``requests``, ``retries``: counts. ``waited``: seconds slept; ``throttled``: those of them for the rate limit.
    - ``clock_offset``: the API's clock minus this host's, as of its last response with a date, None before.
    - ``clock``: the module ``time``, or what tests pass so as not to wait.
    """

    def __init__(self, settings: Settings, clock: Clock = time) -> None:
        self.settings = settings
        self.clock = clock
        self.requests = self.retries = 0
        self.waited = self.throttled = 0.0
        self.clock_offset: timedelta | None = None
        self._has_responded = False
        self._reuses_connections = True
        self._session = requests.Session()
        self._session.stream = True
        # requests encodes text in Latin-1.
        self._session.auth = requests.auth.HTTPBasicAuth(
            settings.api_key.encode(errors=ANY_TEXT), settings.api_secret.encode(errors=ANY_TEXT)
        )
        self._session.headers.update(HEADERS)
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
        tries, ambiguous = 0, False
        while True:
            tries += 1
            try:
                return self._send(call, body)
            except ApiError as failure:
                error = replace(failure, earlier_try_ambiguous=ambiguous)
            ambiguous |= error.ambiguous
            if not error.transient or (method == "POST" and error.ambiguous):
                raise error
            # A wrong address looks like an API that is down, until the API has responded once.
            lost = error.status is None and not (error.ambiguous or self._has_responded)
            limit = min(self.settings.retry_timeout, FIRST_CONTACT_TIMEOUT if lost else math.inf)
            wait = error.wait or backoff(tries)
            spent = self.clock.monotonic() - started
            if spent + wait > limit:
                attempts = "one attempt" if tries == 1 else f"{tries} attempts in {spent:.0f} s"
                raise error.noting(f"gave up after {attempts} ({'no response yet' if lost else 'api_retry_timeout'})")
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
        """The time by the API's clock or by this host's, whichever is earlier: either of them may be wrong.

        Expiry is compared to this time. So an invitation has expired if it has by both clocks.
        """
        return self._host_time() + min(self.clock_offset or timedelta(0), timedelta(0))

    def as_result(self) -> dict[str, Any]:
        """The ``api`` of a result."""
        return {"requests": self.requests, "retries": self.retries, "waited": round(self.waited, 3)}

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
            self.clock_offset = date - self._host_time()
        marked = "requestId" in envelope or envelope.get("status") == status
        complete = marked if call.method == "DELETE" else "result" in envelope
        if not 200 <= status < 300 or not complete or envelope.get("error"):
            wait = requested_wait(status, response.headers, date or self.now())
            raise failed_response(call, response, envelope, wait, self.settings.key_advice)
        result = envelope.get("result")
        sign = sign_of_more_pages(result, envelope, response.links) if isinstance(result, list) else None
        if sign:
            what = f"the response is only a part of the list, says {sign}, and this release reads no further pages"
            sentence = f"Could not {call.purpose}: {what}; upgrade the collection, or report this"
            raise ApiError(sentence, f"partial list, says {sign}", call.method, call.path, status)
        return result

    def _exchange(self, call: Call, body: Mapping[str, Any] | None) -> tuple[requests.Response, bytearray]:
        """Send one request, and wait for the whole response.

        Some middleboxes silently drop what is sent on a reused connection. A request that got no response on one would
        meet the same again, so from then on each request has a connection of its own.
        """
        settings, url = self.settings, self.settings.api_url + call.path
        options: dict[str, Any] = {"timeout": settings.timeout, "verify": settings.verify, "allow_redirects": False}
        self.requests += 1
        if not self._reuses_connections:
            self._session.close()
        try:
            with _deadline(settings.timeout), self._session.request(call.method, url, json=body, **options) as response:
                content = _read(response)
        # requests raises TypeError for some addresses of proxies.
        except (DeadlinePassed, OSError, TypeError, ValueError, zlib.error, urllib3.exceptions.HTTPError) as error:
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
    names = ("X-RateLimit-Reset", "Retry-After") if status == 429 else ("Retry-After",)
    waits = (_seconds_until(headers.get(name, ""), now) for name in names)
    return max((wait for wait in waits if 0 < wait <= LONGEST_REQUESTED_WAIT), default=None)


def _seconds_until(value: str, now: datetime) -> float:
    """Read a number of seconds, or an HTTP date. 0 if it is neither."""
    try:
        return float(value)
    except ValueError:
        date = http_date(value)
        return (date - now).total_seconds() if date else 0


# Fields by which APIs report that a list goes on: if true, if false, if above the number of records, and if above 1.
_NEXT = r"(has_?)?(more|next)(_?(page|results?|items|records|cursor|token|offset|marker|links?|ur[il]))*|cursor"
_MORE = re.compile(rf"{_NEXT}|continu(e|ation)(_?token)?|(is_?)?(truncated|partial)|incomplete_?results", re.IGNORECASE)
_END = re.compile(r"(is_?)?(last(_?page)?|complete|done)", re.IGNORECASE)
_COUNT = re.compile(
    r"total_?(count|items|results|records|rows|elements|size)?|(item|result|record)?_?count", re.IGNORECASE
)
_PAGES = re.compile(r".*pages|page_?count|last_?page", re.IGNORECASE)


def sign_of_more_pages(records: Sequence[object], envelope: Mapping[str, Any], links: Iterable[str]) -> str | None:
    """What reports that a list goes on: a field of its envelope, or one of its ``links``. None if nothing does.

    The API has no paging. If it ever gets one, a page must not be taken for the whole.
    """
    if any("next" in rel.lower().split() for rel in links):
        return "the header Link"
    todo = [{name: value for name, value in envelope.items() if value is not records}]
    while todo:
        for full_name, value in todo.pop().items():
            if isinstance(value, dict):
                todo.append(value)
            # As in @odata.nextLink.
            name = full_name.rpartition(".")[2]
            related = [each.get("rel") for each in value if isinstance(each, dict)] if isinstance(value, list) else []
            most = len(records) if _COUNT.fullmatch(name) else 1 if _PAGES.fullmatch(name) else math.inf
            count = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
            number = count if isinstance(count, (int, float)) else 0
            more = (value and _MORE.fullmatch(name)) or (value is False and _END.fullmatch(name)) or "next" in related
            if more or number > most:
                return printable(full_name)
    return None


def http_date(value: str | None) -> datetime | None:
    """Parse a date as HTTP writes it, such as ``Mon, 23 Nov 2026 12:00:00 GMT``; None if it is none."""
    with contextlib.suppress(TypeError, ValueError, IndexError, OverflowError):
        date = parsedate_to_datetime(value or "")
        return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return None


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


def _read(response: requests.Response) -> bytearray:
    """Read the whole body, but no more than LONGEST_RESPONSE, also of what a small body unpacks to.

    A body in another encoding than the one that was asked for stays packed, so it is none of the API's.
    """
    gzip = response.headers.get("Content-Encoding", "").lower() == "gzip"
    unpacker = zlib.decompressobj(zlib.MAX_WBITS + 16) if gzip else None
    content = bytearray()
    # Older releases of urllib3 take a body that is shorter than its Content-Length for whole.
    response.raw.enforce_content_length = True
    for chunk in response.raw.stream(CHUNK, decode_content=False):
        content += unpacker.decompress(chunk) if unpacker else chunk
        if len(content) > LONGEST_RESPONSE:
            longest = f"{LONGEST_RESPONSE // 1024 // 1024} MiB"
            raise requests.exceptions.ContentDecodingError(f"the response is longer than {longest}")
        if unpacker and unpacker.eof:
            break
    # Without a length, a body ends with the connection, if need be in {"result": [{"id": "5f, or in the headers.
    sized = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    cut = not unpacker.eof if unpacker else not sized and bytes(content[:1]) in (b"", b"{") and _parse(content) is None
    if cut and response.status_code == 200:
        raise requests.exceptions.ConnectionError("the response was cut off")
    return content


def _parse(body: bytearray) -> object:
    """The JSON in a body, None if it contains none."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body)
    return None
