# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client against scripted answers; what breaks below HTTP is in test_client_wire.py."""

from __future__ import annotations

import base64
import json
import socket
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests
import urllib3
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import backoff, wait_asked
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from hypothesis import given
from hypothesis import strategies as st

from ..records import NOW
from ..scripted import REQUEST_ID, Answer, done, lost, refusal, result

PATH = "/v1/things"
PASSING = [500, 502, 503, 504]


def call(client, method="GET"):
    return client.call("do the thing", method, PATH, {"a": 1} if method == "POST" else None)


def fail(client, method="GET"):
    with pytest.raises(ApiError) as failure:
        call(client, method)
    return failure.value


@pytest.fixture
def script(api):
    def script(method, *answers):
        for answer in answers:
            api.expect(method, PATH, answer, {"a": 1} if method == "POST" else None)

    return script


class TestSuccess:
    @pytest.mark.parametrize("value", [None, [], {}, [{"id": 1}], "x", 0])
    def test_is_the_result(self, client, script, value):
        script("GET", result(value))
        assert call(client) == value

    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_of_a_post(self, client, script, status):
        script("POST", result({"id": 1}, status))
        assert call(client, "POST") == {"id": 1}

    def test_of_a_delete_has_no_result(self, client, script):
        script("DELETE", done())
        assert call(client, "DELETE") is None

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_is_none_where_the_body_tells_an_error(self, client, script, method):
        body = {"status": 500, "requestId": "5", "result": [], "error": "shard timed out"}
        script(method, Answer(200, json.dumps(body).encode()))
        error = fail(client, method)
        assert (error.ambiguous, error.reason) == (True, "shard timed out")


HOSTILE = {
    "HTML": b"<html><body>Bad gateway</body></html>",
    "nothing": b"",
    "cut off": b'{"status": 200, "result": [{"id": "5f0c',
    "invalid UTF-8": b'{"result": "\xff\xfe"}',
    "a list": b"[]",
    "null": b"null",
    "a number": b"5",
    "an object without a result": b'{"status": 200}',
    "an empty object": b"{}",
    "lists a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000,
    "objects a hundred thousand deep": b'{"result":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of five thousand digits": b'{"result": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
class TestHostileBodies:
    def test_with_success(self, client, script, body):
        script("GET", Answer(200, body, reason="OK"))
        error = fail(client)
        assert str(error) == (
            "Could not do the thing: the answer is not one of ClickHouse Cloud's (200, OK);"
            " check api_url and any proxy on the way."
        )
        assert error.as_result() == {
            "status": 200,
            "reason": "OK",
            "request_id": None,
            "method": "GET",
            "path": PATH,
        }
        assert error.ambiguous
        assert not error.transient

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 502, 999])
    def test_with_failure(self, client_with, script, body, status):
        script("POST", Answer(status, body, reason="Some Reason"))
        error = fail(client_with(retry_timeout=0.1), "POST")
        assert (error.status, error.reason, error.request_id) == (status, "Some Reason", None)


# status | what it means | what to do about it | may have been carried out | may work in a moment
STATUSES = {
    302: ("the answer is a redirect, which is not followed", "check api_url", True, False),
    400: ("ClickHouse Cloud refused it", "correct what it names and run again", False, False),
    401: (
        "ClickHouse Cloud refused the API key",
        "check the key, from the option api_key, and its secret, from the option api_secret",
        False,
        False,
    ),
    403: (
        "the API key lacks a permission",
        "give it control-plane:organization:manage, or use a key that has it",
        False,
        False,
    ),
    404: (
        "ClickHouse Cloud found no such organization",
        "check organization_id, that the key belongs to it, and api_url",
        False,
        False,
    ),
    409: ("ClickHouse Cloud refused it", "correct what it names and run again", False, False),
    424: ("ClickHouse Cloud refused it", "correct what it names and run again", False, False),
    429: (
        "ClickHouse Cloud's rate limit for the API key is reached",
        "run again later, run fewer jobs at a time on this key, or raise api_retry_timeout",
        False,
        True,
    ),
    500: ("ClickHouse Cloud or a gateway before it is in trouble", "run again later", True, True),
    501: ("ClickHouse Cloud or a gateway before it is in trouble", "run again later", True, False),
    502: ("ClickHouse Cloud or a gateway before it is in trouble", "run again later", True, True),
    503: ("ClickHouse Cloud or a gateway before it is in trouble", "run again later", True, True),
    504: ("ClickHouse Cloud or a gateway before it is in trouble", "run again later", True, True),
    700: ("the answer has a status that is not known", "check api_url and any proxy on the way", True, False),
}


