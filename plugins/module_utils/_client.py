# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP: one session, authentication, retries, the rate limit, and the API's clock. It knows no invitation."""

from __future__ import annotations

import contextlib
import json
import math
import random
import signal
import time
import traceback
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ._errors import ApiError, Call, DeadlinePassed, no_answer, no_success

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
LARGEST_ANSWER = 64 * 1024 * 1024

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0

# A variable of the environment may hold what is no UTF-8: for the API to refuse.
ANY_TEXT = "surrogatepass"


class Clock(Protocol):
    """The functions of the module ``time`` that a client needs."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def time(self) -> float: ...


class Settings(NamedTuple):
    """How to reach the API, and as whom.

    ``api_url`` ends in neither a slash nor ``/v1``; times are in seconds. ``verify`` is what requests takes: whether to
    verify certificates, or the path of the CA bundle to trust. The origins say in words where key and secret came from.
    """

    api_key: str
    api_secret: str
    api_url: str
    timeout: float
    retry_timeout: float
    verify: bool | str
    key_origin: str
    secret_origin: str

    @property
    def host(self) -> str:
        """The host of the API, with its port if ``api_url`` has one."""
        return urlsplit(self.api_url).netloc

    @property
    def key_advice(self) -> str:
        """Where to check the API key."""
        return f"check the key, from {self.key_origin}, and its secret, from {self.secret_origin}"


class Client:
    """Calls the API one request after another over one connection, and counts what that took.

    ``requests`` and ``retries`` are counts, ``waited`` is in seconds. Tests pass a ``clock`` that does not wait.
    """

    def __init__(self, settings: Settings, clock: Clock = time) -> None:
        self.settings = settings
        self.clock = clock
        self.requests = 0
        self.retries = 0
        self.waited = 0.0
        self._api_time: datetime | None = None
        self._session = requests.Session()
        # As text, they would be sent in Latin-1.
        self._session.auth = requests.auth.HTTPBasicAuth(
            settings.api_key.encode(errors=ANY_TEXT), settings.api_secret.encode(errors=ANY_TEXT)
        )
        self._session.headers.update({"Accept": "application/json", "User-Agent": USER_AGENT})
        # A proxy would be sent the key in the clear. Plain http goes to this host only, where no proxy is needed.
        self._session.trust_env = settings.api_url.startswith("https:")

    def call(self, purpose: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> object:
        """Send a request until it gets through, and return the ``result`` of the answer, None where it has none.

        ``purpose`` completes "Could not …" in an error's sentence. What may work in a moment is tried again for as long
        as ``retry_timeout`` allows, but never a POST that may have been carried out: whoever calls has to look first.

        :raises ApiError: if the call did not succeed.
        """
        started = self.clock.monotonic()
        tries = 0
        ambiguous = False
        while True:
            try:
                return self._send(Call(purpose, method, path), body)
            except ApiError as failure:
                tries += 1
                error = replace(failure, earlier_try_ambiguous=ambiguous)
                ambiguous = ambiguous or error.ambiguous
                if not error.transient or (method == "POST" and error.ambiguous):
                    raise error from failure
                wait = error.wait or backoff(tries)
                spent = self.clock.monotonic() - started
                if spent + wait > self.settings.retry_timeout:
                    times = "once" if tries == 1 else f"{tries} times in {spent:.0f} s"
                    raise error.noting(f"tried {times}, more api_retry_timeout does not allow") from failure
            self.sleep(wait)
            self.retries += 1

    def sleep(self, seconds: float) -> None:
        """Wait, and count it."""
        self.clock.sleep(seconds)
        self.waited += seconds

    def now(self) -> datetime:
        """The time by the API's clock as of its last response; by this host's clock where none had a date.

        A wrong local clock would make valid invitations look expired.
        """
        return self._api_time or datetime.fromtimestamp(self.clock.time(), timezone.utc)

    def as_result(self) -> dict[str, Any]:
        """The ``api`` of a result."""
        return {"requests": self.requests, "retries": self.retries, "waited": round(self.waited, 3)}

    def _send(self, call: Call, body: Mapping[str, Any] | None) -> object:
        """Send one request, wait for the whole of its answer, and take the result out of its envelope."""
        self.requests += 1
        try:
            with (
                _deadline(self.settings.timeout),
                self._session.request(
                    call.method,
                    self.settings.api_url + call.path,
                    json=body,
                    timeout=self.settings.timeout,
                    verify=self.settings.verify,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                content = _read(response)
        # requests raises TypeError for some addresses of proxies.
        except (DeadlinePassed, OSError, TypeError, ValueError, urllib3.exceptions.HTTPError) as error:
            self._session.close()
            raise no_answer(call, error, self.settings.host, self.settings.timeout) from error
        self._api_time = http_date(response.headers.get("Date"))
        envelope = _parse(content)
        told = envelope if isinstance(envelope, dict) else {}
        answers = "requestId" in told if call.method == "DELETE" else "result" in told
        if 200 <= response.status_code < 300 and answers and not told.get("error"):
            return told.get("result")
        wait = wait_asked(response.headers) if response.status_code == 429 else None
        raise no_success(call, response, told, wait, self.settings.key_advice)


def requests_version() -> tuple[int, ...]:
    """The release of requests that is installed, as far as it can be compared."""
    return tuple(int(part) for part in requests.__version__.split(".")[:2] if part.isdecimal())


def backoff(tries: int) -> float:
    """Seconds to wait after so many tries that failed: exponential, with jitter, bounded."""
    longest: float = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(tries - 1, 10))
    return longest * random.uniform(0.5, 1)  # noqa: S311


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, None where it does not say or says nonsense.

    ``X-RateLimit-Reset`` is what ClickHouse Cloud documents; ``Retry-After``, a number or a date, is HTTP's own
    (RFC 9110, 10.2.3).
    """
    asked = []
    for name in ("X-RateLimit-Reset", "Retry-After"):
        value = headers.get(name, "")
        try:
            asked.append(float(value))
        except ValueError:
            date = http_date(value)
            if date:
                asked.append((date - datetime.now(timezone.utc)).total_seconds())
    return max((max(seconds, 0.0) for seconds in asked if math.isfinite(seconds)), default=None)


def _strike(*_signal: object) -> None:
    raise DeadlinePassed


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after so many seconds: socket timeouts only bound the gap between two bytes."""
    before = signal.signal(signal.SIGALRM, _strike)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _read(response: requests.Response) -> bytes:
    """Read the whole body, but no more than LARGEST_ANSWER."""
    content = bytearray()
    for chunk in response.iter_content(64 * 1024):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            longest = f"{LARGEST_ANSWER // 1024 // 1024} MiB"
            raise requests.exceptions.ContentDecodingError(f"the answer is longer than {longest}")
    body = bytes(content)
    if _is_cut_off(response, body):
        raise requests.exceptions.ConnectionError("the answer was cut off")
    return body


def _is_cut_off(response: requests.Response, body: bytes) -> bool:
    """Whether the connection ended too early, which urllib3 does not tell in headers or in a body of unknown length."""
    length = response.headers.get("Content-Length", "")
    if length.isdecimal():
        # Older releases of urllib3 take a body that ends too early for a whole one.
        return response.raw.tell() < int(length)
    end_told = response.status_code != 200 or "Transfer-Encoding" in response.headers
    return not end_told and body[:1] in (b"", b"{") and _parse(body) is None


def _parse(body: bytes) -> object:
    """The JSON in a body; None where it holds none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def http_date(value: str | None) -> datetime | None:
    """Parse a date as HTTP writes it; None where it is none."""
    try:
        date = parsedate_to_datetime(value or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
