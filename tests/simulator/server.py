# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the simulator, and does to a connection what faults ask for."""

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

from . import api, control
from .cloud import ORGANIZATION_ID, Cloud
from .faults import Answer, Faults, Race, envelope
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

KEY = "SimulatedKeyId000000"
SECRET = "4b1dSimulatedSecretThatOpensNothing0000000"

_LARGEST_BODY = 1_048_576
_IDLE_SECONDS = 75.0
_BODY_SECONDS = 5.0


class _NoAnswer(ConnectionError):
    """The call is over and the connection with it."""


@dataclasses.dataclass
class LoggedRequest:
    """A request that arrived; ``status`` is ``None`` as long as it has no answer."""

    method: str
    path: str
    operation: str | None
    connection: int
    status: int | None = None


class _Handler(WSGIRequestHandler):
    """One connection: keeps it alive, answers in JSON whatever comes, and plays faults.

    werkzeug's own handler closes every connection after an answer, and keeps the socket from
    faults, so that only its reading of requests is used.
    """

    server: _Server
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
        """Answers a request that is no good HTTP, and closes the connection."""
        self.close_connection = True
        phrase = self.responses.get(code, ("Bad Request", ""))[0].upper().replace(" ", "_")
        error = ": ".join(filter(None, (phrase, message, explain)))
        answer = Answer(code, envelope(code, error=error))
        self.connection.sendall(answer.head(close=True) + answer.body)
        self._drain()

    def _drain(self) -> None:
        """Reads what the client still sends: closing on it would wipe out the answer."""
        self.connection.settimeout(0.2)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _try in range(1024):
                if not self.connection.recv(65_536):
                    break

    def log(self, type: str, message: str, *args: object) -> None:
        """Says nothing: the simulator keeps its own log of requests."""


class _Exchange:
    """One request and its answer: what ``faults.Exchange`` describes."""

    def __init__(self, handler: _Handler, environ: dict[str, Any]) -> None:
        self._handler = handler
        self._environ = environ
        self._simulator = handler.server.simulator
        self.cloud = self._simulator.cloud
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        self._arguments: Mapping[str, Any] = {}
        self._races_after: list[Race] = []
        self._person: str | None = None
        self.operation: str | None = None
        self._is_api = path.startswith("/v1/")
        with contextlib.suppress(HTTPException):
            endpoint, self._arguments = self._simulator.routes.match(path, method=environ["REQUEST_METHOD"])
            if endpoint.startswith("api."):
                self.operation = endpoint.removeprefix("api.")
        self._log = LoggedRequest(environ["REQUEST_METHOD"], path, self.operation, handler.number)
        if not path.startswith("/control/"):
            self._simulator.log.append(self._log)

    def run(self) -> None:
        """Answers, or does what a fault asks for."""
        try:
            if self._is_api:
                self._pass_middlebox()
            self._answer()
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

    def _answer(self) -> None:
        fault = None
        if self._is_api:
            races, fault = self._simulator.faults.due(self.operation)
            if races:
                # Known now, but maybe not after the call.
                self._person = self._find_person()
            self._races_after = [race for race in races if race.moment == "after"]
            for race in races:
                if race.moment == "before":
                    race.play(self)
        if fault:
            fault.play(self)
        else:
            self.send(self.handle())

    def _let_others_act(self) -> None:
        """The races after the call: at the latest before the client learns how it ended."""
        races, self._races_after = self._races_after, []
        for race in races:
            race.play(self)

    def handle(self) -> Answer:
        answer = self._call(self._environ)
        self._let_others_act()
        return answer

    def handle_later(self, *, seconds: float | None, reads: int | None) -> None:
        environ = {**self._environ, api.ADMITTED: True}
        of_members = "member" in (self.operation or "")
        self.cloud.postpone(lambda: self._call(environ), seconds=seconds, reads=reads, of_members=of_members)

    def _call(self, environ: dict[str, Any]) -> Answer:
        app = self._simulator.app
        # Less than app.wsgi_app does: this server needs no body in pieces, nor headers in a list.
        with app.request_context(environ):
            response = app.full_dispatch_request()
        return Answer(response.status_code, response.get_data(), dict(response.headers))

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

    def send(self, answer: Answer) -> None:
        self._let_others_act()
        self._log.status = answer.status
        head = answer.head(close=self._handler.close_connection, date=self._date())
        body = b"" if self._environ["REQUEST_METHOD"] == "HEAD" else answer.body
        self._handler.connection.sendall(head + body)

    def _date(self) -> str | None:
        settings = self.cloud.settings
        if settings.date_header == "missing":
            return None
        if settings.date_header == "garbage":
            return "soon"
        return formatdate(time.time() + settings.date_offset, usegmt=True)

    def start(self, answer: Answer, *, length: int | None = None, interval: float = 0.0) -> None:
        self.send_bytes(answer.head(close=True, length=length, date=self._date()), interval=interval)
        self._log.status = answer.status

    def send_bytes(self, data: bytes, *, interval: float = 0.0) -> None:
        self._let_others_act()
        self._handler.close_connection = True
        if not interval:
            self._handler.connection.sendall(data)
            return
        for byte in data:
            self._handler.connection.sendall(bytes([byte]))
            self.pause(interval)

    def close(self, *, reset: bool) -> NoReturn:
        self._let_others_act()
        connection = self._handler.connection
        if reset:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # Past the server's own orderly farewell, which would send a FIN first.
            os.close(connection.detach())
        raise _NoAnswer

    def pause(self, seconds: float) -> None:
        if self._handler.server.closing.wait(seconds):
            raise _NoAnswer


