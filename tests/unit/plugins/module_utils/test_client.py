# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client and its errors against scripted responses. Faults of a real socket are in test_client_wire.py."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import tracemalloc
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import unquote

import pytest
import requests
import urllib3
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import backoff, requested_wait
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from hypothesis import given
from hypothesis import strategies as st

from ..records import NOW
from ..scripted import REQUEST_ID, Answer, done, lost, refusal, result

PATH = "/v1/things"
CLOUDFLARE = [520, 521, 522, 523, 524, 530]
SERVER_ERRORS = [500, 502, 503, 504, *CLOUDFLARE]
METHODS = ["GET", "POST", "PATCH", "DELETE"]


def call(client, method="GET"):
    return client.call("do the thing", method, PATH, {"a": 1} if method in ("POST", "PATCH") else None)


def fail(client, method="GET"):
    with pytest.raises(ApiError) as failure:
        call(client, method)
    return failure.value


@pytest.fixture
def script(api):
    def script(method, *answers):
        for answer in answers:
            api.expect(method, PATH, answer, {"a": 1} if method in ("POST", "PATCH") else None)

    return script


def gateway_page(status, **more):
    """A gateway's own response: its body is not the API's envelope."""
    return Answer(status, b"<html><h1>Access denied</h1></html>", reason="Its Reason", **more)


def name_of(fault):
    """The name of a test's parameter."""
    return str(fault.status) if isinstance(fault, Answer) else type(fault).__name__


# --- envelopes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, [], {}, [{"id": 1}], "x", 0])
def test_call_returns_the_result_of_the_envelope(client, script, value):
    script("GET", result(value))
    assert call(client) == value


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_is_a_success(client, script, status):
    script("POST", result({"id": 1}, status))
    assert call(client, "POST") == {"id": 1}


@pytest.mark.parametrize("body", [{"status": 200, "requestId": REQUEST_ID}, {"requestId": "1"}, {"status": 200}])
def test_success_of_a_delete_has_no_result(client, script, body):
    script("DELETE", Answer(200, json.dumps(body).encode()))
    assert call(client, "DELETE") is None


@pytest.mark.parametrize("body", [{}, {"status": 204}, {"status": "OK"}, {"error": "no", "status": 200}])
def test_delete_without_an_envelope_is_no_success(client, script, body):
    script("DELETE", Answer(200, json.dumps(body).encode()))
    assert fail(client, "DELETE").ambiguous


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_envelope_with_an_error_is_no_success(client, script, method):
    body = {"status": 500, "requestId": "5", "result": [], "error": "shard timed out"}
    script(method, Answer(200, json.dumps(body).encode()))
    error = fail(client, method)
    assert (error.ambiguous, error.reason) == (True, "shard timed out")


PARTIAL = [
    {"nextPage": 2},
    {"next": "https://api.example.com/v1/things?page=2"},
    {"nextCursor": "abc"},
    {"next_page_token": "abc"},
    {"cursor": "abc"},
    {"continuationToken": "abc"},
    {"hasMore": True},
    {"has_more_results": True},
    {"nextPageUrl": "https://api.example.com/v1/things?page=2"},
    {"continue": "abc"},
    {"more": 1},
    {"isTruncated": True},
    {"incomplete_results": True},
    {"totalCount": 3},
    {"total": 3},
    {"count": 3},
    {"pages": 3},
    {"pageCount": 2},
    {"lastPage": 2},
    {"total": "3"},
    {"isLast": False},
    {"@odata.nextLink": "/v1/things?page=2"},
    {"links": [{"rel": "next", "href": "/v1/things?page=2"}]},
    {"pagination": {"total_pages": 2}},
    {"pagination": {"page": 1, "hasNextPage": True}},
    {"pageInfo": {"endCursor": "abc", "hasNextPage": True}},
    {"meta": {"links": {"next": "/v1/things?page=2"}}},
]
WHOLE = [
    {"nextPage": None, "hasMore": False, "totalCount": 2, "total": "many"},
    {"pagination": {"page": 1, "totalPages": 1, "pageSize": 100, "next": ""}},
    {"pageInfo": {"endCursor": "abc", "hasNextPage": False}, "isTruncated": False, "pages": 1},
    {"moreInfo": "https://example.com", "nextMaintenance": "2027", "truncatedNames": True, "lists": ["next"]},
    {"isLast": True, "complete": True, "total": "2", "links": [{"rel": "self"}, None]},
    {"nested": "next", "things": [{"next": 1}], "rateLimit": {"remaining": 9}, "totalTime": 500},
]


