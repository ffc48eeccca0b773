# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from simulator.faults import KINDS


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def control(simulator, session):
    def post(path, body=None, status=200):
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
        response = session.post(f"{simulator.url}/control/{path}", data=data, timeout=5)
        assert response.status_code == status, response.text
        return response.json()

    return post


def test_control_path_offers_the_methods_of_the_simulator(control, simulator):
    ann = control("invite", {"email": "ann@example.com", "role_names": ["Billing"], "expires_in": 60})
    assert simulator.invitations == [ann]
    assert control("expire", {"email": "ann@example.com"})["id"] == ann["id"]
    control("invite", {"email": "bob@example.com", "role": "admin"})
    bob = control("accept", {"email": "bob@example.com"})
    zoe = control("members", {"email": "zoe@example.com", "role": "admin"})
    assert simulator.members == [bob, zoe]
    assert control("update_member", {"email": "bob@example.com"})["assignedRoles"] == []
    assert control("remove_member", {"email": "bob@example.com"})["userId"] == bob["userId"]
    bob = control("sign_on", {"email": "bob@example.com", "role": "admin"})
    assert simulator.members == [zoe, bob]
    auditor = control("roles", {"name": "Auditor"})
    assert simulator.roles[-1] == auditor
    assert (auditor["name"], auditor["type"]) == ("Auditor", "custom")
    assert control("settings", {"list_expired": False, "rate_limit": "5/1"}) == {}
    assert control("faults", {"kind": "delay", "operation": "list_roles", "seconds": 1, "times": 2}) == {}
    state = requests.get(f"{simulator.url}/control/state", timeout=5).json()
    assert state == simulator.state
    assert state["settings"]["rate_limit"] == "5/1"
    assert state["faults"] == [{"kind": "delay", "operation": "list_roles", "times": 2, "skip": 0}]
    assert [len(state[what]) for what in ("invitations", "members", "roles", "emails", "requests")] == [1, 2, 10, 0, 0]
    assert control("reset", {"rate_limit": "0"}) == {}
    assert simulator.invitations == simulator.members == simulator.waiting_faults == []


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("invite", b"{", 400, "JSON"),
        ("invite", [], 400, "object"),
        ("invite", {}, 400, "email"),
        ("invite", {"email": "ann@example.com", "color": "red"}, 400, "color"),
        ("invite", {"email": "ann"}, 400, "email"),
        ("invite", {"email": 7}, 400, "email"),
        ("invite", {"email": "ann@example.com", "role": "king"}, 400, "king"),
        ("invite", {"email": "ann@example.com", "role_names": ["King"]}, 400, "King"),
        ("invite", {"email": "ann@example.com", "role_names": "Admin"}, 400, "role_names"),
        ("invite", {"email": "ann@example.com", "role_names": [7]}, 400, "role"),
        ("invite", {"email": "ann@example.com", "expires_in": "1h"}, 400, "expires_in"),
        ("invite", {"email": "ann@example.com", "expires_in": 1e99}, 400, "expires_in"),
        ("accept", {"email": "ann@example.com"}, 404, "ann@example.com"),
        ("expire", {"email": "ann@example.com"}, 404, "ann@example.com"),
        ("members", {"email": "ann@example.com", "role": 7}, 400, "role"),
        ("members", {"email": "ann@example.com", "account": 7}, 400, "account"),
        ("sign_on", {"email": "ann@example.com", "role_names": ["King"]}, 400, "King"),
        ("update_member", {"email": "ann@example.com"}, 404, "ann@example.com"),
        ("remove_member", {"email": "ann@example.com"}, 404, "ann@example.com"),
        ("roles", {"name": ""}, 400, "name"),
        ("roles", {"name": "Auditor", "type": "odd"}, 400, "odd"),
        ("settings", {"color": "red"}, 400, "color"),
        ("reset", {"rate_limit": "many"}, 400, "rate_limit"),
        ("faults", {}, 400, "kind"),
        ("faults", {"kind": "quake"}, 400, "quake"),
        ("faults", {"kind": "status", "headers": {"X": 7}}, 400, "headers"),
        ("faults", {"kind": "status", "headers": {"X": "a\r\nb"}}, 400, "headers"),
        ("faults", {"kind": "status", "body": 7}, 400, "body"),
        ("faults", {"kind": "redirect", "location": 7}, 400, "location"),
        ("faults", {"kind": "race", "action": "invite", "role": "king"}, 400, "role"),
    ],
)
def test_control_path_rejects_invalid_fields_with_a_sentence(control, simulator, path, body, status, words):
    before = simulator.state
    sentence = control(path, body, status)["error"]
    assert words in sentence
    assert sentence.endswith(".")
    assert simulator.state == before


def test_unknown_control_path_or_method_is_not_logged(simulator):
    assert requests.get(f"{simulator.url}/control/nothing", timeout=5).json()["status"] == 404
    assert requests.get(f"{simulator.url}/control/reset", timeout=5).json()["status"] == 405
    assert simulator.requests == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.emails(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
FIELDS = [
    *("email", "role", "role_names", "expired", "created_ago", "expires_in", "name", "type", "account"),
    *("kind", "operation", "times", "skip", "seconds", "reads", "response", "status", "body", "headers", "records"),
    *("list_expired", "rate_limit", "stale_reads", "read_lag", "invitation_lifetime"),
]


@given(
    path=st.sampled_from(["invite", "accept", "expire", "members", "sign_on", "roles", "settings", "reset", "faults"]),
    body=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
    email=st.booleans(),
    kind=st.none() | st.sampled_from(list(KINDS)),
)
def test_control_path_responds_in_json_to_random_fields(simulator, session, path, body, email, kind):
    if email:
        body["email"] = "ann@example.com"
    if kind:
        body["kind"] = kind
    response = session.post(f"{simulator.url}/control/{path}", data=json.dumps(body), timeout=5)
    assert response.status_code in (200, 400, 404)
    assert response.status_code == 200 or response.json()["error"].endswith(".")
    assert session.get(f"{simulator.url}/control/state", timeout=5).status_code == 200
    for fault in simulator.waiting_faults:
        assert fault["kind"] in KINDS
