# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that record what they are sent, or repeat it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from credentials import credentials_in, spellings


@dataclass
class Request:
    method: str
    path: str
    authorization: str | None


class Recorder(ThreadingHTTPServer):
    """An API that records requests. A function of the request returns the response: a status and an envelope."""

    daemon_threads = True

    def __init__(self, answer, context=None):
        super().__init__(("127.0.0.1", 0), _Recording)
        self.answer = answer
        self.requests = []
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that does not trust this server hangs up."""


class _Recording(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        request = Request(self.command, self.path, self.headers["Authorization"])
        self.server.requests.append(request)
        status, envelope = self.server.answer(request)
        body = json.dumps({"status": status, **envelope}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_PATCH = do_POST = do_GET  # noqa: N815  # names of http.server

    def log_message(self, *_arguments):
        pass


class Hostile(Recorder):
    """A member and two invitations, their roles named after the credentials. It rejects some of the writes.

    ``task`` has the options of a task of ``invitations``.
    """

    def __init__(self):
        super().__init__(self.repeat)
        address = {"api_url": self.url, "organization_id": "00000000-0000-4000-8000-00000000000a"}
        self.task = {"emails": ["alice@example.com"], "roles": ["Developer"], "purge": True, **address}

    @staticmethod
    def repeat(request):
        key, secret = credentials_in(request.authorization)
        roles = [
            {"roleId": f"00000000-0000-4000-8000-0000000002{number:02}", "roleName": name, "roleType": "custom"}
            for number, name in enumerate(spellings(key, secret))
        ]
        person = {"role": "developer", "assignedRoles": roles}
        if request.method == "DELETE" and request.path.endswith("e"):
            return 400, {"error": f"{request.authorization} is {key} with {secret}"}
        if request.method == "DELETE":
            return 200, {"requestId": "00000000-0000-4000-8000-00000000000f"}
        if request.path.endswith("/roles"):
            names = {role["roleId"]: role["roleName"] for role in roles}
            names["00000000-0000-4000-8000-000000000100"] = "Developer"
            return 200, {"result": [{"id": role_id, "name": name} for role_id, name in names.items()]}
        if request.path.endswith("/members"):
            return 200, {"result": [{"userId": "1", "name": secret, "email": "alice@example.com", **person}]}
        ids = {f"{name}@example.com": f"00000000-0000-4000-8000-00000000000{name[0]}" for name in ("dave", "eve")}
        return 200, {"result": [{"id": ids[email], "email": email, **person} for email in ids]}