def test_whoever_cannot_be_invited_is_not_told_to_check_an_organization_that_was_found(client, script):
    script("POST", refusal(404, "role does not exist"))
    assert "ClickHouse Cloud refused it (404, role does not exist, " in str(fail(client, "POST"))


@pytest.mark.parametrize(("status", "meaning"), STATUSES.items())
def test_every_status_says_in_one_sentence_what_to_do(client_with, script, status, meaning):
    what, advice, may_be_done, may_pass = meaning
    script("GET", refusal(status, "Words of the API.\n"))
    error = fail(client_with(retry_timeout=0.1))
    tried = "; tried once, more api_retry_timeout does not allow" if may_pass else ""
    seen = f"{status}, Words of the API, request ID {REQUEST_ID}"
    assert str(error) == f"Could not do the thing: {what} ({seen}); {advice}{tried}."
    assert error.as_result() == {
        "status": status,
        "reason": "Words of the API",
        "request_id": REQUEST_ID,
        "method": "GET",
        "path": PATH,
    }
    assert (error.ambiguous, error.transient) == (may_be_done, may_pass)
    assert error.rejected == (status in (400, 404, 409, 424))


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({"error": "  a\n\tb\x00c\u202ed  "}, "a b c d"),
        ({"error": "x" * 500}, "x" * 500),
        ({"error": "x" * 501}, "Bad Request"),
        ({"error": "x" * 490 + " not-to-be-cut-in-two"}, "x" * 490),
        ({"error": "x " + "\n" * 990 + "not-to-be-cut-in-two"}, "x"),
        ({"error": "x." * 3}, "x.x.x"),
        ({"error": " \n "}, "Bad Request"),
        ({"error": {"code": 5}}, "Bad Request"),
        ({"error": None}, "Bad Request"),
        ({"requestId": 5}, "Bad Request"),
    ],
)
def test_the_reason_is_one_bounded_line(client, script, envelope, reason):
    script("GET", Answer(400, json.dumps(envelope).encode(), reason="Bad Request"))
    error = fail(client)
    assert error.reason == reason
    assert error.request_id is None


def test_a_failure_that_says_nothing_at_all(client, script):
    script("GET", Answer(400, b""))
    assert fail(client).reason == "no reason given"


class TestRetrying:
    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    @pytest.mark.parametrize("fault", [*map(refusal, [429, *PASSING]), lost()], ids=str)
    def test_reading_and_deleting_are_tried_again(self, client, script, clock, method, fault):
        script(method, fault, fault, result([1]))
        assert call(client, method) == [1]
        assert clock.slept == [0.5, 1.0]
        assert client.as_result() == {"requests": 3, "retries": 2, "waited": 1.5}

    @pytest.mark.parametrize("fault", [*map(refusal, PASSING), lost()], ids=str)
    def test_posting_is_not_where_it_may_have_arrived(self, client, script, clock, fault):
        script("POST", fault)
        assert fail(client, "POST").ambiguous
        assert clock.slept == []

    @pytest.mark.parametrize(
        "fault",
        [
            refusal(429),
            requests.exceptions.ConnectTimeout(),
            requests.exceptions.ConnectionError(ConnectionRefusedError()),
            requests.exceptions.ConnectionError(urllib3.exceptions.NewConnectionError(None, "no route")),
            requests.exceptions.ConnectionError(socket.gaierror(socket.EAI_AGAIN, "try again")),
        ],
        ids=str,
    )
    def test_posting_is_where_it_cannot_have_arrived(self, client, script, fault):
        script("POST", fault, result({}))
        assert call(client, "POST") == {}
        assert client.retries == 1

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 501])
    def test_what_will_not_pass_is_not_tried_again(self, client, script, method, status):
        script(method, refusal(status))
        fail(client, method)
        assert client.as_result() == {"requests": 1, "retries": 0, "waited": 0.0}

    def test_backing_off_ever_longer_up_to_a_bound(self, client, script, clock):
        script("GET", *[refusal(500)] * 9, result(1))
        call(client)
        assert clock.slept == [0.5, 1, 2, 4, 8, 10, 10, 10, 10]

    def test_giving_up(self, client, script, clock):
        script("GET", *[refusal(500, takes=40)] * 3)
        error = fail(client)
        assert str(error).endswith("; run again later; tried 3 times in 122 s, more api_retry_timeout does not allow.")
        assert clock.slept == [0.5, 1]

    def test_the_time_is_each_calls_own(self, client, script):
        for _time in range(3):
            script("GET", *[refusal(500, takes=38)] * 3, result(1))
            assert call(client) == 1

    @pytest.mark.parametrize(("reset", "slept"), [("7", 7), ("0.25", 0.25), ("0", 0.5), ("-3", 0.5), ("soon", 0.5)])
    def test_waiting_as_long_as_the_api_asks(self, client, script, clock, reset, slept):
        script("POST", refusal(429, headers={"X-RateLimit-Reset": reset}), result(1))
        assert call(client, "POST") == 1
        assert clock.slept == [slept]

    def test_only_throttling_asks(self, client, script, clock):
        script("GET", refusal(503, headers={"Retry-After": "7"}), result(1))
        call(client)
        assert clock.slept == [0.5]

    def test_a_wait_longer_than_allowed_fails_at_once(self, client, script, clock):
        script("GET", refusal(429, headers={"X-RateLimit-Reset": "500"}))
        error = fail(client)
        assert "rate limit for the API key is reached, wait 500 s (429" in str(error)
        assert str(error).endswith("; tried once, more api_retry_timeout does not allow.")
        assert clock.slept == []

    @pytest.mark.parametrize(
        ("faults", "ambiguous"),
        [([], False), ([refusal(429)], False), ([refusal(500)], True), ([lost(), refusal(429)], True)],
    )
    def test_a_failure_knows_of_a_lost_try_before_it(self, client, script, faults, ambiguous):
        script("DELETE", *faults, refusal(404))
        assert fail(client, "DELETE").earlier_try_ambiguous is ambiguous


