# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a call and its words. This module util is private to the collection.

Two tables hold the words: ``FAULTS`` for requests that got no response, ``STATUSES`` for responses that report a
failure.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

LONGEST_REASON = 500

# Statuses worth retrying. 520 to 524 and 530 are Cloudflare's own: an origin that is down, unreachable or too slow.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525), 530})


@dataclass(eq=False)
class ApiError(Exception):
    """A call that did not succeed; as text, one sentence for the person at the terminal.

    It is a value: nothing changes one, ``noting()`` returns a new one. Its fields:

    - ``sentence``: without its final full stop. ``reason``: the API's own words, or the fault's.
    - ``method``, ``path``: of the call. ``status``: of the response, None if there was none.
    - ``request_id``: the API's name for the request, None if the response is not in the API's envelope.
    - ``ambiguous``: the call may have taken effect. ``transient``: worth retrying.
    - ``wait``: the seconds to wait that the response asks for, None if it does not.
    - ``earlier_try_ambiguous``: an earlier try of the same call was ambiguous, so that one may have taken effect. For
      example, a DELETE that is answered by 404 after a timeout may have deleted the invitation itself.
    """

    sentence: str
    reason: str
    method: str | None = None
    path: str | None = None
    status: int | None = None
    request_id: str | None = None
    ambiguous: bool = False
    transient: bool = False
    wait: float | None = None
    earlier_try_ambiguous: bool = False

    def __str__(self) -> str:
        return f"{self.sentence}."

    def noting(self, *clauses: str | None) -> ApiError:
        """Return this error with clauses appended to its sentence: what was tried, what follows. None is skipped."""
        return replace(self, sentence="; ".join(filter(None, (self.sentence, *clauses))))

    @property
    def from_api(self) -> bool:
        """The response came from ClickHouse Cloud: only its envelope has a request ID. A gateway's has none."""
        return self.request_id is not None

    @property
    def rejected(self) -> bool:
        """This one request was understood and rejected; requests for other people may well succeed."""
        client_error = self.status is not None and 400 <= self.status < 500
        return client_error and not self.transient and self.status not in (401, 403, 407)

    @property
    def unreachable(self) -> bool:
        """No connection was made, which is worth retrying: nothing listens there, or the name is not resolved."""
        return self.status is None and self.transient and not self.ambiguous

    def as_result(self) -> dict[str, Any]:
        """The ``error`` of a failed task."""
        return {name: getattr(self, name) for name in ("status", "reason", "request_id", "method", "path")}


class DeadlinePassed(BaseException):
    """A response took too long. Not an ``Exception``, so that no library in between handles it."""


class Call(NamedTuple):
    """A call of the API. ``purpose`` completes "Could not …" in an error's sentence; ``path`` begins with ``/v1``."""

    purpose: str
    method: str
    path: str


def no_response(call: Call, error: BaseException, host: str, timeout: float, ca_path: str | None) -> ApiError:
    """Make the error of a request that got no response from ``host``.

    ``timeout`` is the longest wait in seconds, ``ca_path`` the CA bundle or directory to trust, if one was given.
    """
    causes = list(_causes(error))
    reason = printable(str(causes[-1])) or type(causes[-1]).__name__
    fault = next(fault for fault in FAULTS if fault.explains(causes, reason))
    what, advice = (
        text.format(host=host, timeout=number(timeout), reason=reason, trust=_trust_advice(ca_path))
        for text in (fault.what, fault.advice)
    )
    return ApiError(
        f"Could not {call.purpose}: {what}; {advice}",
        method=call.method,
        path=call.path,
        reason=reason,
        ambiguous=not (any(isinstance(cause, NEVER_SENT) for cause in causes) or reason.startswith(NO_TUNNEL)),
        transient=fault.transient,
    )


