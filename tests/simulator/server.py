# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server: keeps connections alive and injects faults into them."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler

from . import api
from .responses import Response, envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from .cloud import Cloud
    from .faults import Faults, Race

_LARGEST_BODY = 1_048_576
_IDLE_SECONDS = 75.0
_BODY_SECONDS = 5.0


class _NoResponse(ConnectionError):
    """The call has ended without a response, and the connection with it."""


@dataclasses.dataclass
class LoggedRequest:
    """A request that arrived; ``status`` is ``None`` until there is a response."""

    method: str
    path: str
    operation: str | None
    connection: int
    status: int | None = None


class _Handler(WSGIRequestHandler):
    """One connection: keeps it alive, responds in JSON to anything, and injects faults.

    werkzeug's own handler closes every connection after a response, and keeps the socket from
    faults, so that only its reading of requests is used.
    """

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    rbufsize = 65_536

    def setup(self) -> None:
        super().setup()
        self.number = next(self.server.connection_numbers)
        self.calls = 0
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def run_wsgi(self) -> None:
        if self.request_version == "HTTP/0.9":
            self.send_error(400)
            return
        try:
            body = self._read_body()
            environ = self.make_environ()
        except HTTPException as error:
            self.send_error(error.code or 400)
            return
        except (TimeoutError, ValueError, OSError) as error:
            self.send_error(408 if isinstance(error, TimeoutError) else 400)
            return
        environ["wsgi.input"] = io.BytesIO(body)
        _Exchange(self, environ).run()

    def _read_body(self) -> bytes:
        """The whole body, so that the connection can serve another request afterwards."""
        lengths = set(self.headers.get_all("Content-Length", []))
        encoding = self.headers.get_all("Transfer-Encoding", [])
        if len(lengths) > 1 or (lengths and encoding):
            raise ValueError("more than one length")
        self.connection.settimeout(_BODY_SECONDS)
        if encoding:
            if encoding != ["chunked"]:
                raise ValueError("an encoding that is not supported")
            chunks = DechunkedInput(self.rfile)  # type: ignore[arg-type]
            body = io.BufferedReader(chunks).read(_LARGEST_BODY + 1)  # type: ignore[type-var]
        elif lengths:
            text = lengths.pop()
            if not re.fullmatch(r"[0-9]{1,18}", text):
                raise ValueError("not a length")
            length = int(text)
            body = self.rfile.read(min(length, _LARGEST_BODY + 1))
            if len(body) < min(length, _LARGEST_BODY + 1):
                raise ValueError("a body that ends early")
        else:
            body = b""
        if len(body) > _LARGEST_BODY:
            raise RequestEntityTooLarge
        self.connection.settimeout(_IDLE_SECONDS)
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Responds to a request that is malformed, and closes the connection."""
        self.close_connection = True
        phrase = self.responses.get(code, ("Bad Request", ""))[0].upper().replace(" ", "_")
        error = ": ".join(filter(None, (phrase, message, explain)))
        response = Response(code, envelope(code, error=error))
        self.connection.sendall(response.head(close=True) + response.body)
        self._drain()

    def _drain(self) -> None:
        """Reads what the client still sends: closing on it would wipe out the response."""
        self.connection.settimeout(0.2)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _try in range(1024):
                if not self.connection.recv(65_536):
                    break

    def log(self, type: str, message: str, *args: object) -> None:
        """Prints nothing: the server logs the requests itself."""


class _Exchange:
    """One request and its response: what ``faults.Exchange`` describes."""

    def __init__(self, handler: _Handler, environ: dict[str, Any]) -> None:
        self._handler = handler
        self._environ = environ
        self._server = handler.server
        self.cloud = self._server.cloud
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        self._arguments: Mapping[str, Any] = {}
        self._races_after: list[Race] = []
        self._person: str | None = None
        self.operation: str | None = None
        self._is_api = path.startswith("/v1/")
        with contextlib.suppress(HTTPException):
            endpoint, self._arguments = self._server.routes.match(path, method=environ["REQUEST_METHOD"])
            if endpoint.startswith("api."):
                self.operation = endpoint.removeprefix("api.")
        self._log = LoggedRequest(environ["REQUEST_METHOD"], path, self.operation, handler.number)
        if not path.startswith("/control/"):
            self._server.requests.append(self._log)

    def run(self) -> None:
        """Responds, or injects a fault."""
        try:
            if self._is_api:
                self._pass_middlebox()
            self._respond()
        except OSError:
            self._handler.close_connection = True

    def _pass_middlebox(self) -> None:
        """Drops a call that is not the first one of its connection, if the settings say so."""
        self._handler.calls += 1
        reused = self.cloud.settings.reused_connections
        if self._handler.calls == 1 or reused == "served":
            return
        if reused == "silent":
            self.pause(_IDLE_SECONDS)
        self.close(reset=reused == "reset")

    def _respond(self) -> None:
        fault = None
        if self._is_api:
            races, fault = self._server.faults.due(self.operation)
            if races:
                # Looked up now: a removed member has no email after the call.
                self._person = self._find_person()
            self._races_after = [race for race in races if race.moment == "after"]
            for race in races:
                if race.moment == "before":
                    race.inject(self)
        if fault:
            fault.inject(self)
        else:
            self.send(self.apply())

    def _run_races_after(self) -> None:
        """Runs the races after the call, at the latest before the client sees its outcome."""
        races, self._races_after = self._races_after, []
        for race in races:
            race.inject(self)

    def apply(self) -> Response:
        response = self._call(self._environ)
        self._run_races_after()
        return response

    def apply_later(self, *, seconds: float | None, reads: int | None) -> None:
        environ = {**self._environ, api.ADMITTED: True}
        of_members = "member" in (self.operation or "")
        self.cloud.postpone(lambda: self._call(environ), seconds=seconds, reads=reads, of_members=of_members)

    def _call(self, environ: dict[str, Any]) -> Response:
        app = self._server.flask
        # Less work than app.wsgi_app: this server needs neither a body in chunks nor a list of headers.
        with app.request_context(environ):
            response = app.full_dispatch_request()
        return Response(response.status_code, response.get_data(), dict(response.headers))

    def person(self) -> str | None:
        return self._person

    def _find_person(self) -> str | None:
        item_id = self._arguments.get("invitation_id") or self._arguments.get("user_id")
        if item_id:
            return self.cloud.email_of(item_id)
        with contextlib.suppress(ValueError, KeyError):
            body = api.parse_json(self._environ["wsgi.input"].getvalue())
            return str(body["email"]) if isinstance(body, dict) else None
        return None

    def send(self, response: Response) -> None:
        self._run_races_after()
        self._log.status = response.status
        head = response.head(close=self._handler.close_connection, date=self._date())
        body = b"" if self._environ["REQUEST_METHOD"] == "HEAD" else response.body
        self._handler.connection.sendall(head + body)

    def _date(self) -> str | None:
        settings = self.cloud.settings
        if settings.date_header == "missing":
            return None
        if settings.date_header == "garbage":
            return "soon"
        return formatdate(time.time() + settings.date_offset, usegmt=True)

    def start(self, response: Response, *, length: int | None = None, interval: float = 0.0) -> None:
        self.send_bytes(response.head(close=True, length=length, date=self._date()), interval=interval)
        self._log.status = response.status

    def send_bytes(self, data: bytes, *, interval: float = 0.0) -> None:
        self._run_races_after()
        self._handler.close_connection = True
        if not interval:
            self._handler.connection.sendall(data)
            return
        for byte in data:
            self._handler.connection.sendall(bytes([byte]))
            self.pause(interval)

    def close(self, *, reset: bool) -> NoReturn:
        self._run_races_after()
        connection = self._handler.connection
        if reset:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # Closed without the server, which would send a FIN first.
            os.close(connection.detach())
        raise _NoResponse

    def pause(self, seconds: float) -> None:
        if self._server.closing.wait(seconds):
            raise _NoResponse


class Server(ThreadedWSGIServer):
    """Serves the application on a port of 127.0.0.1, with faults; logs the requests below ``/v1``.

    ``OSError`` if the port is in use.
    """

    def __init__(self, app: Flask, cloud: Cloud, faults: Faults, port: int, tls: tuple[str, str] | None) -> None:
        self.flask = app
        self.routes = app.url_map.bind("")
        self.cloud = cloud
        self.faults = faults
        self.requests: list[LoggedRequest] = []
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self.connection_numbers = itertools.count(1)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls and tls:
            self._tls.load_cert_chain(*tls)
        # werkzeug exits if a port is in use, unless it is given a socket.
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(self.request_queue_size)
            super().__init__("127.0.0.1", port, app, _Handler, fd=listener.fileno())
        self.ssl_context = self._tls

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accepts a connection."""
        connection, address = super().get_request()
        if self._tls:
            # The connection's own thread does the handshake: a client may never start it.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int] | str
    ) -> None:
        """Reports an error of the simulator, not one of the connection or of TLS."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Ends the calls in progress and closes all connections."""
        self.closing.set()
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