def parts(fields, **headers):
    return Answer(200, json.dumps({"result": [1, 2], **fields}).encode(), headers)


@pytest.mark.parametrize(
    "answer",
    [
        *map(parts, PARTIAL),
        parts({}, Link='<https://api.example.com/v1/things?page=2>; rel="next"'),
        parts({}, Link="<?page=1>; rel=first, <?page=2>; rel=NEXT"),
    ],
    ids=[*map(json.dumps, PARTIAL), "Link", "second Link"],
)
def test_part_of_a_list_is_not_taken_for_the_whole(client, script, answer):
    script("GET", answer)
    error = fail(client)
    assert "the response is only a part of the list, says " in str(error)
    assert (error.ambiguous, error.transient) == (False, False)


@pytest.mark.parametrize(
    "answer", [*map(parts, WHOLE), parts({}, Link='<?page=1>; rel="first"')], ids=[*map(json.dumps, WHOLE), "Link"]
)
def test_last_page_of_a_list_is_the_whole(client, script, answer):
    script("GET", answer)
    assert call(client) == [1, 2]


HOSTILE = {
    "HTML": b"<html><body>Bad gateway</body></html>",
    "nothing": b"",
    "cut off": b'{"status": 200, "result": [{"id": "5f0c',
    "invalid UTF-8": b'{"result": "\xff\xfe"}',
    "a list": b"[]",
    "null": b"null",
    "an object without a result": b'{"status": 200}',
    "lists a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000,
    "objects a hundred thousand deep": b'{"result":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of five thousand digits": b'{"result": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_success_without_an_envelope_is_not_the_apis(client, script, body):
    script("GET", Answer(200, body, reason="OK"))
    error = fail(client)
    assert str(error) == (
        "Could not do the thing: the response is not one of ClickHouse Cloud's (200, OK);"
        " check api_url and any proxy on the way."
    )
    assert (error.ambiguous, error.transient) == (True, False)


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_failure_without_an_envelope_is_known_by_its_status(client, script, body):
    script("GET", Answer(400, body, reason="Some Reason"))
    error = fail(client)
    assert (error.status, error.reason, error.request_id, error.from_api) == (400, "Some Reason", None, False)


@given(
    status=st.integers(200, 599),
    body=st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()),
    error=st.text(),
    method=st.sampled_from(METHODS),
    has_envelope=st.booleans(),
)
def test_any_response_is_a_result_or_one_printable_sentence(
    client_with, api, status, body, error, method, has_envelope
):
    if status in (204, 304):
        body = b""
    elif has_envelope:
        body = json.dumps({"error": error, "requestId": error, "status": error}).encode()
    api.expect(method, PATH, Answer(status, body), {"a": 1} if method in ("POST", "PATCH") else None)
    try:
        call(client_with(retry_timeout=0.1), method)
    except ApiError as failure:
        text = str(failure)
        assert text.startswith("Could not do the thing: ")
        assert text.endswith(".")
        assert text.isprintable()


# --- what a status means ---------------------------------------------------------------------------------------------

REJECTED = ("ClickHouse Cloud rejected the request", "correct what it names and run again")
UNAVAILABLE = ("ClickHouse Cloud or a gateway in front of it returned an error", "run again later")
UNKNOWN = ("the response has an unknown status", "check api_url and any proxy on the way")

# status: what it means, what to do about it, ambiguous, transient, rejected
STATUSES = {
    302: ("the response is a redirect, which is not followed", "check api_url", True, False, False),
    400: (*REJECTED, False, False, True),
    401: ("ClickHouse Cloud rejected the API key", "check the key, from the option api_key", False, False, False),
    403: (
        "ClickHouse Cloud denied the request",
        "check that the API key is the organization's and has control-plane:organization:view",
        False,
        False,
        True,
    ),
    404: (
        "ClickHouse Cloud found no such organization",
        "check organization_id, its API key and api_url",
        False,
        False,
        True,
    ),
    408: (*UNAVAILABLE, True, True, False),
    409: (*REJECTED, False, False, True),
    424: (*REJECTED, False, False, True),
    425: (*UNAVAILABLE, False, True, False),
    429: (
        "the API key's rate limit is reached",
        "run fewer jobs at a time on this key, or raise api_retry_timeout",
        False,
        True,
        False,
    ),
    **dict.fromkeys(SERVER_ERRORS, (*UNAVAILABLE, True, True, False)),
    501: (*UNAVAILABLE, True, False, False),
    525: (*UNAVAILABLE, True, False, False),
    700: (*UNKNOWN, True, False, False),
}


@pytest.mark.parametrize(("status", "meaning"), STATUSES.items())
def test_error_of_a_status_says_in_one_sentence_what_to_do(client_with, script, status, meaning):
    what, advice, ambiguous, transient, rejected = meaning
    script("GET", refusal(status, "Words of the API.\n"))
    error = fail(client_with(retry_timeout=0.1))
    tried = "; gave up after one attempt (api_retry_timeout)" if transient else ""
    seen = f"{status}, Words of the API, request ID {REQUEST_ID}"
    assert str(error) == f"Could not do the thing: {what} ({seen}); {advice}{tried}."
    assert error.as_result() == {
        "status": status,
        "reason": "Words of the API",
        "request_id": REQUEST_ID,
        "method": "GET",
        "path": PATH,
    }
    assert (error.ambiguous, error.transient, error.rejected) == (ambiguous, transient, rejected)
    assert error.from_api


def test_404_to_a_write_is_not_about_the_organization(client, script):
    script("POST", refusal(404, "role does not exist"))
    assert "ClickHouse Cloud rejected the request (404, role does not exist, " in str(fail(client, "POST"))


@pytest.mark.parametrize("status", [405, 413, 451])
def test_gateways_rejection_is_not_taken_for_the_apis(client, script, status):
    script("GET", Answer(status, b"<html></html>"))
    assert "not ClickHouse Cloud" in str(fail(client))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 409])
