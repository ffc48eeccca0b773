# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a call and its words. This module util is private to the collection.

Two tables contain the words: ``FAULTS`` for requests that got no response, ``STATUSES`` for responses that report a
failure.
"""

from __future__ import annotations

import re
import socket
import ssl
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote
from urllib.request import getproxies

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

LONGEST_REASON = 500

# Statuses worth retrying. 520 to 524 and 530 are Cloudflare's own: an origin that is down, unreachable or too slow.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525), 530})


@dataclass(eq=False)
class ApiError(Exception):
    """A call that did not succeed; as text, one sentence for the person at the terminal.

    It is a value: nothing changes one, ``noting()`` returns a new one. Its fields:

    - ``sentence``: without its final full stop. ``reason``: the API's error text, or the exception's.
    - ``method``, ``path``: of the call. ``status``: of the response, None if there was none.
    - ``request_id``: the API's name for the request, None if the response does not have it.
    - ``ambiguous``: the call may have taken effect. ``transient``: worth retrying.
    - ``from_api``: the response came from ClickHouse Cloud itself, not from a gateway in front of it.
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
    from_api: bool = True
    wait: float | None = None
    earlier_try_ambiguous: bool = False

    def __str__(self) -> str:
        return f"{self.sentence}."

    def noting(self, *clauses: str | None) -> ApiError:
        """Return this error with clauses appended to its sentence: what was tried, what follows. None is skipped."""
        return replace(self, sentence="; ".join(filter(None, (self.sentence, *clauses))))

    @property
    def rejected(self) -> bool:
        """The API itself said no to this one request; requests for other people may well succeed."""
        client_error = self.status is not None and 400 <= self.status < 500
        return self.from_api and client_error and not self.transient and self.status != 401

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
    causes = _causes(error)
    said = str(causes[-1])
    reason = printable(mask_proxies(said)) or type(causes[-1]).__name__
    fault = next(
        each for each in FAULTS if each.says in said and any(isinstance(cause, each.kinds) for cause in causes)
    )
    issuer = f"no CA in ca_path ({ca_path}) issued it" if ca_path else "no CA that this host trusts issued it"
    words = {"host": host, "timeout": f"{timeout:.10g}", "reason": reason, "issuer": issuer}
    what, advice = fault.what.format(**words), fault.advice.format(**words)
    never_sent = said.startswith(NO_TUNNEL) or any(isinstance(cause, NEVER_SENT) for cause in causes)
    failure = ApiError(f"Could not {call.purpose}: {what}; {advice}", reason, call.method, call.path)
    return replace(failure, ambiguous=not never_sent, transient=fault.transient, from_api=False)


def failed_response(
    call: Call, response: requests.Response, envelope: Mapping[str, Any], wait: float | None, key_advice: str
) -> ApiError:
    """Make the error of a response that reports no success.

    ``envelope`` is the API's, empty if the body is something else; ``wait`` the seconds to wait that the response asks
    for; ``key_advice`` tells where key and secret came from.
    """
    status, words = response.status_code, printable(envelope.get("error"))
    reason = words or printable(response.reason) or "no reason given"
    request_id = printable(envelope.get("requestId"))
    # Some of the API's errors have no request ID.
    from_api = request_id is not None or (words is not None and envelope.get("status") == status)
    what, advice = _meaning(status, call.method, from_api)
    advice = advice.format(key=key_advice, permission=_permission(call))
    asked = f", wait {wait:.10g} s" if wait else ""
    seen = ", ".join(str(part) for part in (status, reason, request_id and f"request ID {request_id}") if part)
    # A gateway answers 408 for a request that it may have passed on.
    ambiguous = status == 408 or not 400 <= status < 500
    sentence = f"Could not {call.purpose}: {what}{asked} ({seen}); {advice}"
    error = ApiError(sentence, reason, call.method, call.path, status, request_id, ambiguous)
    return replace(error, transient=status in TRANSIENT_STATUSES, from_api=from_api, wait=wait)


def printable(value: object) -> str | None:
    """Make one line of bounded length of a server's or library's text; None if it is not text, or blank."""
    if not isinstance(value, str):
        return None
    text = " ".join("".join(each if each.isprintable() else " " for each in value[: 2 * LONGEST_REASON]).split())
    if len(value) > 2 * LONGEST_REASON or len(text) > LONGEST_REASON:
        # Ansible masks whole credentials only: never cut one in two.
        text = text[:LONGEST_REASON].rpartition(" ")[0]
    return text.rstrip(".") or None


def mask_proxies(text: str) -> str:
    """Mask the passwords of proxies. Libraries that take ``#`` for the address's end quote only what is before it."""
    for proxy in getproxies().values():
        password = proxy.rpartition("@")[0].split("//", 1)[-1].partition(":")[2]
        for part in filter(None, (password, unquote(password), re.split("[/?#]", password)[0])):
            text = text.replace(part, "********")
    return text


_CHECK_ADDRESS = "check api_url and any proxy on the way"

