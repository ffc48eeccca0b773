# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Ansible runs in an environment that holds nothing of the developer's own, and servers that keep what they get."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

# What curl, requests and OpenSSL let the environment say about a connection.
AMBIENT = {"all_proxy", "curl_ca_bundle", "http_proxy", "https_proxy", "netrc", "no_proxy", "requests_ca_bundle"}


def inherited():
    """The environment of this process, less what the modules could find in it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLICKHOUSE_", "SSL_CERT_")) and name.lower() not in AMBIENT
    }


def start(folder, command, environment=None):
    """Start Ansible in a folder that is its home, too."""
    interpreter = os.environ.get("CLICKHOUSE_CLOUD_TEST_INTERPRETER")
    variables = ["-e", f"ansible_python_interpreter={interpreter}"] if interpreter else []
    return subprocess.Popen(
        [*command, *variables],
        cwd=folder,
        env={
            **inherited(),
            "ANSIBLE_HOME": str(folder / ".ansible"),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_PIPELINING": "true",
            "HOME": str(folder),
            **(environment or {}),
        },
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(folder, command, environment=None, status=0):
    """Run Ansible, and return what it printed to both streams."""
    with start(folder, command, environment) as process:
        output, _nothing = process.communicate(timeout=120)
    assert process.returncode == status, output
    return output


def play(folder, tasks, arguments=(), environment=None, **variables):
    """Run tasks, none of which ends the play, and return the result of each, and what Ansible printed."""
    tasks = [{**task, "register": f"result_{number}", "ignore_errors": True} for number, task in enumerate(tasks)]
    results = [f"{{{{ {task['register']} }}}}" for task in tasks]
    keep = {"ansible.builtin.copy": {"content": results, "dest": str(folder / "results.json"), "mode": "0600"}}
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": [*tasks, keep]}]
    (folder / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
    (folder / "variables.json").write_text(json.dumps(variables))
    output = run(folder, ["ansible-playbook", "play.yml", "-e", "@variables.json", *arguments], environment)
    return json.loads((folder / "results.json").read_text()), output


def credentials_in(header):
    """The user and the password of an Authorization header."""
    scheme, _blank, token = (header or "").partition(" ")
    assert scheme == "Basic", header
    return tuple(base64.b64decode(token).decode().split(":", 1))


@dataclass
class Request:
    path: str
    authorization: str | None


class Recorder(ThreadingHTTPServer):
    """An API that keeps the requests it gets, and answers each as a function of it says: a status and an envelope."""

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
        request = Request(self.path, self.headers["Authorization"])
        self.server.requests.append(request)
        status, envelope = self.server.answer(request)
        body = json.dumps({"status": status, **envelope}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class Proxy:
    """Opens the tunnels that it is asked for, unless it refuses, and keeps all that its clients send."""

    def __init__(self, refusal=None):
        self.refusal = refusal
        self.tunnels = []
        self.received = bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_failure):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self.listener.accept()
                threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, client):
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
                self.received += data
            method, target, _version = head.split(b"\r\n")[0].decode().split()
            self.tunnels.append(f"{method} {target}")
            if self.refusal or method != "CONNECT":
                client.sendall(f"HTTP/1.1 {self.refusal or '405 Method Not Allowed'}\r\n\r\n".encode())
                return
            host, _colon, port = target.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=10) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self.forward, args=(server, client), daemon=True)
                back.start()
                self.forward(client, server, self.received)
                back.join()

    @staticmethod
    def forward(source, target, kept=None):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