@pytest.mark.parametrize(
    "body",
    [b"<html></html>", b"", b'{"message": "Forbidden"}', b'{"error": "blocked"}', b'{"error": "no", "status": 1}'],
)
def test_gateways_own_denial_is_not_taken_for_the_apis(client, script, status, body):
    script("GET", Answer(status, body, reason="Forbidden"))
    error = fail(client)
    assert "a proxy or firewall rejected the request, not ClickHouse Cloud (" in str(error)
    assert "check api_url and any proxy, firewall or IP access list on the way" in str(error)
    assert ("; if there is none, check the key, from the option api_key" in str(error)) == (status == 401)
    assert (error.from_api, error.rejected, error.ambiguous, error.transient) == (False, False, False, False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_error_with_its_status_is_the_apis_without_a_request_id(client, script, status):
    script("GET", Answer(status, json.dumps({"status": status, "error": "CODE: its words"}).encode()))
    error = fail(client)
    assert (error.from_api, error.request_id, error.reason) == (True, None, "CODE: its words")
    assert error.rejected is (status != 401)


ORGANIZATION_PATH = "/v1/organizations/1"


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/v1/organizations", "view"),
        ("GET", f"{ORGANIZATION_PATH}/invitations", "view"),
        ("GET", f"{ORGANIZATION_PATH}/invitations/5", "view"),
        ("GET", f"{ORGANIZATION_PATH}/members", "view"),
        ("GET", f"{ORGANIZATION_PATH}/members/5", "view"),
        ("GET", f"{ORGANIZATION_PATH}/keys", "view-api-keys"),
        ("GET", f"{ORGANIZATION_PATH}/roles", "manage"),
        ("POST", f"{ORGANIZATION_PATH}/invitations", "manage"),
        ("DELETE", f"{ORGANIZATION_PATH}/members/5", "manage"),
        ("PATCH", f"{ORGANIZATION_PATH}/members/5", "manage"),
    ],
)
def test_denial_names_the_permission_and_the_apis_words(client, api, method, path, permission):
    api.expect(method, path, refusal(403, "FORBIDDEN: roles come from the identity provider"))
    with pytest.raises(ApiError) as failure:
        client.call("do it", method, path)
    assert "(403, FORBIDDEN: roles come from the identity provider, request ID " in str(failure.value)
    assert f"; check that the API key is the organization's and has control-plane:organization:{permission}." in str(
        failure.value
    )


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
        ({"requestId": 5}, "Bad Request"),
    ],
)
def test_reason_is_one_line_of_bounded_length(client, script, envelope, reason):
    script("GET", Answer(400, json.dumps(envelope).encode(), reason="Bad Request"))
    error = fail(client)
    assert (error.reason, error.request_id) == (reason, None)


