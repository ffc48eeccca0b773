# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import io
import json
import socket
import ssl
import time
from http.client import HTTPResponse

import pytest
import requests
import trustme
from hypothesis import given
from hypothesis import strategies as st
from simulator import Simulator

HEAD = b"GET /v1/organizations HTTP/1.1\r\nHost: x\r\n"


class Replay(io.BytesIO):
    def makefile(self, *_):
        return self


def connect(simulator):
    connection = socket.create_connection(("127.0.0.1", int(simulator.url.rpartition(":")[2])), timeout=5)
    connection.settimeout(5)
    return connection


def exchange(simulator, *parts):
    """Sends bytes as they are, and returns the statuses of the responses until the end."""
    with connect(simulator) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    replay = Replay(received)
    responses = []
    while replay.tell() < len(received):
        response = HTTPResponse(replay)
        # Kept from closing the bytes that hold the next response.
        response._close_conn = lambda: None
        response.begin()
        if response.status == 100:
            continue
        body = json.loads(response.read())
        assert response.getheader("Content-Type") == "application/json; charset=utf-8"
        assert {"status", "requestId", "error"} == body.keys()
        assert body["status"] == response.status
        responses.append(response.status)
    return responses


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v1/organizations\r\n\r\n", 400),
        (b"GET /v1/organizations HTTP/9.9\r\n\r\n", 505),
        (b"GET /v1/organizations HTTP/x\r\n\r\n", 400),
        (b"GET  HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (HEAD + b"X: a\r\n" * 200 + b"\r\n", 431),
        (HEAD + b"Content-Length: x\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1_0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 9\r\n\r\nshort", 400),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", 400),
        (HEAD + b"Content-Length: 20000000\r\n\r\n" + b"a" * 20_000_000, 413),
        (HEAD + b"Content-Length: 999999999999999999999\r\n\r\n", 400),
        (b"GET http://[::1/v1/organizations HTTP/1.1\r\n\r\n", 400),
        (b"GET /%FF%00 HTTP/1.1\r\n\r\n", 404),
        (b"GET /v1/%FF HTTP/1.1\r\nHost: a b\r\n\r\n", 401),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 404),
        (b"GET http://elsewhere.example.com/v1/organizations HTTP/1.1\r\n\r\n", 401),
        (HEAD + b"Authorization: Basic \xff\xfe\r\n\r\n", 401),
    ],
)
def test_malformed_http_is_rejected_in_json(simulator, request_bytes, status):
    assert exchange(simulator, request_bytes) == [status]


def test_expect_continue_is_answered(simulator):
    assert exchange(simulator, HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"{}") == [401]


def test_body_that_never_comes_is_408(simulator, monkeypatch):
    monkeypatch.setattr("simulator.server._BODY_SECONDS", 0.1)
    with connect(simulator) as connection:
        connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_pipelined_requests_are_answered_in_order(simulator):
    assert exchange(simulator, (HEAD + b"\r\n") * 3) == [401] * 3
    assert len({request["connection"] for request in simulator.requests}) == 1


def test_http_1_0_connection_is_closed(simulator):
    with connect(simulator) as connection:
        connection.sendall(b"GET /v1/organizations HTTP/1.0\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert b"\r\nConnection: close\r\n" in received


def test_client_that_disconnects_does_no_harm(api, simulator):
    for _time in range(20):
        with connect(simulator) as connection:
            connection.sendall(HEAD[:20])
    assert api.list() == []


ALMOST_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
BODIES = (
    st.binary(max_size=200)
    | ALMOST_JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {},
        optional={
            "email": ALMOST_JSON | st.emails(),
            "role": ALMOST_JSON | st.sampled_from(["admin", "developer"]),
            "assignedRoleIds": ALMOST_JSON | st.lists(st.uuids().map(str), max_size=3),
        },
    ).map(lambda value: json.dumps(value).encode())
)
SEGMENTS = st.lists(
    st.sampled_from(
        [b"v1", b"organizations", b"invitations", b"members", b"roles", b"00000000-0000-4000-8000-00000000c10d"]
    )
    | st.uuids().map(lambda value: str(value).encode())
    | st.binary(max_size=8).map(lambda value: b"".join(b"%%%02x" % byte for byte in value)),
    max_size=6,
)
VISIBLE = st.binary(min_size=1, max_size=20).map(lambda value: bytes(33 + byte % 94 for byte in value))


@given(
    method=st.sampled_from([b"GET", b"POST", b"DELETE", b"PUT", b"HEAD", b"OPTIONS"]) | VISIBLE,
    segments=SEGMENTS,
    query=st.sampled_from([b"", b"?a=b", b"?%ff", b"#x"]),
    headers=st.lists(st.tuples(VISIBLE, VISIBLE), max_size=4),
    authorized=st.booleans(),
    body=BODIES,
)
def test_random_request_gets_a_json_response(simulator, method, segments, query, headers, authorized, body):
    lines = [b"%s /%s%s HTTP/1.1" % (method, b"/".join(segments), query)]
    lines += [b"%s: %s" % header for header in headers]
    if authorized:
        credentials = f"{simulator.key}:{simulator.secret}".encode()
        lines.append(b"Authorization: Basic " + base64.b64encode(credentials))
    lines.append(b"Content-Length: %d" % len(body))
    with connect(simulator) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", body]))
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _blank_line, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status < 500 or status == 505
    assert b"\r\nContent-Type: application/json; charset=utf-8" in head
    if method != b"HEAD":
        assert json.loads(body)["status"] == status


@given(data=st.binary(max_size=100))
def test_random_bytes_get_a_json_response(simulator, data):
    with connect(simulator) as connection:
        connection.sendall(data + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    if received:
        head, _blank_line, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 4")
        assert json.loads(body)["status"] == int(head.split()[1])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    return directory


@pytest.mark.parametrize("reset", [False, True])
def test_tls_serves_beside_silent_and_plain_connections(certificate, reset):
    files = (str(certificate / "certificate.pem"), str(certificate / "key.pem"))
    with Simulator(tls=files, rate_limit="0") as simulator, requests.Session() as session:
        assert simulator.url.startswith("https://127.0.0.1:")
        session.auth = (simulator.key, simulator.secret)
        session.trust_env = False
        session.verify = str(certificate / "ca.pem")
        url = f"{simulator.url}/v1/organizations"
        with connect(simulator) as silent, connect(simulator) as plain:
            plain.sendall(HEAD)
            assert session.get(url, timeout=5).status_code == 200, "the silent one holds nobody up"
            with pytest.raises(requests.exceptions.SSLError):
                requests.get(url, timeout=5)
            simulator.order_fault("disconnect", reset=reset)
            with pytest.raises(requests.ConnectionError):
                session.get(url, timeout=5)
            assert session.get(url, timeout=5).status_code == 200
            silent.close()


def test_wrong_tls_files_are_an_error(certificate):
    with pytest.raises(ssl.SSLError):
        Simulator(tls=(str(certificate / "ca.pem"), str(certificate / "ca.pem")))


def test_stopping_ends_every_connection_at_once():
    with Simulator(rate_limit="0") as simulator:
        simulator.order_fault("delay", seconds=60)
        waiting, idle = connect(simulator), connect(simulator)
        waiting.sendall(HEAD + b"\r\n")
        while not simulator.requests:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    for connection in (waiting, idle):
        assert connection.recv(1) == b""
        connection.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(simulator.url, timeout=1)


def test_port_in_use_is_an_error():
    with Simulator() as simulator:
        port = int(simulator.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Simulator(port=port)
    with Simulator(port=port) as again:
        assert again.url == simulator.url