class _Server(ThreadedWSGIServer):
    """Listens on the loopback interface."""

    def __init__(self, simulator: Simulator, port: int, tls: tuple[str, str] | None) -> None:
        self.simulator = simulator
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self.connection_numbers = itertools.count(1)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls and tls:
            self._tls.load_cert_chain(*tls)
        # werkzeug ends the process where a port is taken, but not for a socket given to it.
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(self.request_queue_size)
            super().__init__("127.0.0.1", port, simulator.app, _Handler, fd=listener.fileno())
        self.ssl_context = self._tls

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:
            # The handshake is left to the connection's own thread: a client may never begin it.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int] | str
    ) -> None:
        """Reports a fault of our own; a client that went away, or trusts us not, is none."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Simulator:
    """A ClickHouse Cloud API for one organization, on a free port of 127.0.0.1.

    A context manager; between its two ends the API is served by a thread of this process.
    ``tls`` is a certificate's and a key's file. The settings are those of ``Settings``.
    ``OSError`` where the port is taken, ``ValueError`` for a setting that cannot be.
    """

    def __init__(self, *, port: int = 0, tls: tuple[str, str] | None = None, **settings: object) -> None:
        self.key = KEY
        self.secret = SECRET
        self.organization_id = ORGANIZATION_ID
        self._settings = Settings().changed(settings)
        self.cloud = Cloud(self._settings)
        self.faults = Faults()
        self.log: list[LoggedRequest] = []
        self.app = api.create_app(self.cloud, self.key, self.secret)
        self.app.register_blueprint(control.create_blueprint(self))
        self.routes = self.app.url_map.bind("")
        self._server = _Server(self, port, tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="simulator", daemon=True)

    def __enter__(self) -> Simulator:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point the collection here."""
        return {
            "CLICKHOUSE_CLOUD_API_URL": self.url,
            "CLICKHOUSE_CLOUD_API_KEY": self.key,
            "CLICKHOUSE_CLOUD_API_SECRET": self.secret,
            "CLICKHOUSE_CLOUD_ORGANIZATION_ID": self.organization_id,
        }

    def reset(self, **settings: object) -> None:
        """An empty organization, and no faults, late writes or logs.

        The settings are those that the simulator was made with, and these over them.
        """
        fresh = self._settings.changed(settings)
        self.faults.forget()
        self.cloud.reset(fresh)
        self.log.clear()

    def configure(self, **settings: object) -> None:
        """Changes some settings of the organization as it is."""
        self.cloud.configure(settings)

    def invite(
        self,
        email: str,
        role: str | None = None,
        role_names: Sequence[str] = (),
        expired: bool = False,
        created_ago: float | None = None,
        expires_in: float | None = None,
    ) -> dict[str, Any]:
        """An invitation that was there before, whatever the rules; sends no email.

        ``created_ago`` and ``expires_in`` are seconds from now.
        """
        return self.cloud.record(
            self.cloud.set_up_invitation(email, role, role_names, expired, created_ago, expires_in)
        )

    def seed(self, invitations: int, members: int = 0) -> None:
        """Adds that many invited people and members, all with the role Member; sends no email."""
        self.cloud.seed(invitations, members)

    def accept(self, email: str) -> dict[str, Any]:
        """The person joins; ``LookupError`` where they have no live invitation."""
        return self.cloud.record(self.cloud.accept(email))

    def expire(self, email: str) -> dict[str, Any]:
        """The person's newest invitation runs out; ``LookupError`` where there is none."""
        return self.cloud.record(self.cloud.expire(email))

    def add_member(self, email: str, role: str = "developer", role_names: Sequence[str] = ()) -> dict[str, Any]:
        """A person joins without an invitation. One who has joined before gets these roles."""
        return self.cloud.record(self.cloud.add_member(email, role, role_names))

    def sign_on(self, email: str, role: str = "developer", role_names: Sequence[str] = ()) -> dict[str, Any]:
        """A person signs in through single sign-on: joins, or joins again, unless they are a member.

        The roles are those of somebody who joins so. A person who was removed comes back with the same ID.
        """
        return self.cloud.record(self.cloud.sign_on(email, role, role_names))

    def update_member(self, email: str, role: str | None = None, role_names: Sequence[str] = ()) -> dict[str, Any]:
        """Somebody replaces a member's roles, by none if none are given; ``LookupError`` if there is no such member."""
        return self.cloud.record(self.cloud.update_member_of(email, role, role_names))

    def remove_member(self, email: str) -> dict[str, Any]:
        """Somebody removes a member, or they leave; ``LookupError`` if there is no such member."""
        return self.cloud.record(self.cloud.remove_member_of(email))

    def add_role(self, name: str, type: str = "custom") -> dict[str, Any]:
        """One more role; two may share a name."""
        return self.cloud.record(self.cloud.add_role(name, type))

    def order_fault(
        self,
        kind: str,
        *,
        operation: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        **parameters: object,
    ) -> None:
        """Orders a fault of a kind of ``faults.KINDS``; ``ValueError`` for one that cannot be."""
        self.faults.order(kind, operation, times, skip, **parameters)

    @property
    def invitations(self) -> list[dict[str, Any]]:
        """All there are in truth, expired ones too, oldest first."""
        return list(self.cloud.everything()["invitations"])

    @property
    def members(self) -> list[dict[str, Any]]:
        """Everybody who has joined."""
        return list(self.cloud.everything()["members"])

    @property
    def roles(self) -> list[dict[str, Any]]:
        """All roles, the system's first."""
        return list(self.cloud.everything()["roles"])

    @property
    def emails(self) -> list[dict[str, Any]]:
        """The emails sent, oldest first; ``time`` is seconds since the epoch."""
        return list(self.cloud.everything()["emails"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests that arrived, in order."""
        return [dataclasses.asdict(request) for request in list(self.log)]

    @property
    def waiting_faults(self) -> list[dict[str, Any]]:
        """The faults ordered that did not fire yet, or not as often as ordered."""
        return self.faults.waiting()

    @property
    def state(self) -> dict[str, Any]:
        """Everything about the organization, as ``/control/state`` shows it."""
        return {
            **self.cloud.everything(),
            "settings": dataclasses.asdict(self.cloud.settings),
            "requests": self.requests,
            "faults": self.waiting_faults,
        }
