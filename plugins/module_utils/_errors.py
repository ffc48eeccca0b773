# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the errors of calls: what a status means, or what kept an answer from coming, and what to do about it."""

from __future__ import annotations

import math
import socket
import ssl
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ._client import ApiError, DeadlinePassed, http_date, printable

try:
    import requests
    import urllib3.connection
    import urllib3.exceptions
except ImportError:
    pass  # Without requests no call is made that could fail.

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._client import Settings

MANAGE_PERMISSION = "control-plane:organization:manage"

TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})


def no_answer(error: BaseException, settings: Settings, purpose: str, method: str, path: str) -> ApiError:
    """Make the error for a request that no answer came to."""
    fault = _diagnose(error, settings)
    return ApiError(
        f"Could not {purpose}: {fault.what}; {fault.advice}",
        method=method,
        path=path,
        reason=fault.reason,
        ambiguous=fault.ambiguous,
        transient=fault.transient,
    )


def no_success(
    response: requests.Response, told: Mapping[str, Any], settings: Settings, purpose: str, method: str, path: str
) -> ApiError:
    """Make the error for an answer that is no success; ``told`` is its envelope, empty where it has none."""
    status = response.status_code
    reason = printable(told.get("error")) or printable(response.reason) or "no reason given"
    request_id = printable(told.get("requestId"))
    asked = wait_asked(response.headers) if status == 429 else None
    what, advice = _explain(status, method, settings, asked)
    seen = ", ".join(str(part) for part in (status, reason, request_id and f"request ID {request_id}") if part)
    return ApiError(
        f"Could not {purpose}: {what} ({seen}); {advice}",
        method=method,
        path=path,
        reason=reason,
        status=status,
        request_id=request_id,
        ambiguous=not 400 <= status < 500,
        transient=status == 429 or status in TRANSIENT_STATUSES,
        wait=asked,
    )


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


def _explain(status: int, method: str, settings: Settings, asked: float | None) -> tuple[str, str]:
    """Say what a status means, and what to do about it; ``asked`` are the seconds to wait, where the answer asks to."""
    known = {
        401: (
            "ClickHouse Cloud refused the API key",
            f"check the key, from {settings.key_origin}, and its secret, from {settings.secret_origin}",
        ),
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


def _diagnose(error: BaseException, settings: Settings) -> Fault:
    """Say what went wrong below HTTP, what to do about it, and whether the request can have arrived."""
    causes = list(_causes(error))
    host = urlsplit(settings.api_url).netloc
    reason = printable(str(causes[-1])) or type(causes[-1]).__name__
    slow = f"no whole answer from {host} within {settings.timeout:g} s"
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