class TestWaitAsked:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"X-RateLimit-Reset": "5"}, 5),
            ({"X-RateLimit-Reset": " 2.5 "}, 2.5),
            ({"X-RateLimit-Reset": "0"}, 0),
            ({"X-RateLimit-Reset": "-1"}, 0),
            ({"X-RateLimit-Reset": ""}, None),
            ({"X-RateLimit-Reset": "nan"}, None),
            ({"X-RateLimit-Reset": "inf"}, None),
            ({"X-RateLimit-Reset": "1e999"}, None),
            ({"X-RateLimit-Reset": "ten"}, None),
            ({"Retry-After": "3"}, 3),
            ({"Retry-After": "Wed, 99 Foo 2026 12:00:00 GMT"}, None),
            ({"Retry-After": "Mon, 23 Nov 1970 12:00:00 GMT"}, 0),
            ({"X-RateLimit-Reset": "5", "Retry-After": "3"}, 5),
            ({"X-RateLimit-Reset": "1", "Retry-After": "3"}, 3),
            ({"X-RateLimit-Reset": "nonsense", "Retry-After": "3"}, 3),
        ],
    )
    def test_numbers_and_nonsense(self, headers, seconds):
        assert wait_asked(requests.structures.CaseInsensitiveDict(headers)) == seconds

    def test_a_date(self):
        date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=90), usegmt=True)
        assert 85 < wait_asked({"Retry-After": date}) <= 90

    @given(st.text() | st.floats().map(str))
    def test_anything(self, value):
        seconds = wait_asked({"Retry-After": value})
        assert seconds is None or seconds >= 0


def test_backing_off_differs_so_that_many_do_not_come_back_at_once():
    waits = {backoff(3) for _time in range(50)}
    assert len(waits) > 10
    assert all(1 <= wait <= 2 for wait in waits)
    assert backoff(10_000) <= 10


class TestWhatIsSent:
    def test_headers(self, client, script, api):
        script("GET", result(1))
        call(client)
        ((request, options),) = api.requests
        assert request.url == f"https://api.example.com{PATH}"
        assert request.headers["Accept"] == "application/json"
        assert request.headers["User-Agent"] == "ansible-collection-clickhouse.cloud"
        assert (options["timeout"], options["verify"], options["stream"]) == (30, True, True)

    def test_json(self, client, script, api):
        script("POST", result(1))
        call(client, "POST")
        ((request, _options),) = api.requests
        assert request.headers["Content-Type"] == "application/json"

    def test_credentials_of_any_alphabet(self, client_with, monkeypatch):
        sent = []
        monkeypatch.setattr(
            requests.adapters.HTTPAdapter, "send", lambda _self, request, **_options: sent.append(request) or 1 / 0
        )
        client = client_with(api_key="schlüssel", api_secret="тайна€")
        with pytest.raises(ZeroDivisionError):
            call(client)
        token = base64.b64encode("schlüssel:тайна€".encode()).decode()
        assert sent[0].headers["Authorization"] == f"Basic {token}"

    def test_no_redirect_is_followed(self, client, script):
        script("GET", Answer(307, headers={"Location": "https://elsewhere.example.com/"}, reason="Temporary Redirect"))
        assert "is a redirect, which is not followed (307, Temporary Redirect)" in str(fail(client))


