# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport of the contract: every request passes here, so this is where a live organization is protected."""

from __future__ import annotations

import io
import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.clickhouse.cloud.plugins.module_utils._options import is_uuid, normalize_email
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

if TYPE_CHECKING:
    from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Clock
    from requests import PreparedRequest, Response

MAX_EMAILS = 6
# The API allows ten requests in ten seconds.
MAX_REQUESTS = 9
WINDOW = 10.0


class UnsafeRequest(RuntimeError):
    """A request that must not reach a live organization."""


class Exchange(NamedTuple):
    """A request, and its response: ``body`` is the parsed JSON, None if there is none."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: Any


class Transport(HTTPAdapter):
    """Sends reads, and writes to the invitations of one person only; at most six emails; below the rate limit.

    - ``exchanges``: every request that got a response.
    - ``sent``: when the latest requests were sent, by ``clock.monotonic()``.
    - ``created_ids``, ``deleted_ids``: IDs of the invitations that were created and deleted.
    - ``is_ambiguous``: a POST got no response that tells whether it created an invitation.

    ``window`` is in seconds; a simulator without a rate limit takes 0.
    """

    def __init__(self, email: str, clock: Clock = time, window: float = WINDOW) -> None:
        super().__init__()
        self.email = email
        self.exchanges: list[Exchange] = []
        self.sent: deque[float] = deque(maxlen=MAX_REQUESTS)
        self.created_ids: set[str] = set()
        self.deleted_ids: set[str] = set()
        self.is_ambiguous = False
        self.clock = clock
        self._emails = 0
        self._ids: set[str] = set()
        self._window = window

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send a request when it is safe and due, and record its response.

        :raises UnsafeRequest: before anything is sent.
        """
        method, path = str(request.method), request.path_url
        self._check(method, path, request.body)
        self.reserve(1)
        self.sent.append(self.clock.monotonic())
        if method == "POST":
            self._emails += 1
            self.is_ambiguous = True
        response = super().send(request, *args, **kwargs)
        try:
            body = response.json()
        except ValueError:
            body = None
        # The client reads it again, as it was unpacked.
        for name in ("Content-Encoding", "Content-Length"):
            response.headers.pop(name, None)
        response.raw = HTTPResponse(io.BytesIO(response.content), preload_content=False)
        self.exchanges.append(Exchange(method, path, response.status_code, dict(response.headers), body))
        self._note(method, path, response.status_code, body.get("result") if isinstance(body, dict) else None)
        return response

    def reserve(self, requests: int) -> None:
        """Wait until so many requests can be sent without a pause."""
        last = MAX_REQUESTS - requests
        if len(self.sent) > last:
            wait = self.sent[-last - 1] + self._window - self.clock.monotonic()
            self.clock.sleep(max(wait, 0.0))

    def _check(self, method: str, path: str, body: bytes | str | None) -> None:
        last = path.rpartition("/")[2]
        if method == "GET":
            return
        if method == "POST" and last == "invitations" and self._is_theirs(json.loads(body or "null")):
            if self._emails == MAX_EMAILS:
                raise UnsafeRequest(f"More than {MAX_EMAILS} emails would be sent.")
            return
        if method == "DELETE" and last.lower() in self._ids:
            return
        raise UnsafeRequest(f"{method} {path} is not for an invitation of {self.email}.")

    def _note(self, method: str, path: str, status: int, result: object) -> None:
        """Keep track of the person's invitations. A 5xx response leaves the outcome of a POST open."""
        records = result if isinstance(result, list) else [result]
        theirs = [record for record in records if self._is_theirs(record) or (method == "POST" and status < 300)]
        ids = {record["id"].lower() for record in theirs if isinstance(record, dict) and is_uuid(record.get("id"))}
        self._ids |= ids
        is_rejected = 400 <= status < 500
        if method == "POST" and (ids or is_rejected):
            self.created_ids |= ids
            self.is_ambiguous = False
            self._emails -= is_rejected
        if method == "DELETE" and (status < 300 or status == 404):
            self.deleted_ids.add(path.rpartition("/")[2].lower())

    def _is_theirs(self, record: object) -> bool:
        """Whether a record or a request is of this person; members and organizations are never."""
        return isinstance(record, dict) and normalize_email(str(record.get("email"))) == self.email
