# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client against a real socket, for faults that scripted responses cannot show."""

from __future__ import annotations

import contextlib
import gc
import itertools
import pathlib
import signal
import socket
import ssl
import time

import pytest
import trustme
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Client, _deadline
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError, DeadlinePassed
from listener import Listener

BODY = b'{"result": 1}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Wire(Listener):
    """Serves one connection after another, each as its turn says: what to send for each request that comes."""

    def __init__(self, *turns, context=None):
        super().__init__()
        self.turns = turns
        self.context = context
        self.requests = []

    def serve(self):
        for turn in self.turns:
            self.take(turn)

    def take(self, turn):
        connection, _address = self.listener.accept()
        with connection:
            connection.settimeout(5)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                for pieces in turn:
                    self.requests.append(connection.recv(65536))
                    for piece in pieces:
                        connection.sendall(piece)


def dripping(data, pause=0.05):
    for number in range(len(data)):
        time.sleep(pause)
        yield data[number : number + 1]


@pytest.fixture
def connect(settings, clock):
    """A client of a server, that tries just once."""
    with contextlib.ExitStack() as clients:

        def connect(port, scheme="http", host="127.0.0.1", **changes):
            changes = {"timeout": 5, "retry_timeout": 0.1, **changes}
            client = Client(settings._replace(api_url=f"{scheme}://{host}:{port}", **changes), clock)
            clients.callback(client._session.close)
            return client

        yield connect


def fail(client, method="GET"):
    with pytest.raises(ApiError) as failure:
        client.call("do the thing", method, "/v1/things")
    return failure.value


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_calls_share_one_connection(connect):
    with Wire([[WHOLE]] * 3) as wire:
        client = connect(wire.port)
        assert [client.call("do it", "GET", "/v1/things") for _time in range(3)] == [1, 1, 1]
        client._session.close()
    assert len(wire.requests) == 3


class Middlebox(Wire):
    """Passes on the first request of each connection, and silently drops any later one."""

    def take(self, turn):
        connection, _address = self.listener.accept()
        with connection:
            connection.settimeout(5)
            self.requests.append(connection.recv(65536))
            for piece in turn:
                connection.sendall(piece)
            # Until the client gives up and closes it.
            while connection.recv(65536):
                pass


def test_middlebox_that_drops_reused_connections_delays_one_call_only(connect):
    with Middlebox([WHOLE], [WHOLE], [WHOLE]) as middlebox:
        client = connect(middlebox.port, timeout=0.3)
        assert client.call("list", "GET", "/v1/things") == 1
        assert fail(client, "POST").ambiguous
        assert client.call("list", "GET", "/v1/things") == 1
        assert client.call("create", "POST", "/v1/things") == 1
        client._session.close()
    assert [request.split()[0] for request in middlebox.requests] == [b"GET", b"GET", b"POST"]


def test_retry_opens_a_connection_of_its_own(connect):
    busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    with Middlebox([busy], [WHOLE]) as middlebox:
        client = connect(middlebox.port, timeout=0.3, retry_timeout=5)
        assert client.call("list", "GET", "/v1/things") == 1
        assert client.requests == 2
        client._session.close()


@pytest.mark.parametrize(
    ("at_once", "dripped"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" " * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 1000),
    ],
    ids=["headers", "body", "chunks"],
)
def test_response_that_drips_has_to_be_complete_in_time(connect, at_once, dripped):
    with Wire([itertools.chain([at_once], dripping(dripped))]) as wire:
        started = time.monotonic()
        error = fail(connect(wire.port, timeout=0.3), "POST")
        assert 0.25 < time.monotonic() - started < 3
    assert str(error) == (
        f"Could not do the thing: no complete response from 127.0.0.1:{wire.port} within 0.3 s;"
        " raise api_timeout or run again later."
    )
    assert error.ambiguous


def test_response_that_never_comes_is_ambiguous(connect):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = fail(connect(listener.getsockname()[1], timeout=0.1), "POST")
    assert "no complete response from 127.0.0.1:" in str(error)
    assert error.ambiguous


def test_alarm_timer_is_restored_after_each_request(connect):
    before = signal.getsignal(signal.SIGALRM)
    with Wire([[WHOLE]], [dripping(WHOLE)]) as wire:
        connect(wire.port).call("do it", "GET", "/v1/things")
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        fail(connect(wire.port, timeout=0.2))
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n" + BODY + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"no HTTP at all\r\n\r\n",
    ],
    ids=[
        "nothing",
        "in the status",
        "in the headers",
        "after the headers",
        "in the body",
        "in a body of any length",
        "between chunks",
        "nonsense for a chunk",
        "no HTTP",
    ],
)
def test_read_is_retried_after_a_truncated_response(connect, answer):
    with Wire([[answer]], [[WHOLE]]) as wire:
        client = connect(wire.port, retry_timeout=5)
        assert client.call("do the thing", "GET", "/v1/things") == 1
        assert client.retries == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"200 OK\r\nContent-Length: 12\r\n\r\n" + BODY[:-1],
        b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" + BODY[:-1] + b"\r\n0\r\n\r\n",
        b"200 OK\r\n\r\n<html></html>",
        b"299 Odd\r\n\r\n" + BODY[:-1],
    ],
    ids=["of known length", "in chunks", "of another kind", "of an odd status"],
)
def test_complete_response_without_an_envelope_is_not_retried(connect, answer):
    with Wire([[b"HTTP/1.1 " + answer]]) as wire:
        client = connect(wire.port, retry_timeout=5)
        error = fail(client)
    assert client.retries == 0
    assert "the response is not one of ClickHouse Cloud's" in str(error)