# What a status, or a class of them, means, and what to do about it.
STATUSES = {
    401: ("ClickHouse Cloud rejected the API key", "{key}"),
    403: ("ClickHouse Cloud denied the request", "check that the API key is the organization's and has {permission}"),
    404: ("ClickHouse Cloud found no such organization", "check organization_id, its API key and api_url"),
    429: ("the API key's rate limit is reached", "run fewer jobs at a time on this key, or raise api_retry_timeout"),
    2: ("the response is not one of ClickHouse Cloud's", _CHECK_ADDRESS),
    3: ("the response is a redirect, which is not followed", "check api_url"),
    4: ("ClickHouse Cloud rejected the request", "correct what it names and run again"),
    5: ("ClickHouse Cloud or a gateway in front of it returned an error", "run again later"),
}

# Which permission a GET takes, by the collection in its path. All other calls take manage.
PERMISSIONS: dict[str | None, str] = {"": "view", "invitations": "view", "members": "view", "keys": "view-api-keys"}


def _meaning(status: int, method: str, from_api: bool) -> tuple[str, str]:
    if status in TRANSIENT_STATUSES:
        return STATUSES.get(status, STATUSES[5])
    if not from_api and status // 100 == 4:
        advice = "check api_url and any proxy, firewall or IP access list on the way"
        what = "a proxy or firewall rejected the request, not ClickHouse Cloud"
        return what, f"{advice}; if there is none, {{key}}" if status == 401 else advice
    # Before any write, the organization was found: a 404 is then about something else.
    known = None if status == 404 and method != "GET" else STATUSES.get(status)
    return known or STATUSES.get(status // 100) or ("the response has an unknown status", _CHECK_ADDRESS)


def _permission(call: Call) -> str:
    # As in /v1/organizations/ID/members.
    collection = "".join(call.path.split("/")[4:5]) if call.method == "GET" else None
    return f"control-plane:organization:{PERMISSIONS.get(collection, 'manage')}"


class Fault(NamedTuple):
    """Why no response came. It explains exceptions of these ``kinds`` whose reason contains ``says``.

    ``what`` happened and ``advice`` take ``{host}``, ``{timeout}``, ``{reason}`` and ``{issuer}``.
    """

    kinds: tuple[type[BaseException], ...]
    what: str
    advice: str
    transient: bool = True
    says: str = ""


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
    _UNUSABLE_ADDRESS = (failures.InvalidURL, failures.InvalidProxyURL, failures.InvalidSchema, LocationParseError)
    _UNREADABLE = (failures.ContentDecodingError, failures.InvalidHeader, zlib.error)
    _UNTRUSTED = (ssl.SSLCertVerificationError, CertificateError)
    _NO_CONNECTION = (failures.ConnectTimeout, NewConnectionError, ConnectionRefusedError, socket.gaierror)
    _CHECK_TRUST = "check api_url, ca_path and the variable REQUESTS_CA_BUNDLE where the module runs"
    _CHECK_CA = "{issuer}: check api_url, and name the bundle of its CA in ca_path; a directory needs `openssl rehash`"
    _CHECK_DNS = "check api_url and DNS on the host that runs the module"
    _CHECK_PROXY = "check the proxy variables where the module runs"
    _LATE = "no complete response from {host} within {timeout} s"
    _BROKEN = "the connection to {host} broke ({reason})"
    _PROXY = "the proxy did not let the request through ({reason})"

    # Exceptions that come before a request is sent: with any of them, a call is not ambiguous.
    NEVER_SENT = (*_UNTRUSTED, *_UNUSABLE_ADDRESS, *_NO_CONNECTION)

    # The first that explains an exception counts.
    FAULTS = (
        Fault(_UNTRUSTED, "the certificate of {host} is for another host ({reason})", "check api_url", False, "match"),
        Fault(_UNTRUSTED, "the certificate of {host} is not trusted ({reason})", _CHECK_CA, False),
        Fault((failures.Timeout, DeadlinePassed), _LATE, "raise api_timeout or run again later"),
        Fault((failures.ProxyError,), _PROXY, _CHECK_PROXY, False, f"{NO_TUNNEL}: 4"),
        Fault((failures.ProxyError,), _PROXY, _CHECK_PROXY),
        Fault((socket.gaierror,), "cannot resolve {host} ({reason})", _CHECK_DNS),
        Fault((ConnectionRefusedError,), "{host} refused the connection", _CHECK_ADDRESS),
        Fault(_UNUSABLE_ADDRESS, "the address cannot be used ({reason})", _CHECK_ADDRESS, False),
        Fault(_UNREADABLE, "the response cannot be read ({reason})", _CHECK_ADDRESS, False),
        Fault((NewConnectionError,), "no connection to {host} ({reason})", "check the network where the module runs"),
        Fault((ssl.SSLEOFError, ssl.SSLZeroReturnError), _BROKEN, "run again later"),
        Fault((ssl.SSLError,), "no secure connection to {host} ({reason})", _CHECK_TRUST, False),
        Fault((failures.RequestException, HTTPError), _BROKEN, "run again later"),
        Fault((BaseException,), "the request could not be made ({reason})", _CHECK_TRUST, False),
    )


def _causes(error: BaseException) -> list[BaseException]:
    """An exception and what it wraps or was raised from, outermost first, the root cause last.

    The error of an earlier call, during whose handling this call was made, is no cause.
    """
    causes = [error]
    for cause in causes:
        nested = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        new = [each for each in nested if isinstance(each, BaseException) and each not in causes]
        causes += [each for each in new if not isinstance(each, ApiError)]
    return causes
