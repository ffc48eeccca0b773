# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP: one session, authentication, retries, the rate limit, and one exception class. It knows no invitation."""

from __future__ import annotations

import contextlib
import json
import math
import random
import signal
import socket
import ssl
import time
import traceback
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

REQUESTS_IMPORT_ERROR: str | None = None
try:
    import requests
    import urllib3.connection
    import urllib3.exceptions
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

OLDEST_REQUESTS = (2, 28)
USER_AGENT = "ansible-collection-clickhouse.cloud"
MANAGE_PERMISSION = "control-plane:organization:manage"

# An organization with 20,000 invitations answers with less than 10 MB.
LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_REASON = 500

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0

# A variable of the environment may hold what is no UTF-8: for the API to refuse.
ANY_TEXT = "surrogatepass"

PASSING_STATUSES = frozenset({500, 502, 503, 504})


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


class ApiError(Exception):
    """A call that did not succeed; as text, one sentence for the person at the terminal.

    ``status`` is the HTTP status, or None where no answer came; ``reason`` the API's own words, or the fault's.
    ``lost``: the call may have been carried out all the same. ``passing``: it may work in a moment.
    ``wait``: the seconds that the API asked to wait, where it did. ``repeated``: an earlier try of this call was lost.
    """

    def __init__(
        self,
        sentence: str,
        *,
        method: str,
        path: str,
        reason: str,
        status: int | None = None,
        request_id: str | None = None,
        lost: bool = False,
        passing: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.method = method
        self.path = path
        self.reason = reason
        self.status = status
        self.request_id = request_id
        self.lost = lost
        self.passing = passing
        self.wait = wait
        self.repeated = False
        self._clauses = [sentence]

    def add(self, clause: str) -> None:
        """Append a clause to the sentence: what was tried, what follows from the failure."""
        self._clauses.append(clause)

    def __str__(self) -> str:
        return "; ".join(self._clauses) + "."

    @property
    def refused(self) -> bool:
        """The API understood this one request and would not carry it out; others may well succeed."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in (401, 403, 429)

    def as_result(self) -> dict[str, Any]:
        """The ``error`` of a failed task."""
        return {
            "status": self.status,
            "reason": self.reason,
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path,
        }


class Client:
    """Calls the API one request after another over one connection, and counts what that took.

    ``requests`` and ``retries`` are counts, ``waited`` is in seconds. ``server_time`` is the API's own clock as of its
    last answer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.requests = 0
        self.retries = 0
        self.waited = 0.0
        self.server_time: datetime | None = None
        self._session = requests.Session()
        # As text, they would be sent in Latin-1.
        self._session.auth = tuple(  # type: ignore[assignment]
            text.encode(errors=ANY_TEXT) for text in (settings.api_key, settings.api_secret)
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
        started = time.monotonic()
        tries = 0
        lost = False
        while True:
            try:
                return self._send(purpose, method, path, body)
            except ApiError as error:
                tries += 1
                error.repeated = lost
                lost = lost or error.lost
                if not error.passing or (method == "POST" and error.lost):
                    raise
                wait = error.wait or backoff(tries)
                spent = time.monotonic() - started
                if spent + wait > self.settings.retry_timeout:
                    times = "once" if tries == 1 else f"{tries} times in {spent:.0f} s"
                    error.add(f"tried {times}, more api_retry_timeout does not allow")
                    raise
            self.sleep(wait)
            self.retries += 1

    def sleep(self, seconds: float) -> None:
        """Wait, and count it."""
        time.sleep(seconds)
        self.waited += seconds

    def as_result(self) -> dict[str, Any]:
        """The ``api`` of a result."""
        return {"requests": self.requests, "retries": self.retries, "waited": round(self.waited, 3)}

    def _send(self, purpose: str, method: str, path: str, body: Mapping[str, Any] | None) -> object:
        """Send one request and wait for the whole of its answer."""
        self.requests += 1
        try:
            with (
                _deadline(self.settings.timeout),
                self._session.request(
                    method,
                    self.settings.api_url + path,
                    json=body,
                    timeout=self.settings.timeout,
                    verify=self.settings.verify,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                content = _read(response)
        # requests raises TypeError for some addresses of proxies.
        except (_DeadlinePassed, OSError, TypeError, ValueError, urllib3.exceptions.HTTPError) as error:
            self._session.close()
            fault = _diagnose(error, self.settings)
            raise ApiError(
                f"Could not {purpose}: {fault.what}; {fault.advice}",
                method=method,
                path=path,
                reason=fault.reason,
                lost=fault.lost,
                passing=fault.passing,
            ) from error
        self.server_time = _http_date(response.headers.get("Date"))
        return self._understand(purpose, method, path, response, content)

    def _understand(self, purpose: str, method: str, path: str, response: requests.Response, body: bytes) -> object:
        """Take the result out of an answer's envelope, or say what the answer means."""
        status = response.status_code
        envelope = _parse(body)
        told = envelope if isinstance(envelope, dict) else {}
        succeeded = 200 <= status < 300
        if succeeded and told and ("result" in told or method == "DELETE"):
            return told.get("result")

        reason = printable(told.get("error")) or printable(response.reason) or "no reason given"
        request_id = printable(told.get("requestId"))
        asked = wait_asked(response.headers) if status == 429 else None
        what, advice = self._explain(status, asked)
        seen = ", ".join(str(part) for part in (status, reason, request_id and f"request ID {request_id}") if part)
        raise ApiError(
            f"Could not {purpose}: {what} ({seen}); {advice}",
            method=method,
            path=path,
            reason=reason,
            status=status,
            request_id=request_id,
            lost=not 400 <= status < 500,
            passing=status == 429 or status in PASSING_STATUSES,
            wait=asked,
        )

    def _explain(self, status: int, asked: float | None) -> tuple[str, str]:
        """Say what a status means and what to do about it."""
        key, secret = self.settings.key_origin, self.settings.secret_origin
        known = {
            401: ("ClickHouse Cloud refused the API key", f"check the key, from {key}, and its secret, from {secret}"),
            403: ("the API key lacks a permission", f"give it {MANAGE_PERMISSION}, or use a key that has it"),
            404: (
                "ClickHouse Cloud found no such organization",
                "check organization_id, that the key belongs to it, and api_url",
            ),
            429: (
                f"ClickHouse Cloud's rate limit for the API key is reached{f', wait {asked:g} s' if asked else ''}",
                "run again later, run fewer jobs at a time on this key, or raise api_retry_timeout",
            ),
        }
        by_class = {
            2: ("the answer is not one of ClickHouse Cloud's", "check api_url and any proxy on the way"),
            3: ("the answer is a redirect, which is not followed", "check api_url"),
            4: ("ClickHouse Cloud refused it", "correct what it names and run again"),
            5: ("ClickHouse Cloud or a gateway before it is in trouble", "run again later"),
        }
        odd = ("the answer has a status that is not known", "check api_url and any proxy on the way")
        return known.get(status) or by_class.get(status // 100, odd)


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
            date = _http_date(value)
            if date:
                asked.append((date - datetime.now(timezone.utc)).total_seconds())
    return max((max(seconds, 0.0) for seconds in asked if math.isfinite(seconds)), default=None)


def printable(value: object) -> str | None:
    """Make one bounded line of text of what a server or library said; None where it said none."""
    if not isinstance(value, str):
        return None
    letters = "".join(letter if letter.isprintable() else " " for letter in value[: 2 * LONGEST_REASON])
    text = " ".join(letters.split())
    if len(value) > 2 * LONGEST_REASON or len(text) > LONGEST_REASON:
        # A word cut in two may be a part of a credential, which nobody would recognise.
        text = text[:LONGEST_REASON].rpartition(" ")[0]
    return text.rstrip(".") or None


class _DeadlinePassed(BaseException):
    """Raised by the timer wherever the code then is; no library's own handlers are to catch it."""


class _CutOff(OSError):
    """The connection ended before the body did."""


class _TooLong(ValueError):
    """The body has no end that is worth waiting for."""


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after so many seconds: socket timeouts only bound the gap between two bytes."""

    def strike(_signum: int, _frame: FrameType | None) -> None:
        raise _DeadlinePassed

    before = signal.signal(signal.SIGALRM, strike)
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
            raise _TooLong(f"the answer is longer than {LARGEST_ANSWER // 1024 // 1024} MiB")
    body = bytes(content)
    if _is_cut_off(response, body):
        raise _CutOff("the answer was cut off")
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


class _Fault(NamedTuple):
    """What kept an answer from coming."""

    what: str
    advice: str
    lost: bool = True
    passing: bool = True
    reason: str = ""


def _diagnose(error: BaseException, settings: Settings) -> _Fault:
    """Say what went wrong below HTTP, what to do about it, and whether the request can have arrived."""
    causes = list(_causes(error))
    host = urlsplit(settings.api_url).netloc
    reason = printable(str(causes[-1])) or type(causes[-1]).__name__
    slow = f"no whole answer from {host} within {settings.timeout:g} s"
    unknown_host = any(isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME for cause in causes)
    broken = f"the connection to {host} broke ({reason})"
    check_address = "check api_url and any proxy on the way"
    check_trust = "check api_url, ca_path and the variable REQUESTS_CA_BUNDLE where the module runs"
    faults: tuple[tuple[tuple[type[BaseException], ...], _Fault], ...] = (
        (
            # The second is how older releases of urllib3 say that the certificate is another host's.
            (ssl.SSLCertVerificationError, urllib3.connection.CertificateError),  # type: ignore[attr-defined]
            _Fault(
                f"the certificate of {host} is not trusted ({reason})",
                "name the CA bundle to trust in ca_path or, where that risk is understood, set validate_certs to false",
                lost=False,
                passing=False,
            ),
        ),
        ((requests.exceptions.ConnectTimeout,), _Fault(slow, "raise api_timeout or run again later", lost=False)),
        ((requests.exceptions.Timeout, _DeadlinePassed), _Fault(slow, "raise api_timeout or run again later")),
        (
            (requests.exceptions.ProxyError,),
            _Fault(
                f"the proxy did not let it through ({reason})",
                "check the proxy variables where the module runs",
                passing="Tunnel connection failed: 4" not in reason,
            ),
        ),
        (
            (socket.gaierror,),
            _Fault(
                f"there is no host {host} that can be found ({reason})",
                "check api_url and the name service where the module runs",
                lost=False,
                passing=not unknown_host,
            ),
        ),
        ((ConnectionRefusedError,), _Fault(f"{host} refused the connection", check_address, lost=False)),
        (
            (
                requests.exceptions.InvalidURL,
                requests.exceptions.InvalidProxyURL,
                requests.exceptions.InvalidSchema,
                urllib3.exceptions.LocationParseError,
            ),
            _Fault(f"the address cannot be used ({reason})", check_address, lost=False, passing=False),
        ),
        (
            (_TooLong, requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader),
            _Fault(f"the answer cannot be read ({reason})", check_address, passing=False),
        ),
        (
            (urllib3.exceptions.NewConnectionError,),
            _Fault(f"no connection to {host} ({reason})", "check the network where the module runs", lost=False),
        ),
        (
            (ssl.SSLEOFError, ssl.SSLZeroReturnError),
            _Fault(broken, "run again later"),
        ),
        ((ssl.SSLError,), _Fault(f"no secure connection to {host} ({reason})", check_trust, passing=False)),
        (
            (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, _CutOff),
            _Fault(broken, "run again later"),
        ),
        ((BaseException,), _Fault(f"the request could not be made ({reason})", check_trust, passing=False)),
    )
    fault = next(fault for kinds, fault in faults if any(isinstance(cause, kinds) for cause in causes))
    return fault._replace(reason=reason)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from or wraps, outermost first, the root cause last."""
    seen: list[BaseException] = []
    todo = [error]
    while todo:
        cause = todo.pop(0)
        if any(cause is other for other in seen):
            continue
        seen.append(cause)
        yield cause
        nested = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        todo.extend(item for item in nested if isinstance(item, BaseException))


def _http_date(value: str | None) -> datetime | None:
    """Parse a date as HTTP writes it; None where it is none."""
    try:
        date = parsedate_to_datetime(value or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