class TestTheEnvironment:
    """The scripted API checks that the key is the one that is sent."""

    def test_netrc_does_not_win_over_the_key(self, client, script, environment, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine api.example.com login someone password else\n")
        environment.setenv("NETRC", str(netrc))
        script("GET", result(1))
        call(client)

    @pytest.mark.parametrize(
        ("verify", "used"), [(False, False), ("/our/bundle.pem", "/our/bundle.pem"), (True, "/their/bundle.pem")]
    )
    def test_what_the_user_trusts_wins(self, client_with, script, api, environment, verify, used):
        environment.setenv("REQUESTS_CA_BUNDLE", "/their/bundle.pem")
        script("GET", result(1))
        call(client_with(verify=verify))
        assert api.requests[0][1]["verify"] == used

    def test_proxies_are_used(self, client, script, api, environment):
        environment.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
        script("GET", result(1))
        call(client)
        assert api.requests[0][1]["proxies"]["https"] == "http://proxy.example.com:3128"

    def test_but_not_for_plain_http_which_stays_on_this_host(self, client_with, script, api, environment):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            environment.setenv(name, "http://proxy.example.com:3128")
        script("GET", result(1))
        call(client_with(api_url="http://localhost:8123"))
        assert not api.requests[0][1]["proxies"]


HOST_TIME = NOW - timedelta(minutes=10)


@pytest.fixture
def _slow_host(clock, monkeypatch):
    monkeypatch.setattr(clock, "time", HOST_TIME.timestamp)


@pytest.mark.usefixtures("_slow_host")
class TestServerTime:
    @pytest.mark.parametrize(
        ("date", "moment"),
        [
            (format_datetime(NOW, usegmt=True), NOW),
            ("Mon, 23 Nov 2026 13:00:00 +0100", NOW),
            ("Mon, 23 Nov 2026 12:00:00 -0000", NOW),
            ("today", None),
            ("", None),
            ("Mon, 23 Nov 99999 12:00:00 GMT", None),
        ],
    )
    def test_is_the_date_of_the_last_answer(self, client, script, date, moment):
        script("GET", result(1, headers={"Date": date}))
        assert client.now() == HOST_TIME
        call(client)
        assert client.now() == (moment or HOST_TIME)

    def test_of_a_refusal_too(self, client, script):
        script("GET", refusal(400))
        fail(client)
        assert client.now() == NOW


class TestTheSizeOfAnAnswer:
    def test_has_an_end(self, client, script, monkeypatch):
        monkeypatch.setattr(_client, "LARGEST_ANSWER", 3 * 1024 * 1024)
        script("GET", Answer(200, b" " * (3 * 1024 * 1024 + 1)))
        error = fail(client)
        assert str(error) == (
            "Could not do the thing: the answer cannot be read (the answer is longer than 3 MiB);"
            " check api_url and any proxy on the way."
        )
        assert error.ambiguous
        assert not error.transient

    def test_is_what_was_announced(self, client, script):
        whole = result([1])
        short = Answer(200, whole.body, {"Content-Length": str(len(whole.body) + 1)})
        exact = Answer(200, whole.body, {"Content-Length": str(len(whole.body))})
        odd = Answer(200, whole.body, {"Content-Length": "many"})
        script("GET", short, exact)
        assert call(client) == [1]
        assert client.retries == 1
        script("GET", odd)
        assert call(client) == [1]

    def test_compressed_or_not(self, client, script):
        script("GET", Answer(200, b"no gzip at all", {"Content-Encoding": "gzip"}))
        assert "the answer cannot be read (" in str(fail(client))


# what breaks | what the sentence says | whether it may have been carried out, and may work in a moment
FAULTS = [
    (requests.exceptions.ConnectTimeout(), "no whole answer from api.example.com within 30 s; raise", False, True),
    (requests.exceptions.ReadTimeout(), "no whole answer from api.example.com within 30 s; raise", True, True),
    (
        requests.exceptions.ProxyError("Tunnel connection failed: 403"),
        "the proxy did not let it through (Tunnel connection failed: 403); check the proxy variables",
        True,
        False,
    ),
    (
        requests.exceptions.ProxyError("Tunnel connection failed: 502"),
        "the proxy did not let it through (Tunnel connection failed: 502); check the proxy variables",
        True,
        True,
    ),
    (TypeError("expected str instance"), "the request could not be made (expected str instance); check", True, False),
    (
        requests.exceptions.ConnectionError(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
        "there is no host api.example.com that can be found ([Errno -2] Name or service not known); check api_url",
        False,
        False,
    ),
    (
        requests.exceptions.ConnectionError(socket.gaierror(socket.EAI_AGAIN, "try again")),
        "there is no host api.example.com that can be found ([Errno -3] try again); check api_url",
        False,
        True,
    ),
    (
        requests.exceptions.ConnectionError(ConnectionRefusedError(111, "Connection refused")),
        "api.example.com refused the connection; check api_url and any proxy on the way",
        False,
        True,
    ),
    (
        requests.exceptions.ConnectionError(urllib3.exceptions.NewConnectionError(None, "Network is unreachable")),
        "no connection to api.example.com (",
        False,
        True,
    ),
    (requests.exceptions.InvalidURL("no host"), "the address cannot be used (no host); check api_url", False, False),
    (
        requests.exceptions.InvalidProxyURL("proxy?"),
        "the address cannot be used (proxy?); check api_url and any proxy",
        False,
        False,
    ),
    (
        requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."),
        "the address cannot be used (Missing dependencies for SOCKS support); check api_url and any proxy",
        False,
        False,
    ),
    (
        urllib3.exceptions.LocationParseError("api..example"),
        "the address cannot be used (Failed to parse: api..example); check api_url",
        False,
        False,
    ),
    (
        requests.exceptions.ChunkedEncodingError("Connection broken"),
        "the connection to api.example.com broke (Connection broken); run again later",
        True,
        True,
    ),
    (
        requests.exceptions.ConnectionError(),
        "the connection to api.example.com broke (ConnectionError); run again later",
        True,
        True,
    ),
    (
        OSError("Could not find a suitable TLS CA certificate bundle"),
        "the request could not be made (Could",
        True,
        False,
    ),
]


@pytest.mark.parametrize(("fault", "words", "may_be_done", "may_pass"), FAULTS, ids=lambda value: str(value)[:40])
def test_every_fault_says_in_one_sentence_what_to_do(client_with, script, fault, words, may_be_done, may_pass):
    script("GET", fault)
    error = fail(client_with(retry_timeout=0.1))
    assert str(error).startswith(f"Could not do the thing: {words}")
    assert (error.ambiguous, error.transient, error.status) == (may_be_done, may_pass, None)
    assert error.reason


def test_an_error_chained_in_a_circle_is_diagnosed(client_with, script):
    inner, outer = OSError("inner"), requests.exceptions.ConnectionError("outer")
    inner.__context__, outer.__context__ = outer, inner
    script("GET", outer)
    assert fail(client_with(retry_timeout=0.1)).reason == "inner"


@given(
    status=st.integers(200, 599).filter(lambda status: status not in (429, *PASSING)),
    body=st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()),
    error=st.text(),
    method=st.sampled_from(["GET", "DELETE", "POST"]),
    enveloped=st.booleans(),
)
def test_whatever_comes_is_a_value_or_a_failure(client, api, status, body, error, method, enveloped):
    if status in (204, 304):
        body = b""
    elif enveloped:
        body = json.dumps({"error": error, "requestId": error, "status": error}).encode()
    api.expect(method, PATH, Answer(status, body), {"a": 1} if method == "POST" else None)
    try:
        call(client, method)
    except ApiError as failure:
        text = str(failure)
    else:
        text = ""
    assert text == "" or (text.startswith("Could not do the thing: ") and text.endswith(".") and text.isprintable())


@pytest.mark.parametrize(("version", "parts"), [("2.28.0", (2, 28)), ("2.34", (2, 34)), ("3", (3,)), ("2.x", (2,))])
def test_requests_version(monkeypatch, version, parts):
    monkeypatch.setattr(requests, "__version__", version)
    assert _client.requests_version() == parts