def test_failure_without_any_words_has_a_reason(client, script):
    script("GET", Answer(400, b""))
    assert fail(client).reason == "no reason given"


# --- what keeps a response from coming -------------------------------------------------------------------------------

NO_HOST = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
REFUSED = ConnectionRefusedError(111, "Connection refused")

# fault | what the sentence says | ambiguous | transient
FAULTS = [
    (requests.exceptions.ConnectTimeout(), "no complete response from api.example.com within 30 s; raise", False, True),
    (requests.exceptions.ReadTimeout(), "no complete response from api.example.com within 30 s; raise", True, True),
    (
        requests.exceptions.ProxyError(OSError("Tunnel connection failed: 407 Authentication Required")),
        "the proxy did not let the request through (Tunnel connection failed: 407 Authentication Required); check the",
        False,
        False,
    ),
    (
        requests.exceptions.ProxyError(OSError("Tunnel connection failed: 502 Bad Gateway")),
        "the proxy did not let the request through (Tunnel connection failed: 502 Bad Gateway); check",
        False,
        True,
    ),
    (requests.exceptions.ProxyError(REFUSED), "the proxy did not let the request through (", False, True),
    (requests.exceptions.ProxyError("reset"), "the proxy did not let the request through (reset)", True, True),
    (TypeError("expected str instance"), "the request could not be made (expected str instance); check", True, False),
    (
        requests.exceptions.ConnectionError(NO_HOST),
        "cannot resolve api.example.com ([Errno -2] Name or service not known); check api_url and DNS on",
        False,
        True,
    ),
    (
        requests.exceptions.ConnectionError(REFUSED),
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
    (requests.exceptions.InvalidProxyURL("proxy?"), "the address cannot be used (proxy?); check", False, False),
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
    (OSError("Could not find a CA bundle"), "the request could not be made (Could not find a CA", True, False),
]


@pytest.mark.parametrize(("fault", "words", "ambiguous", "transient"), FAULTS, ids=[fault[1][:40] for fault in FAULTS])
def test_error_of_a_fault_says_in_one_sentence_what_to_do(client_with, script, fault, words, ambiguous, transient):
    script("GET", fault)
    error = fail(client_with(retry_timeout=0.1))
    assert str(error).startswith(f"Could not do the thing: {words}")
    assert (error.ambiguous, error.transient, error.status) == (ambiguous, transient, None)
    assert error.reason


def test_errors_chained_in_a_circle_are_diagnosed(client_with, script):
    inner, outer = OSError("inner"), requests.exceptions.ConnectionError("outer")
    inner.__context__, outer.__context__ = outer, inner
    script("GET", outer)
    assert fail(client_with(retry_timeout=0.1)).reason == "inner"


def test_error_of_an_earlier_call_is_no_cause(client_with, script):
    client = client_with(retry_timeout=0.1)
    script("GET", requests.exceptions.ConnectionError(REFUSED))
    earlier = fail(client)
    fault = lost()
    fault.__context__ = earlier
    script("POST", fault)
    error = fail(client, "POST")
    assert (error.reason, error.ambiguous) == ("Connection aborted", True)


@pytest.mark.parametrize(("timeout", "text"), [(30, "30"), (0.25, "0.25"), (2_500_000.0, "2500000")])
def test_numbers_in_messages_have_no_exponent(client_with, script, timeout, text):
    script("GET", requests.exceptions.ReadTimeout())
    error = fail(client_with(timeout=timeout, retry_timeout=0.1))
    assert f"within {text} s" in str(error)


def test_noting_returns_a_new_error_with_clauses(client, script):
    script("GET", refusal(400))
    error = fail(client)
    noted = error.noting("one thing", None, "another")
    assert str(noted) == f"{error.sentence}; one thing; another."
    assert (noted.status, noted.request_id) == (error.status, error.request_id)
    assert "one thing" not in str(error)


# --- retries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("fault", [*map(gateway_page, [408, 425, 429, *SERVER_ERRORS]), lost()], ids=name_of)
def test_idempotent_call_is_retried_after_a_transient_error(client, script, clock, method, fault):
    script(method, fault, fault, result([1]) if method != "DELETE" else done())
    call(client, method)
    assert clock.slept == [0.5, 1.0]
    assert client.as_result() == {"requests": 3, "retries": 2, "waited": 1.5}


@pytest.mark.parametrize("fault", [*map(gateway_page, [408, *SERVER_ERRORS]), lost()], ids=name_of)
def test_ambiguous_post_is_not_retried(client, script, clock, fault):
    script("POST", fault)
    error = fail(client, "POST")
    assert (error.ambiguous, error.transient, clock.slept) == (True, True, [])


@pytest.mark.parametrize(
    "fault",
    [refusal(425), refusal(429), requests.exceptions.ConnectTimeout(), requests.exceptions.ConnectionError(REFUSED)],
    ids=name_of,
)
def test_post_that_was_not_processed_is_retried(client, script, fault):
    script("POST", fault, result({}))
    assert call(client, "POST") == {}
    assert client.retries == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 407, 409, 501])
