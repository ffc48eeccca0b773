# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import json
import socket
import threading
import time

import pytest
import requests
from simulator.faults import BODIES, KINDS, OPERATIONS

NEW = {"email": "ann@example.com", "role": "developer"}


def create(api):
    return api.raw("POST", "/invitations", json=NEW)


def test_fault_fires_as_often_as_ordered(api, simulator):
    simulator.order_fault("status", status=500, operation="list_invitations", times=2, skip=1)
    statuses = [api.raw("GET", "/invitations").status_code for _time in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert simulator.waiting_faults == []


def test_fault_without_an_end_fires_at_every_call_of_the_api(api, simulator):
    simulator.order_fault("status", times=None)
    assert [api.raw("GET", path).status_code for path in ("/members", "/roles", "/nothing")] == [503] * 3
    assert simulator.waiting_faults == [{"kind": "status", "operation": None, "times": None, "skip": 0}]
    assert requests.get(f"{simulator.url}/control/state", timeout=5).status_code == 200


def test_faults_fire_oldest_first(api, simulator):
    simulator.order_fault("status", status=500, operation="list_members", skip=1)
    simulator.order_fault("status", status=502)
    simulator.order_fault("status", status=503)
    assert api.raw("GET", "/members").status_code == 200, "the first one waits, and the others with it"
    assert api.raw("GET", "/roles").status_code == 502
    assert [api.raw("GET", "/members").status_code for _time in range(3)] == [500, 503, 200]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_fault_of_an_operation_leaves_the_others_alone(api, simulator, operation):
    invitation = simulator.invite("bob@example.com")
    simulator.order_fault("status", status=599, operation=operation)
    one = f"/invitations/{invitation['id']}"
    member = f"/members/{simulator.add_member('zoe@example.com')['userId']}"
    calls = {
        "list_organizations": ("GET", "/../../organizations"),
        "list_invitations": ("GET", "/invitations"),
        "create_invitation": ("POST", "/invitations"),
        "get_invitation": ("GET", one),
        "delete_invitation": ("DELETE", one),
        "list_members": ("GET", "/members"),
        "get_member": ("GET", member),
        "update_member": ("PATCH", member),
        "remove_member": ("DELETE", member),
        "list_roles": ("GET", "/roles"),
        "list_keys": ("GET", "/keys"),
        "get_key": ("GET", f"/keys/{simulator.keys[0]['id']}"),
        "list_activities": ("GET", "/activities"),
    }
    for name in [*calls, operation]:
        if name != operation:
            assert api.raw(*calls[name], json=NEW).status_code < 500
    assert simulator.waiting_faults != []
    assert api.raw(*calls[operation], json=NEW).status_code == 599
    assert simulator.requests[-1]["operation"] == operation


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(
    "kind", ["status", "redirect", "no_content", "disconnect", "cut", "cut_headers", "cut_json", "body"]
)
def test_faulty_creation_is_applied_or_not(api, simulator, kind, applied):
    simulator.order_fault(kind, operation="create_invitation", applied=applied)
    try:
        status = create(api).status_code
    except requests.RequestException:
        status = None
    assert len(simulator.invitations) == len(simulator.emails) == int(applied)
    if kind not in ("cut", "cut_headers"):
        assert simulator.requests[-1]["status"] == status


@pytest.mark.parametrize(
    ("body", "kind", "content"),
    [
        ("html", "text/html", b"<html>"),
        ("json", "application/json; charset=utf-8", b'{"message": "Bad Gateway"}'),
        ("empty", None, b""),
        ("some words", "text/plain; charset=utf-8", b"some words"),
    ],
)
def test_status_has_its_body_and_headers(api, simulator, body, kind, content):
    simulator.order_fault("status", status=502, body=body, headers={"Retry-After": "7"})
    response = api.raw("GET", "/invitations")
    assert (response.status_code, response.reason) == (502, "Bad Gateway")
    assert response.headers.get("Content-Type") == kind
    assert response.headers["Retry-After"] == "7"
    assert response.content.startswith(content)


@pytest.mark.parametrize("status", [401, 403, 407, 408, 425, 520, 521, 522, 523, 524, 530, 599])
def test_status_of_a_gateway_has_its_phrase(api, simulator, status):
    simulator.order_fault("status", status=status, operation="create_invitation", applied=True)
    response = create(api)
    assert response.status_code == status
    assert (response.reason == "Unknown") == (status == 599)
    assert len(simulator.invitations) == 1


def test_status_in_an_envelope_is_described(api, simulator):
    simulator.order_fault("status", status=424, body="envelope")
    body = api.validate(api.raw("GET", "/invitations"), "list_invitations")
    assert body["error"] == "Failed Dependency"


@pytest.mark.parametrize("reset", [False, True])
def test_disconnect_ends_the_connection_without_a_response(api, simulator, reset):
    simulator.order_fault("disconnect", reset=reset)
    with socket.create_connection(("127.0.0.1", int(simulator.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(b"GET /v1/organizations HTTP/1.1\r\nHost: x\r\n\r\n")
        if reset:
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        else:
            assert connection.recv(1) == b""
    assert simulator.requests[-1]["status"] is None
    assert api.list() == []


@pytest.mark.parametrize("reset", [False, True])
def test_cut_ends_in_the_middle_of_the_body(api, simulator, reset):
    simulator.seed(100)
    simulator.order_fault("cut", reset=reset)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        api.raw("GET", "/invitations")


def test_cut_headers_ends_in_the_middle_of_the_headers(api, simulator):
    simulator.order_fault("cut_headers")
    response = api.raw("GET", "/roles")
    assert response.status_code == 200
    assert response.content == b""
    assert "Content-Length" not in response.headers


def test_cut_json_is_a_complete_response_with_half_its_json(api, simulator):
    simulator.order_fault("cut_json")
    response = api.raw("GET", "/roles")
    assert int(response.headers["Content-Length"]) == len(response.content)
    with pytest.raises(ValueError, match=":"):
        response.json()
    assert api.list() == []


def test_delay_applies_the_call_before_it_waits(api, simulator):
    simulator.order_fault("delay", seconds=0.8)
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.raw("POST", "/invitations", json=NEW, timeout=0.4)
    assert len(simulator.invitations) == 1
    simulator.order_fault("delay", seconds=0.1)
    assert len(api.list()) == 1


def test_drip_headers_sends_headers_byte_by_byte(api, simulator):
    simulator.order_fault("drip_headers", interval=0.001)
    started = time.monotonic()
    assert api.list() == []
    assert time.monotonic() - started > 0.1
    assert simulator.requests[-1]["status"] == 200
    simulator.order_fault("drip_headers", interval=0.05)
    with socket.create_connection(("127.0.0.1", int(simulator.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(b"GET /v1/organizations HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [len(connection.recv(65_536)) for _time in range(3)] == [1, 1, 1]


def test_drip_body_sends_the_body_byte_by_byte(api, simulator):
    simulator.order_fault("drip_body", interval=0.01)
    with api.raw("GET", "/invitations", stream=True) as response:
        assert response.raw.read(1) == b"{"
        assert response.headers["Content-Length"]
    simulator.order_fault("drip_body", interval=0)
    assert api.list() == []


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_endless_sends_a_body_until_the_client_closes(api, simulator, framing):
    simulator.order_fault("endless", framing=framing)
    with api.raw("GET", "/invitations", stream=True) as response:
        content = response.raw.read(5_000_000)
    assert len(content) == 5_000_000
    assert content.startswith(b'{"status": 200, "result": [{"email": "aaa')
    assert api.list() == []


def test_interim_sends_100_continue_again_and_again(simulator):
    simulator.order_fault("interim", interval=0.001)
    with socket.create_connection(("127.0.0.1", int(simulator.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(b"GET /v1/organizations HTTP/1.1\r\nHost: x\r\n\r\n")
        text = b"".join(connection.recv(65_536) for _time in range(5))
    assert text.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("content", BODIES)
def test_wrong_body_has_its_true_length_and_keeps_the_connection(api, simulator, content):
    simulator.order_fault("body", content=content)
    simulator.invite("ann@example.com")
    response = api.raw("GET", "/invitations")
    assert response.status_code == 200
    assert int(response.headers["Content-Length"]) == len(response.content)
    if BODIES[content] is not None:
        assert response.content == BODIES[content]
    assert len(api.list()) == 1
    assert len({request["connection"] for request in simulator.requests}) == 1


def test_body_takes_bytes_and_a_status(api, simulator):
    simulator.order_fault("body", content=b"\x00\x01", status=201)
    response = api.raw("GET", "/invitations")
    assert (response.status_code, response.content) == (201, b"\x00\x01")


def test_mistyped_body_has_every_field_with_another_type(api, simulator):
    simulator.order_fault("body", content="mistyped", times=3)
    invitation = simulator.invite("ann@example.com")
    (record,) = api.raw("GET", "/invitations").json()["result"]
    assert record.keys() == invitation.keys()
    assert not any(type(record[name]) is type(invitation[name]) for name in invitation)
    record = api.raw("GET", f"/invitations/{invitation['id']}").json()["result"]
    assert record.keys() == invitation.keys()
    assert api.raw("DELETE", f"/invitations/{invitation['id']}").json()["result"]
    assert simulator.invitations == []


def test_odd_records_are_among_the_good_ones_of_a_list(api, simulator):
    good = [simulator.invite(f"person{number}@example.com") for number in range(2)]
    simulator.order_fault("odd_records", operation="list_invitations", records=[None, "text", {}])
    assert api.raw("GET", "/invitations").json()["result"] == [None, good[0], "text", good[1], {}]
    simulator.order_fault("odd_records", records=[7])
    assert api.get(good[0]["id"]) == good[0], "it is for lists alone"
    assert api.raw("GET", "/invitations").json()["result"] == [7, *good]
    simulator.order_fault("odd_records")
    result = api.raw("GET", "/members").json()["result"]
    assert len(result) > 5


def test_odd_records_leave_a_rejected_list_alone(api, simulator):
    simulator.configure(permissions="")
    simulator.order_fault("odd_records", records=[7])
    assert api.raw("GET", "/invitations").json()["status"] == 403


def test_redirect_has_its_status_and_location(api, simulator):
    simulator.order_fault("redirect", status=307, location="http://127.0.0.1:1/")
    response = api.raw("GET", "/invitations")
    assert (response.status_code, response.headers["Location"]) == (307, "http://127.0.0.1:1/")
    simulator.order_fault("redirect")
    api.session.get(f"{simulator.url}/v1/organizations", timeout=5)
    assert simulator.requests[-1]["path"] == "/elsewhere"


def test_no_content_is_204_and_keeps_the_connection(api, simulator):
    simulator.order_fault("no_content")
    response = api.raw("GET", "/invitations")
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Length" not in response.headers
    assert api.list() == []
    assert len({request["connection"] for request in simulator.requests}) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-RateLimit-Reset": "0"},
        {"X-RateLimit-Reset": "2.5"},
        {"X-RateLimit-Reset": "soon"},
        {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"},
    ],
)
def test_rate_limited_is_429_with_its_headers(api, simulator, headers):
    simulator.order_fault("rate_limited", headers=headers)
    response = api.raw("GET", "/invitations")
    api.validate(response, "list_invitations")
    assert response.status_code == 429
    found = {name: response.headers.get(name) for name in ("X-RateLimit-Reset", "Retry-After")}
    assert {name: value for name, value in found.items() if value is not None} == headers


def test_late_write_is_applied_after_so_many_lists(api, simulator):
    simulator.order_fault("late", operation="create_invitation", reads=2)
    with pytest.raises(requests.ConnectionError):
        create(api)
    assert simulator.emails == []
    assert [len(api.list()) for _time in range(3)] == [0, 0, 1]
    assert len(simulator.emails) == 1


def test_late_write_is_applied_after_so_many_seconds(api, simulator):
    invitation = simulator.invite("bob@example.com")
    simulator.order_fault("late", seconds=0.5, response=504, times=2)
    assert create(api).status_code == 504
    assert api.raw("DELETE", f"/invitations/{invitation['id']}").status_code == 504
    assert api.list() == [invitation]
    time.sleep(0.55)
    assert [i["email"] for i in api.list()] == ["ann@example.com"]


def test_late_write_is_subject_to_the_rules_when_it_is_applied(api, simulator):
    simulator.order_fault("late", seconds=0.3, response=504)
    create(api)
    assert create(api).status_code == 200
    time.sleep(0.35)
    assert len(api.list()) == len(simulator.emails) == 1
    simulator.reset(rate_limit="1/60", second_invitation="allow")
    simulator.order_fault("late", seconds=0.3, response=504)
    create(api)
    assert create(api).status_code == 200
    time.sleep(0.35)
    assert len(simulator.invitations) == len(simulator.emails) == 2, "the rate limit is past"


@pytest.mark.parametrize(
    ("action", "moment", "status", "invitations", "members", "emails"),
    [
        ("invite", "before", 409, 1, 0, 1),
        ("invite", "after", 200, 1, 0, 1),
        ("add_member", "before", 409, 0, 1, 0),
        ("add_member", "after", 200, 1, 1, 1),
        ("accept", "before", 200, 1, 0, 1),
        ("accept", "after", 200, 0, 1, 1),
        ("delete", "after", 200, 0, 0, 1),
        ("expire", "after", 200, 1, 0, 1),
    ],
)
def test_race_with_a_creation(api, simulator, action, moment, status, invitations, members, emails):
    simulator.order_fault("race", operation="create_invitation", action=action, moment=moment)
    assert create(api).status_code == status
    state = simulator.state
    assert [len(state[what]) for what in ("invitations", "members", "emails")] == [invitations, members, emails]


@pytest.mark.parametrize(("action", "status", "members"), [("delete", 404, 0), ("accept", 404, 1), ("invite", 200, 0)])
def test_race_with_a_deletion(api, simulator, action, status, members):
    invitation = simulator.invite("ann@example.com")
    simulator.order_fault("race", operation="delete_invitation", action=action)
    assert api.raw("DELETE", f"/invitations/{invitation['id']}").status_code == status
    assert (simulator.invitations, len(simulator.members)) == ([], members)


def test_races_fire_together_with_another_fault(api, simulator):
    simulator.order_fault("disconnect", operation="create_invitation", applied=True)
    simulator.order_fault("race", action="delete", moment="after")
    simulator.order_fault("race", action="invite", email="bob@example.com", role_names=["Billing"])
    with pytest.raises(requests.ConnectionError):
        create(api)
    (invitation,) = simulator.invitations
    assert invitation["email"] == "bob@example.com"
    assert invitation["assignedRoles"][0]["roleName"] == "Billing"


def test_race_fires_after_a_call_that_never_arrives(api, simulator):
    simulator.order_fault("status", operation="create_invitation")
    simulator.order_fault("race", action="add_member", moment="after")
    assert create(api).status_code == 503
    assert (simulator.invitations, len(simulator.members)) == ([], 1)


def test_race_without_a_person_does_nothing(api, simulator):
    simulator.order_fault("race", action="accept", times=None)
    assert api.list() == []
    assert api.raw("POST", "/invitations", data=b"[").status_code == 400
    assert simulator.members == []


def test_race_is_subject_to_stale_reads(api, simulator):
    simulator.configure(stale_reads=1)
    simulator.invite("ann@example.com")
    simulator.order_fault("race", action="accept", email="ann@example.com")
    assert len(api.list()) == 1
    assert api.list() == []


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("nonsense", {}),
        ("status", {"operation": "nonsense"}),
        ("status", {"times": 0}),
        ("status", {"times": 1.5}),
        ("status", {"skip": -1}),
        ("status", {"nonsense": 1}),
        ("status", {"status": 99}),
        ("status", {"status": "500"}),
        ("status", {"applied": 1}),
        ("status", {"headers": "X: 1"}),
        ("delay", {"seconds": -1}),
        ("body", {"content": "nonsense"}),
        ("endless", {"framing": "nonsense"}),
        ("endless", {"rate": 0}),
        ("odd_records", {"operation": "get_invitation"}),
        ("odd_records", {"records": 7}),
        ("late", {}),
        ("late", {"seconds": 1, "reads": 1}),
        ("late", {"reads": 0}),
        ("late", {"seconds": 1, "response": "nonsense"}),
        ("late", {"seconds": 1, "operation": "list_members"}),
        ("race", {"action": "nonsense"}),
        ("race", {"moment": "nonsense"}),
    ],
)
def test_invalid_fault_is_rejected_with_a_sentence(simulator, kind, order):
    with pytest.raises(ValueError, match=r"\.$"):
        simulator.order_fault(kind, **order)
    assert simulator.waiting_faults == []


def test_every_kind_of_fault_has_a_docstring():
    assert all(kind.__doc__ for kind in KINDS.values())


def test_concurrent_connections_get_their_own_responses(simulator):
    """Many connections at once, each with its own responses."""
    simulator.order_fault("status", status=503, times=20)
    statuses = []

    def work():
        connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=5)
        for _time in range(20):
            connection.request("GET", "/v1/nothing")
            response = connection.getresponse()
            body = response.read()
            statuses.append(response.status)
            assert response.status == 503 or json.loads(body)["status"] == response.status
        connection.close()

    threads = [threading.Thread(target=work) for _time in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 80 + [503] * 20
    assert len({request["connection"] for request in simulator.requests}) == 5
