# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a call and its words: what failed, why, and what to do about it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    import requests
    import urllib3.connection
    import urllib3.exceptions
except ImportError:
    pass  # Without requests no call is made that could fail.

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANAGE_PERMISSION = "control-plane:organization:manage"

LONGEST_REASON = 500

TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})


@dataclass(eq=False)
class ApiError(Exception):
    """A call that did not succeed; as text, one sentence for the person at the terminal.

    ``status`` is the HTTP status, or None where no answer came; ``reason`` the API's own words, or the fault's.
    ``ambiguous``: the call may have been carried out all the same. ``transient``: it may work in a moment.
    ``wait``: the seconds that the API asked to wait, where it did. ``earlier_try_ambiguous``: an earlier try of this
    call was ambiguous, so that one may have been carried out.
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

    def noting(self, *clauses: str | None) -> ApiError:
        """Return this error with clauses appended to its sentence: what was tried, what follows from it."""
        return replace(self, sentence="; ".join(filter(None, (self.sentence, *clauses))))

    def __str__(self) -> str:
        return f"{self.sentence}."

    @property
    def rejected(self) -> bool:
        """The API understood this one request and would not carry it out; others may well succeed."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in (401, 403, 429)

    def as_result(self) -> dict[str, Any]:
        """The ``error`` of a failed task."""
        return {name: getattr(self, name) for name in ("status", "reason", "request_id", "method", "path")}


class DeadlinePassed(BaseException):
    """Raised by the timer wherever the code then is; no library's own handlers are to catch it."""


class Call(NamedTuple):
    """A call of the API. ``purpose`` completes "Could not …" in an error's sentence; ``path`` begins with ``/v1``."""

    purpose: str
    method: str
    path: str


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


def no_answer(call: Call, error: BaseException, host: str, timeout: float) -> ApiError:
    """Make the error for a request that no answer came to from ``host`` within ``timeout`` seconds."""
    fault = _diagnose(error, host, timeout)
    return ApiError(
        f"Could not {call.purpose}: {fault.what}; {fault.advice}",
        method=call.method,
        path=call.path,
        reason=fault.reason,
        ambiguous=fault.ambiguous,
        transient=fault.transient,
    )


def no_success(
    call: Call, response: requests.Response, told: Mapping[str, Any], wait: float | None, key_advice: str
) -> ApiError:
    """Make the error for an answer that is no success.

    ``told`` is its envelope, empty where it has none; ``wait`` the seconds that it asks to wait, where it does;
    ``key_advice`` where to check the API key.
    """
    status = response.status_code
    reason = printable(told.get("error")) or printable(response.reason) or "no reason given"
    request_id = printable(told.get("requestId"))
    what, advice = _explain(status, call.method, key_advice, wait)
    seen = ", ".join(str(part) for part in (status, reason, request_id and f"request ID {request_id}") if part)
    return ApiError(
        f"Could not {call.purpose}: {what} ({seen}); {advice}",
        method=call.method,
        path=call.path,
        reason=reason,
        status=status,
        request_id=request_id,
        ambiguous=not 400 <= status < 500,
        transient=status == 429 or status in TRANSIENT_STATUSES,
        wait=wait,
    )


def _explain(status: int, method: str, key_advice: str, wait: float | None) -> tuple[str, str]:
    """Say what a status means, and what to do about it."""
    known = {
        401: ("ClickHouse Cloud refused the API key", key_advice),
        403: ("the API key lacks a permission", f"give it {MANAGE_PERMISSION}, or use a key that has it"),
        404: (
            "ClickHouse Cloud found no such organization",
            "check organization_id, that the key belongs to it, and api_url",
        ),
        429: (
            f"ClickHouse Cloud's rate limit for the API key is reached{f', wait {wait:g} s' if wait else ''}",
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
    # Whoever writes has read the organization's invitations just before.
    told = None if status == 404 and method != "GET" else known.get(status)
    return told or by_class.get(status // 100, odd)


class Fault(NamedTuple):
    """What kept an answer from coming."""

    what: str
    advice: str
    ambiguous: bool = True
    transient: bool = True
    reason: str = ""


def _diagnose(error: BaseException, host: str, timeout: float) -> Fault:
    """Say what went wrong below HTTP, what to do about it, and whether the request can have arrived."""
    causes = list(_causes(error))
    reason = printable(str(causes[-1])) or type(causes[-1]).__name__
    slow = f"no whole answer from {host} within {timeout:g} s"
    unknown_host = any(isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME for cause in causes)
    broken = Fault(f"the connection to {host} broke ({reason})", "run again later")
    check_address = "check api_url and any proxy on the way"
    check_trust = "check api_url, ca_path and the variable REQUESTS_CA_BUNDLE where the module runs"
    faults: tuple[tuple[tuple[type[BaseException], ...], Fault], ...] = (
        (
            # The second is how older releases of urllib3 say that the certificate is another host's.
            (ssl.SSLCertVerificationError, urllib3.connection.CertificateError),  # type: ignore[attr-defined]
            Fault(
                f"the certificate of {host} is not trusted ({reason})",
                "name the CA bundle to trust in ca_path or, where that risk is understood, set validate_certs to false",
                ambiguous=False,
                transient=False,
            ),
        ),
        ((requests.exceptions.ConnectTimeout,), Fault(slow, "raise api_timeout or run again later", ambiguous=False)),
        ((requests.exceptions.Timeout, DeadlinePassed), Fault(slow, "raise api_timeout or run again later")),
        (
            (requests.exceptions.ProxyError,),
            Fault(
                f"the proxy did not let it through ({reason})",
                "check the proxy variables where the module runs",
                transient="Tunnel connection failed: 4" not in reason,
            ),
        ),
        (
            (socket.gaierror,),
            Fault(
                f"there is no host {host} that can be found ({reason})",
                "check api_url and the name service where the module runs",
                ambiguous=False,
                transient=not unknown_host,
            ),
        ),
        ((ConnectionRefusedError,), Fault(f"{host} refused the connection", check_address, ambiguous=False)),
        (
            (
                requests.exceptions.InvalidURL,
                requests.exceptions.InvalidProxyURL,
                requests.exceptions.InvalidSchema,
                urllib3.exceptions.LocationParseError,
            ),
            Fault(f"the address cannot be used ({reason})", check_address, ambiguous=False, transient=False),
        ),
        (
            (requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader),
            Fault(f"the answer cannot be read ({reason})", check_address, transient=False),
        ),
        (
            (urllib3.exceptions.NewConnectionError,),
            Fault(f"no connection to {host} ({reason})", "check the network where the module runs", ambiguous=False),
        ),
        ((ssl.SSLEOFError, ssl.SSLZeroReturnError), broken),
        ((ssl.SSLError,), Fault(f"no secure connection to {host} ({reason})", check_trust, transient=False)),
        ((requests.exceptions.RequestException, urllib3.exceptions.HTTPError), broken),
        ((BaseException,), Fault(f"the request could not be made ({reason})", check_trust, transient=False)),
    )
    fault = next(fault for kinds, fault in faults if any(isinstance(cause, kinds) for cause in causes))
    return fault._replace(reason=reason)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from or wraps, outermost first, the root cause last."""
    seen: list[BaseException] = []
    todo = [error]
    while todo:
        cause = todo.pop(0)
        if cause in seen:
            continue
        seen.append(cause)
        yield cause
        nested = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        todo.extend(item for item in nested if isinstance(item, BaseException))