def test_permanent_error_is_not_retried(client, script, method, status):
    script(method, refusal(status))
    fail(client, method)
    assert client.as_result() == {"requests": 1, "retries": 0, "waited": 0.0}


@pytest.mark.parametrize(
    ("faults", "ambiguous"),
    [([], False), ([refusal(429)], False), ([refusal(500)], True), ([lost(), refusal(429)], True)],
)
def test_error_knows_of_an_ambiguous_try_before_it(client, script, faults, ambiguous):
    script("DELETE", *faults, refusal(404))
    assert fail(client, "DELETE").earlier_try_ambiguous is ambiguous


def test_backoff_grows_up_to_a_bound(client, script, clock):
    script("GET", *[refusal(500)] * 9, result(1))
    call(client)
    assert clock.slept == [0.5, 1, 2, 4, 8, 10, 10, 10, 10]


def test_backoff_has_jitter_so_that_parallel_jobs_spread_out():
    waits = {backoff(3) for _time in range(50)}
    assert len(waits) > 10
    assert all(1 <= wait <= 2 for wait in waits)
    assert backoff(10_000) <= 10


def test_retries_end_with_the_retry_timeout(client, script, clock):
    script("GET", *[refusal(500, takes=40)] * 3)
    error = fail(client)
    assert str(error).endswith("; run again later; gave up after 3 attempts in 122 s (api_retry_timeout).")
    assert clock.slept == [0.5, 1]


def test_each_call_has_the_whole_retry_timeout(client, script):
    for _time in range(3):
        script("GET", *[refusal(500, takes=38)] * 3, result(1))
        assert call(client) == 1


@pytest.mark.parametrize("fault", [REFUSED, NO_HOST], ids=name_of)
def test_api_that_never_responded_is_retried_for_ten_seconds_only(client, script, clock, fault):
    script("GET", *[requests.exceptions.ConnectionError(fault)] * 5)
    error = fail(client)
    assert str(error).endswith("; gave up after 5 attempts in 8 s (no response yet).")
    assert clock.slept == [0.5, 1, 2, 4]


