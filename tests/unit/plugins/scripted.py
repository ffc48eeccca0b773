# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API that follows a script: it fails the test on any call but the next one of the script."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from email.utils import format_datetime

import pytest
import requests
import urllib3
from credentials import credentials_in

from .records import ADMIN, BELOW, KEY, NOW, SECRET, member_record, role_record, uid

REQUEST_ID = uid(0xF)
DATE = {"Date": format_datetime(NOW, usegmt=True)}

FOUNDER = member_record("founder@example.com", roles=[ADMIN], user_id=uid(0xF0))


@dataclass
class Answer:
    """An HTTP answer that ``takes`` so many seconds."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    takes: float = 0.0

    def to(self, request):
        response = requests.Response()
        response.status_code = self.status
        response.reason = self.reason
        response.headers.update({**DATE, "Content-Length": str(len(self.body)), **self.headers})
        # As older releases of urllib3, which take a body that ends too early for a whole one.
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(self.body), self.headers, self.status, preload_content=False, enforce_content_length=False
        )
        response.request = request
        response.url = request.url
        return response


def result(value, status=200, **more):
    """A success in the API's envelope."""
    return Answer(status, json.dumps({"status": status, "requestId": REQUEST_ID, "result": value}).encode(), **more)


def done(**more):
    """A success without a result, as for DELETE."""
    return Answer(200, json.dumps({"status": 200, "requestId": REQUEST_ID}).encode(), **more)


def refusal(status, error="the API's own words", **more):
    """A failure in the API's envelope."""
    return Answer(status, json.dumps({"status": status, "requestId": REQUEST_ID, "error": error}).encode(), **more)


def lost():
    """The connection breaks before the answer."""
    return requests.exceptions.ConnectionError("Connection aborted")


class Api:
    """Plays the script that a test writes, one line a call, in this order and no other."""

    def __init__(self, clock):
        self.clock = clock
        self.credentials = (KEY, SECRET)
        # The seconds that each request takes.
        self.latency = 0.0
        self.script = []
        self.lists = {}
        self.requests = []

    def expect(self, method, path, answer, body=None):
        """The next call, below the organization unless the path begins with /v1."""
        self.script.append((method, path if path.startswith("/v1") else BELOW + path, body, answer))

    def invitations(self, *records, answer=None):
        self.expect("GET", "/invitations", answer or result(records))

    def members(self, *records, answer=None):
        # There is always a member: the founder of the organization.
        self.expect("GET", "/members", answer or result(records or [FOUNDER]))

    def any_lists(self, invitations=(), members=()):
        """From now on, any list shows these records."""
        self.lists = {"/invitations": result(invitations), "/members": result([*members, FOUNDER])}

    def roles(self, *roles, answer=None):
        self.expect("GET", "/roles", answer or result([role_record(role) for role in roles]))

    def api_keys(self, *records, answer=None):
        self.expect("GET", "/keys", answer or result(records))

    def create(self, answer, email, role=None, roles=()):
        body = {"email": email, **({"role": role} if role else {"assignedRoleIds": sorted(each.id for each in roles)})}
        self.expect("POST", "/invitations", result(answer) if isinstance(answer, dict) else answer, body)

    def get(self, number, answer):
        self.expect("GET", f"/invitations/{uid(number)}", result(answer) if isinstance(answer, dict) else answer)

    def delete(self, number, answer=None):
        self.expect("DELETE", f"/invitations/{uid(number)}", answer or done())

    def update(self, user_id, answer, role=None, roles=()):
        body = {"role": role} if role else {"assignedRoleIds": sorted(each.id for each in roles)}
        self.expect("PATCH", f"/members/{user_id}", result(answer) if isinstance(answer, dict) else answer, body)

    def remove(self, user_id, answer=None):
        self.expect("DELETE", f"/members/{user_id}", answer or done())

    def send(self, request, **options):
        """Takes the place of an adapter's method that puts a request on the wire."""
        body = json.loads(request.body) if request.body else None
        call = (request.method, request.path_url, body)
        listed = self.lists.get(request.path_url.removeprefix(BELOW)) if request.method == "GET" else None
        if listed and (not self.script or self.script[0][:2] != call[:2]):
            self.script.insert(0, (*call, listed))
        if not self.script:
            pytest.fail(f"one call too many: {call}")
        *expected, answer = self.script.pop(0)
        if call != tuple(expected):
            pytest.fail(f"{call} instead of {tuple(expected)}")
        # No assertion: a module catches exceptions.
        if credentials_in(request.headers["Authorization"]) != self.credentials:
            pytest.fail("these are not the credentials")
        if not options["timeout"]:
            pytest.fail("there is no timeout")
        self.requests.append((request, options))
        self.clock.passed += self.latency
        if isinstance(answer, BaseException):
            raise answer
        self.clock.passed += answer.takes
        return answer.to(request)