def failed_response(
    call: Call, response: requests.Response, envelope: Mapping[str, Any], wait: float | None, key_advice: str
) -> ApiError:
    """Make the error of a response that reports no success.

    ``envelope`` is the API's, empty if the body is something else; ``wait`` the seconds to wait that the response asks
    for; ``key_advice`` tells where key and secret came from.
    """
    status = response.status_code
    reason = printable(envelope.get("error")) or printable(response.reason) or "no reason given"
    request_id = printable(envelope.get("requestId"))
    what, advice = _meaning(status, call.method, from_api=request_id is not None)
    asked = f", wait {number(wait)} s" if wait else ""
    seen = ", ".join(str(part) for part in (status, reason, request_id and f"request ID {request_id}") if part)
    return ApiError(
        f"Could not {call.purpose}: {what}{asked} ({seen}); {advice.format(key=key_advice)}",
        method=call.method,
        path=call.path,
        reason=reason,
        status=status,
        request_id=request_id,
        # A gateway answers 408 for a request that it may have passed on.
        ambiguous=status == 408 or not 400 <= status < 500,
        transient=status in TRANSIENT_STATUSES,
        wait=wait,
    )


def printable(value: object) -> str | None:
    """Make one line of bounded length of a server's or library's text; None if it is not text, or blank."""
    if not isinstance(value, str):
        return None
    letters = "".join(letter if letter.isprintable() else " " for letter in value[: 2 * LONGEST_REASON])
    text = " ".join(letters.split())
    if len(value) > 2 * LONGEST_REASON or len(text) > LONGEST_REASON:
        # Ansible masks whole credentials only: never cut one in two.
        text = text[:LONGEST_REASON].rpartition(" ")[0]
    return text.rstrip(".") or None