def test_truncated_response_to_a_post_is_ambiguous(connect):
    with Wire([[b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + BODY]]) as wire:
        error = fail(connect(wire.port, retry_timeout=5), "POST")
    assert error.ambiguous
    assert f"the connection to 127.0.0.1:{wire.port} broke (" in str(error)


def test_endless_body_is_given_up(connect, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.clickhouse.cloud.plugins.module_utils._client.LONGEST_RESPONSE", 1024 * 1024
    )
    with Wire([itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b" " * 65536))]) as wire:
        assert "the response is longer than 1 MiB" in str(fail(connect(wire.port)))


def test_refused_connection_is_not_ambiguous(connect, unused_port):
    error = fail(connect(unused_port), "POST")
    assert f"127.0.0.1:{unused_port} refused the connection; check api_url" in str(error)
    assert not error.ambiguous


def test_plain_http_to_this_host_goes_past_proxies(connect, environment, unused_port):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        environment.setenv(name, f"http://127.0.0.1:{unused_port}")
    with Wire([[WHOLE]]) as wire:
        assert connect(wire.port).call("do it", "GET", "/v1/things") == 1
    assert wire.requests[0].startswith(b"GET /v1/things HTTP/1.1\r\n")


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_proxy_is_asked_for_a_tunnel_and_never_sees_the_key(connect, environment):
    with Wire([[b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"]]) as proxy:
        environment.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        said = str(fail(connect(443, "https", "api.example.com")))
        # Python 3.9 leaves it open once the proxy refused.
        gc.collect()
    assert "the proxy did not let the request through (" in said
    assert proxy.requests[0].startswith(b"CONNECT api.example.com:443 HTTP/1.")
    assert b"authorization" not in proxy.requests[0].lower()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


class TestTls:
    @pytest.fixture
    def context(self, authority):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        return context

    @pytest.fixture
    def bundle(self, authority, tmp_path):
        path = tmp_path / "bundle.pem"
        authority.cert_pem.write_to_path(str(path))
        return str(path)

    def test_certificate_of_an_unknown_authority_is_not_trusted(self, connect, context):
        with Wire([[WHOLE]], context=context) as wire:
            error = fail(connect(wire.port, "https", "localhost"), "POST")
        assert f"the certificate of localhost:{wire.port} is not trusted (" in str(error)
        assert "; no CA that this host trusts issued it: check api_url, and name the bundle of its CA in" in str(error)
        assert (error.ambiguous, error.transient) == (False, False)
        assert wire.requests in ([], [b""])

    def test_certificate_for_another_host_is_not_trusted(self, connect, context, bundle):
        with Wire([[WHOLE]], context=context) as wire:
            error = fail(connect(wire.port, "https", "127.0.0.1", verify=bundle))
        assert f"the certificate of 127.0.0.1:{wire.port} is for another host (" in str(error)
        assert str(error).endswith("; check api_url.")

    def test_ca_path_without_the_authority_is_named(self, connect, context, bundle, tmp_path):
        folder = tmp_path / "without-hash-links"
        folder.mkdir()
        (folder / "bundle.pem").write_bytes(pathlib.Path(bundle).read_bytes())
        with Wire([[WHOLE]], context=context) as wire:
            error = fail(connect(wire.port, "https", "localhost", verify=str(folder)))
        assert f"; no CA in ca_path ({folder}) issued it: check api_url, and name the bundle" in str(error)
        assert str(error).endswith("a directory needs `openssl rehash`.")

    def test_certificate_of_an_authority_in_ca_path_is_trusted(self, connect, context, bundle, environment):
        environment.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
        with Wire([[WHOLE]], context=context) as wire:
            assert connect(wire.port, "https", "localhost", verify=bundle).call("do it", "GET", "/v1/things") == 1

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_any_certificate_is_accepted_without_verification(self, connect, context):
        with Wire([[WHOLE]], context=context) as wire:
            assert connect(wire.port, "https", "localhost", verify=False).call("do it", "GET", "/v1/things") == 1

    def test_host_without_tls_is_named(self, connect):
        with Wire([[b"HTTP/1.1 400 Bad Request\r\n\r\n"]]) as wire:
            error = fail(connect(wire.port, "https", "localhost"))
        assert f"no secure connection to localhost:{wire.port} (" in str(error)
        assert not error.transient

    @pytest.mark.parametrize("content", [None, "", "no certificate"])
    def test_unreadable_ca_bundle_is_named(self, connect, context, tmp_path, content):
        path = tmp_path / "bundle.pem"
        if content is not None:
            path.write_text(content)
        with Wire([[WHOLE]], context=context) as wire:
            error = fail(connect(wire.port, "https", "localhost", verify=str(path)))
        assert "check api_url, ca_path and the variable REQUESTS_CA_BUNDLE" in str(error)
        assert not error.transient


def test_deadline_that_is_lost_in_a_finalizer_passes_again():
    with _deadline(0.01), contextlib.suppress(DeadlinePassed):
        with contextlib.suppress(DeadlinePassed):
            time.sleep(10)
        time.sleep(10)
        pytest.fail("The deadline passed once only.")