@pytest.mark.parametrize("first", [result(1), gateway_page(404)], ids=["the API", "a gateway"])
def test_api_that_once_responded_is_retried_for_the_retry_timeout(client, script, first):
    script("GET", first)
    if first.status == 200:
        call(client)
    else:
        fail(client)
    script("GET", *[requests.exceptions.ConnectionError(REFUSED)] * 12, result(1))
    assert call(client) == 1


def test_timeout_before_any_response_is_retried_for_the_retry_timeout(client, script):
    script("GET", *[requests.exceptions.ReadTimeout()] * 8, result(1))
    assert call(client) == 1


def test_shorter_retry_timeout_holds_for_the_first_call_too(client_with, script):
    script("GET", *[requests.exceptions.ConnectionError(REFUSED)] * 2)
    error = fail(client_with(retry_timeout=1))
    assert str(error).endswith("; gave up after 2 attempts in 0 s (no response yet).")


# --- the wait that a response asks for -------------------------------------------------------------------------------


def http_date(moment):
    return format_datetime(moment, usegmt=True)


IN_A_MINUTE = NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, None),
        (429, {"X-RateLimit-Reset": "5"}, 5),
        (429, {"X-RateLimit-Reset": " 2.5 "}, 2.5),
        (429, {"X-RateLimit-Reset": "0"}, None),
        (429, {"X-RateLimit-Reset": "-1"}, None),
        (429, {"X-RateLimit-Reset": ""}, None),
        (429, {"X-RateLimit-Reset": "soon"}, None),
        *((429, {"X-RateLimit-Reset": absurd}, None) for absurd in ("nan", "inf", "1e999", "1e300", "99999999")),
        (429, {"Retry-After": "3"}, 3),
        (429, {"Retry-After": http_date(IN_A_MINUTE)}, 60),
        (429, {"Retry-After": http_date(NOW - timedelta(minutes=1))}, None),
        (429, {"Retry-After": "Wed, 99 Foo 2026 12:00:00 GMT"}, None),
        (429, {"Retry-After": "Mon, 23 Nov 1970 12:00:00 GMT"}, None),
        (429, {"X-RateLimit-Reset": "5", "Retry-After": "3"}, 5),
        (429, {"X-RateLimit-Reset": "1", "Retry-After": "3"}, 3),
        (429, {"X-RateLimit-Reset": "nonsense", "Retry-After": "3"}, 3),
        (503, {"Retry-After": "3"}, 3),
        (408, {"Retry-After": "3"}, 3),
        (503, {"X-RateLimit-Reset": "5"}, None),
    ],
)
def test_requested_wait_is_read_from_headers(status, headers, seconds):
    assert requested_wait(status, requests.structures.CaseInsensitiveDict(headers), NOW) == seconds


@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_requested_wait_is_at_most_a_day_whatever_the_header_says(value):
    seconds = requested_wait(429, {"Retry-After": value}, NOW)
    assert seconds is None or 0 < seconds <= 24 * 3600


@pytest.mark.parametrize("host_offset", [timedelta(minutes=-10), timedelta(days=30)], ids=["slow host", "fast host"])
def test_retry_after_is_measured_from_the_date_of_the_response(client, script, clock, monkeypatch, host_offset):
    monkeypatch.setattr(clock, "time", (NOW + host_offset).timestamp)
    script("POST", refusal(429, headers={"Retry-After": http_date(IN_A_MINUTE)}), result(1))
    call(client, "POST")
    assert clock.slept == [60]


def test_requested_wait_replaces_the_backoff(client, script, clock):
    headers = {"Retry-After": "7"}
    script("GET", refusal(429, headers=headers), gateway_page(503, headers=headers), refusal(500), result(1))
    call(client)
    assert clock.slept == [7, 7, 2]
    assert (client.waited, client.throttled) == (16, 7)


@pytest.mark.parametrize(("status", "what"), [(429, "the API key's rate limit is reached"), (503, "returned an error")])
def test_requested_wait_beyond_the_retry_timeout_fails_at_once(client, script, clock, status, what):
    script("GET", refusal(status, headers={"Retry-After": "500"}))
    error = fail(client)
    assert f"{what}, wait 500 s ({status}" in str(error)
    assert str(error).endswith("; gave up after one attempt (api_retry_timeout).")
    assert (error.wait, clock.slept) == (500, [])