def number(value: float) -> str:
    """A number as people write it: ``30``, ``0.25``, ``2500000``."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


class Meaning(NamedTuple):
    """What a status means, and what to do about it."""

    what: str
    advice: str


_CHECK_ADDRESS = "check api_url and any proxy on the way"
_UNAVAILABLE = Meaning("ClickHouse Cloud or a gateway in front of it returned an error", "run again later")
_ON_THE_WAY = "something on the way rejected the request, not ClickHouse Cloud"

STATUSES = {
    401: Meaning("ClickHouse Cloud rejected the API key", "{key}"),
    403: Meaning(
        "the API key lacks a permission", "give it control-plane:organization:manage, or use a key that has it"
    ),
    404: Meaning(
        "ClickHouse Cloud found no such organization", "check organization_id, that the key belongs to it, and api_url"
    ),
    408: _UNAVAILABLE,
    425: _UNAVAILABLE,
    429: Meaning(
        "ClickHouse Cloud's rate limit for the API key is reached",
        "run again later, run fewer jobs at a time on this key, or raise api_retry_timeout",
    ),
}

# Their bodies are not the API's envelope.
GATEWAY_STATUSES = {
    401: Meaning(_ON_THE_WAY, "check any proxy, firewall or IP access list and, if there is none, {key}"),
    403: Meaning(_ON_THE_WAY, "check any proxy, web application firewall (WAF) or IP access list, and api_url"),
    407: Meaning(_ON_THE_WAY, "check the proxy variables where the module runs, and api_url"),
}

STATUS_CLASSES = {
    2: Meaning("the response is not one of ClickHouse Cloud's", _CHECK_ADDRESS),
    3: Meaning("the response is a redirect, which is not followed", "check api_url"),
    4: Meaning("ClickHouse Cloud rejected the request", "correct what it names and run again"),
    5: _UNAVAILABLE,
}

_UNKNOWN_STATUS = Meaning("the response has an unknown status", _CHECK_ADDRESS)


def _meaning(status: int, method: str, *, from_api: bool) -> Meaning:
    if not from_api and status in GATEWAY_STATUSES:
        return GATEWAY_STATUSES[status]
    if not from_api and 400 <= status < 500 and status not in (404, *TRANSIENT_STATUSES):
        return Meaning(_ON_THE_WAY, _CHECK_ADDRESS)
    # Before any write, the organization was found: a 404 is then about something else.
    known = None if status == 404 and method != "GET" else STATUSES.get(status)
    return known or STATUS_CLASSES.get(status // 100, _UNKNOWN_STATUS)


class Fault(NamedTuple):
    """Why no response came. It explains exceptions of these ``kinds`` whose reason contains ``says``.

    ``what`` happened and ``advice`` take ``{host}``, ``{timeout}``, ``{reason}`` and ``{trust}``.
    """

    kinds: tuple[type[BaseException], ...]
    what: str
    advice: str
    transient: bool = True
    says: str = ""

    def explains(self, causes: list[BaseException], reason: str) -> bool:
        """Whether this is the kind of fault that these exceptions are about."""
        return self.says in reason and any(isinstance(cause, self.kinds) for cause in causes)


NO_TUNNEL = "Tunnel connection failed"

try:
    import requests.exceptions as failures
    from urllib3.connection import CertificateError  # type: ignore[attr-defined]
    from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
except ImportError:
    # Without requests no call is made that could fail.
    NEVER_SENT: tuple[type[BaseException], ...] = ()
    FAULTS: tuple[Fault, ...] = ()
else:
    _UNUSABLE_ADDRESS = (
        failures.InvalidURL,
        failures.InvalidProxyURL,
        failures.InvalidSchema,
        LocationParseError,
    )
    _UNTRUSTED = (ssl.SSLCertVerificationError, CertificateError)
    _CHECK_TRUST = "check api_url, ca_path and the variable REQUESTS_CA_BUNDLE where the module runs"
    _BROKEN = "the connection to {host} broke ({reason})"
    _PROXY = "the proxy did not let the request through ({reason})"
    _CHECK_PROXY = "check the proxy variables where the module runs"

    # Exceptions that come before a request is sent: with any of them, a call is not ambiguous.
    NEVER_SENT = (
        *_UNTRUSTED,
        *_UNUSABLE_ADDRESS,
        failures.ConnectTimeout,
        NewConnectionError,
        ConnectionRefusedError,
        socket.gaierror,
    )

    # The first that explains an exception counts.
    FAULTS = (
        Fault(_UNTRUSTED, "the certificate of {host} is for another host ({reason})", "check api_url", False, "match"),
        Fault(_UNTRUSTED, "the certificate of {host} is not trusted ({reason})", "{trust}", False),
        Fault(
            (failures.Timeout, DeadlinePassed),
            "no complete response from {host} within {timeout} s",
            "raise api_timeout or run again later",
        ),
        Fault((failures.ProxyError,), _PROXY, _CHECK_PROXY, False, f"{NO_TUNNEL}: 4"),
        Fault((failures.ProxyError,), _PROXY, _CHECK_PROXY),
        Fault(
            (socket.gaierror,),
            "cannot resolve {host} ({reason})",
            "check api_url and the name service where the module runs",
        ),
        Fault((ConnectionRefusedError,), "{host} refused the connection", _CHECK_ADDRESS),
        Fault(_UNUSABLE_ADDRESS, "the address cannot be used ({reason})", _CHECK_ADDRESS, False),
        Fault(
            (failures.ContentDecodingError, failures.InvalidHeader),
            "the response cannot be read ({reason})",
            _CHECK_ADDRESS,
            False,
        ),
        Fault((NewConnectionError,), "no connection to {host} ({reason})", "check the network where the module runs"),
        Fault((ssl.SSLEOFError, ssl.SSLZeroReturnError), _BROKEN, "run again later"),
        Fault((ssl.SSLError,), "no secure connection to {host} ({reason})", _CHECK_TRUST, False),
        Fault((failures.RequestException, HTTPError), _BROKEN, "run again later"),
        Fault((BaseException,), "the request could not be made ({reason})", _CHECK_TRUST, False),
    )


def _trust_advice(ca_path: str | None) -> str:
    if ca_path is None:
        return "name the CA bundle to trust in ca_path or, where that risk is understood, set validate_certs to false"
    return (
        f"nothing in ca_path, {ca_path}, vouches for it: name the bundle of the CA that issued it; a directory needs"
        " `openssl rehash`"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it wraps or was raised from, outermost first, the root cause last.

    The error of an earlier call, during whose handling this call was made, is no cause.
    """
    seen: list[BaseException] = []
    todo = [error]
    while todo:
        cause = todo.pop(0)
        if cause in seen:
            continue
        seen.append(cause)
        yield cause
        nested = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        todo.extend(item for item in nested if isinstance(item, BaseException) and not isinstance(item, ApiError))