# --- the clocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        (http_date(NOW + timedelta(days=30)), timedelta(days=30)),
        (http_date(NOW - timedelta(days=30)), timedelta(days=-30)),
        ("Mon, 23 Nov 2026 12:00:00 +0100", timedelta(hours=-1)),
        ("Mon, 23 Nov 2026 12:10:00 -0000", timedelta(minutes=10)),
        ("today", None),
        ("", None),
        ("Mon, 23 Nov 99999 12:00:00 GMT", None),
    ],
)
def test_now_is_the_earlier_of_both_clocks(client, script, date, offset):
    assert (client.now(), client.clock_offset) == (NOW, None)
    script("GET", refusal(400, headers={"Date": date}))
    fail(client)
    assert client.clock_offset == offset
    assert client.now() == min(NOW, NOW + (offset or timedelta(0)))


def test_response_without_a_date_keeps_the_clock_of_the_one_before(client, script):
    script("GET", result(1, headers={"Date": http_date(NOW - timedelta(days=1))}), result(1, headers={"Date": ""}))
    call(client)
    call(client)
    assert client.now() == NOW - timedelta(days=1)


def test_date_of_a_gateways_own_page_is_not_the_apis_clock(client, script):
    date = http_date(NOW - timedelta(days=10))
    script("POST", gateway_page(502, headers={"Date": date}))
    fail(client, "POST")
    assert (client.now(), client.clock_offset) == (NOW, None)


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_endless_body_is_given_up(client, script, monkeypatch):
    monkeypatch.setattr(_client, "LONGEST_RESPONSE", 3 * 1024 * 1024)
    script("GET", Answer(200, b" " * (3 * 1024 * 1024 + 1)))
    error = fail(client)
    assert "the response cannot be read (the response is longer than 3 MiB); check api_url" in str(error)
    assert (error.ambiguous, error.transient) == (True, False)


def test_body_shorter_than_its_content_length_is_truncated(client, script):
    body = result([1]).body
    lengths = (len(body) + 1, len(body))
    script("GET", *(Answer(200, body, {"Content-Length": str(length)}) for length in lengths))
    assert call(client) == [1]
    assert client.retries == 1


def test_content_length_that_is_no_number_is_ignored(client, script):
    script("GET", Answer(200, result([1]).body, {"Content-Length": "many"}))
    assert call(client) == [1]


def packed(body, times=1, **headers):
    for _time in range(times):
        body = gzip.compress(body)
    return Answer(200, body, {"Content-Encoding": ", ".join(["gzip"] * times), **headers})


def test_packed_body_is_unpacked(client, script):
    script("GET", packed(result("x" * 1_000_000).body))
    assert call(client) == "x" * 1_000_000


def test_packed_body_that_is_cut_off_is_truncated(client, script):
    whole = packed(result([1]).body)
    script("GET", Answer(200, whole.body[:-9], whole.headers), whole)
    assert call(client) == [1]
    assert client.retries == 1


def test_packed_body_takes_no_more_memory_than_the_longest_one(client, script, monkeypatch):
    monkeypatch.setattr(_client, "LONGEST_RESPONSE", 1024 * 1024)
    script("GET", packed(b" " * 100 * 1024 * 1024))
    tracemalloc.start()
    assert "the response is longer than 1 MiB" in str(fail(client))
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "answer",
    [packed(result([1]).body, 2), packed(result([1]).body, **{"Content-Encoding": "br"})],
    ids=["stacked", "another"],
)
def test_body_in_another_encoding_is_not_the_apis(client, script, answer):
    script("GET", answer)
    assert "the response is not one of ClickHouse Cloud's" in str(fail(client))


def test_body_that_is_not_packed_as_it_says_cannot_be_read(client, script):
    script("GET", Answer(200, b"no gzip at all", {"Content-Encoding": "gzip"}))
    error = fail(client)
    assert "the response cannot be read (" in str(error)
    assert (error.ambiguous, error.transient) == (True, False)


@pytest.mark.parametrize("password", ["hush-hush", "hush#hush", "hush hush/?", "hu%73h"])
def test_password_of_a_proxy_is_masked_in_errors(client, script, environment, password):
    environment.setenv("HTTPS_PROXY", f"http://me:{password}@127.0.0.1:3128")
    quoted = re.split("[/?#]", password)[0]
    script("GET", requests.exceptions.InvalidURL(f"Failed to parse: 'me:{quoted}', of {password}, {unquote(password)}"))
    error = fail(client)
    assert "the address cannot be used (Failed to parse: 'me:********', of ****" in str(error)
    assert "hush" not in str(error)
    assert "hu" not in error.reason


@pytest.mark.parametrize("user", ["words", "words:", ":"])
def test_user_of_a_proxy_is_not_masked(client, script, environment, user):
    environment.setenv("HTTPS_PROXY", f"http://{user}@127.0.0.1:3128")
    script("GET", requests.exceptions.InvalidURL("in these words"))
    assert fail(client).reason == "in these words"


# --- requests --------------------------------------------------------------------------------------------------------


def test_request_has_its_headers_timeout_and_verification(client, script, api):
    script("GET", result(1))
    call(client)
    ((request, options),) = api.requests
    assert request.url == f"https://api.example.com{PATH}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Accept-Encoding"] == "gzip"
    assert request.headers["User-Agent"] == "ansible-collection-clickhouse.cloud"
    assert (options["timeout"], options["verify"], options["stream"]) == (30, True, True)


def test_body_is_sent_as_json(client, script, api):
    script("POST", result(1))
    call(client, "POST")
    ((request, _options),) = api.requests
    assert request.headers["Content-Type"] == "application/json"


# An environment variable may contain bytes that are not UTF-8, which the API is to reject.
@pytest.mark.parametrize("secret", ["тайна€", "hush\udcff"])
def test_credentials_of_any_alphabet_are_sent_as_utf_8(client_with, monkeypatch, secret):
    sent = []
    monkeypatch.setattr(
        requests.adapters.HTTPAdapter, "send", lambda _self, request, **_options: sent.append(request) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        call(client_with(api_key="schlüssel", api_secret=secret))
    token = base64.b64encode(f"schlüssel:{secret}".encode(errors="surrogatepass")).decode()
    assert sent[0].headers["Authorization"] == f"Basic {token}"


def test_redirect_is_not_followed(client, script):
    script("GET", Answer(307, headers={"Location": "https://elsewhere.example.com/"}, reason="Temporary Redirect"))
    assert "is a redirect, which is not followed (307, Temporary Redirect)" in str(fail(client))


def test_netrc_does_not_replace_the_key(client, script, environment, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example.com login someone password else\n")
    environment.setenv("NETRC", str(netrc))
    script("GET", result(1))
    call(client)  # the scripted API checks which key is sent


@pytest.mark.parametrize(
    ("verify", "used"), [(False, False), ("/our/bundle.pem", "/our/bundle.pem"), (True, "/their/bundle.pem")]
)
def test_options_win_over_the_environments_ca_bundle(client_with, script, api, environment, verify, used):
    environment.setenv("REQUESTS_CA_BUNDLE", "/their/bundle.pem")
    script("GET", result(1))
    call(client_with(verify=verify))
    assert api.requests[0][1]["verify"] == used


def test_proxies_of_the_environment_are_used(client, script, api, environment):
    environment.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    script("GET", result(1))
    call(client)
    assert api.requests[0][1]["proxies"]["https"] == "http://proxy.example.com:3128"


def test_plain_http_never_goes_through_a_proxy(client_with, script, api, environment):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        environment.setenv(name, "http://proxy.example.com:3128")
    script("GET", result(1))
    call(client_with(api_url="http://localhost:8766"))
    assert not api.requests[0][1]["proxies"]


@pytest.mark.parametrize(("version", "parts"), [("2.28.0", (2, 28)), ("2.34", (2, 34)), ("3", (3,)), ("2.x", (2,))])
def test_requests_version_is_compared_by_its_numbers(monkeypatch, version, parts):
    monkeypatch.setattr(requests, "__version__", version)
    assert _client.requests_version() == parts
