# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest
import requests
from simulator import Simulator
from simulator.records import SYSTEM_ROLES


def test_invitation_is_created_listed_got_and_deleted(api, simulator):
    assert api.list() == []
    created = api.create("Ann.Smith@Example.com", role="admin")
    assert created["email"] == "ann.smith@example.com"
    assert created["role"] == "admin"
    assert [role["roleName"] for role in created["assignedRoles"]] == ["Admin"]
    lifetime = datetime.fromisoformat(created["expireAt"]) - datetime.fromisoformat(created["createdAt"])
    assert lifetime == timedelta(days=7)
    assert abs(datetime.fromisoformat(created["createdAt"]) - datetime.now(timezone.utc)) < timedelta(seconds=5)
    assert api.list() == [created] == simulator.invitations
    assert api.get(created["id"]) == created
    assert api.get(created["id"].upper()) == created
    assert api.delete(created["id"]) is None
    assert api.list() == []
    assert api.get(created["id"], 404) == f"NOT_FOUND: {created['id']}"
    assert api.delete(created["id"], 404) == f"NOT_FOUND: {created['id']}"


def test_accepted_invitation_becomes_a_member(api, simulator):
    api.create("ann@example.com", assignedRoleIds=[api.role_id("Billing")])
    accepted = simulator.accept("ANN@example.com")
    assert api.list() == []
    assert api.members() == [accepted]
    assert accepted["email"] == "ann@example.com"
    assert [role["roleName"] for role in accepted["assignedRoles"]] == ["Billing"]


def test_expired_or_missing_invitation_cannot_be_accepted(simulator):
    with pytest.raises(LookupError, match="ann@example"):
        simulator.accept("ann@example.com")
    simulator.invite("ann@example.com", expired=True)
    with pytest.raises(LookupError, match="ann@example"):
        simulator.accept("ann@example.com")


def test_expire_keeps_the_lifetime_of_an_invitation(api, simulator):
    before = api.create("ann@example.com")
    after = simulator.expire("ann@example.com")
    assert api.list() == [after]
    times = {key: [datetime.fromisoformat(i[key]) for i in (before, after)] for key in ("createdAt", "expireAt")}
    assert times["expireAt"][1] < datetime.now(timezone.utc)
    assert times["expireAt"][0] - times["createdAt"][0] == times["expireAt"][1] - times["createdAt"][1]
    with pytest.raises(LookupError, match="bob@example"):
        simulator.expire("bob@example.com")


@pytest.mark.parametrize(
    ("arguments", "created", "expires"),
    [
        ({}, 0, 7 * 86400),
        ({"created_ago": 3600}, -3600, 7 * 86400 - 3600),
        ({"expires_in": 60}, 60 - 7 * 86400, 60),
        ({"expires_in": -60, "created_ago": 3600}, -3600, -60),
        ({"expired": True}, -7 * 86400 - 1, -1),
        ({"expired": True, "created_ago": 10}, -10, -1),
    ],
)
def test_invitation_is_set_up_with_its_times(simulator, arguments, created, expires):
    invitation = simulator.invite("ann@example.com", **arguments)
    now = datetime.now(timezone.utc)
    for key, seconds in (("createdAt", created), ("expireAt", expires)):
        moment = datetime.fromisoformat(invitation[key])
        assert moment - now == pytest.approx(timedelta(seconds=seconds), abs=timedelta(seconds=2))


def test_each_created_invitation_sends_one_email(api, simulator):
    simulator.invite("zoe@example.com")
    assert simulator.emails == []
    first = api.create("Ann@example.com", role="admin")
    second = api.create("bob@example.com", assignedRoleIds=[api.role_id("Member")])
    api.create("bob@example.com", 409)
    assert [(e["email"], e["invitation_id"], e["role"]) for e in simulator.emails] == [
        ("ann@example.com", first["id"], "admin"),
        ("bob@example.com", second["id"], None),
    ]


def test_roles_are_listed_and_assigned_by_id(api, simulator):
    assert {r["name"] for r in api.roles()} == set(SYSTEM_ROLES)
    assert {r["type"] for r in api.roles()} == {"system"}
    one, other = simulator.add_role("auditor"), simulator.add_role("Auditor")
    same_name = simulator.add_role("auditor")
    assert api.roles()[len(SYSTEM_ROLES) :] == [one, other, same_name]
    assert len({role["id"] for role in api.roles()}) == len(SYSTEM_ROLES) + 3
    created = api.create("ann@example.com", assignedRoleIds=[same_name["id"].upper(), other["id"], same_name["id"]])
    assert created["role"] == "developer"
    assert created["assignedRoles"] == [
        {"roleId": same_name["id"], "roleName": "auditor", "roleType": "custom"},
        {"roleId": other["id"], "roleName": "Auditor", "roleType": "custom"},
    ]
    assert api.create("bob@example.com", assignedRoleIds=[api.role_id("Admin")])["role"] == "admin"


def test_key_lists_its_own_organization(api, simulator):
    response = api.session.get(f"{simulator.url}/v1/organizations", timeout=5)
    (organization,) = api.validate(response, "list_organizations")["result"]
    assert organization["id"] == simulator.organization_id


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"email": NaN}', "JSON"),
        (b"9" * 10_000, "JSON"),
        ('{"email": "ann@example.com", "role": "admin"}'.encode("utf-16"), "JSON"),
        (b"null", "object"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"{}", "email"),
        (b'{"email": null, "role": "admin"}', "email"),
        (b'{"email": ["ann@example.com"], "role": "admin"}', "email"),
        (b'{"email": "ann", "role": "admin"}', "email"),
        (b'{"email": "ann@example", "role": "admin"}', "email"),
        (b'{"email": "a nn@example.com", "role": "admin"}', "email"),
        (b'{"email": " ann@example.com", "role": "admin"}', "email"),
        (b'{"email": "ann@example.com\\u0000", "role": "admin"}', "email"),
        (b'{"email": "\\ud800@example.com", "role": "admin"}', "email"),
        (b'{"email": "ann@example.com"}', "role"),
        (b'{"email": "ann@example.com", "role": null}', "role"),
        (b'{"email": "ann@example.com", "role": "Admin"}', "role"),
        (b'{"email": "ann@example.com", "role": ["admin"]}', "role"),
        (b'{"email": "ann@example.com", "role": {}}', "role"),
        (b'{"email": "ann@example.com", "assignedRoleIds": "Admin"}', "role"),
        (b'{"email": "ann@example.com", "assignedRoleIds": [7]}', "role"),
        (b'{"email": "ann@example.com", "assignedRoleIds": ["Admin"]}', "role id Admin"),
        (b'{"email": "ann@example.com", "role": "admin", "assignedRoleIds": ["Admin"]}', "Only one"),
    ],
)
def test_invitation_with_an_invalid_body_is_rejected(api, simulator, body, words):
    assert words in api.call("POST", "/invitations", "create_invitation", 400, data=body)
    assert simulator.invitations == []


def test_unknown_fields_of_a_body_are_ignored(api):
    assert api.create("ann@example.com", role="admin", color="red")["role"] == "admin"


def test_content_type_of_a_request_is_ignored(api):
    for number, kind in enumerate(("text/plain", "application/json; charset=utf-16", "nonsense", "")):
        body = f'{{"email": "person{number}@example.com", "role": "admin"}}'
        headers = {"Content-Type": kind}
        api.call("POST", "/invitations", "create_invitation", data=body, headers=headers)


@pytest.mark.parametrize("wrong", ["1", "not-a-uuid", "{}", "0" * 36, "%00", "%ff", "\N{SNOWMAN}"])
def test_id_in_a_path_must_be_a_uuid(api, simulator, wrong):
    assert "Invalid invitation id" in api.get(wrong, 400)
    assert "Invalid invitation id" in api.delete(wrong, 400)
    url = f"{simulator.url}/v1/organizations/{wrong}/invitations"
    response = api.session.get(url, timeout=5)
    assert "Invalid organization id" in api.validate(response, "list_invitations")["error"]
    assert response.status_code == 400


def test_another_organization_is_not_found(api, simulator):
    for path, operation in (("invitations", "list_invitations"), ("members", "list_members"), ("roles", "list_roles")):
        response = api.session.get(f"{simulator.url}/v1/organizations/{uuid.uuid4()}/{path}", timeout=5)
        assert api.validate(response, operation)["error"] == "NOT_FOUND"
        assert response.status_code == 404


def test_organization_id_may_be_upper_case(api, simulator):
    url = f"{simulator.url}/v1/organizations/{simulator.organization_id.upper()}/invitations"
    assert api.session.get(url, timeout=5).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1", "/v1/", "/v1/nothing", "/v1/organizations/", "/v1//organizations", "/v2/organizations", "/x"],
)
def test_unknown_path_is_404_in_json(api, simulator, path):
    response = api.session.get(simulator.url + path, timeout=5, allow_redirects=False)
    assert response.status_code == 404
    api.validate(response, "list_organizations")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_wrong_method_is_405_and_names_the_allowed_ones(api, method):
    response = api.raw(method, "/invitations")
    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))
    api.validate(response, "list_invitations")
    assert api.list() == []


def test_response_to_head_has_no_body_and_keeps_the_connection(api, simulator):
    response = api.raw("HEAD", "/invitations")
    assert (response.status_code, response.content) == (200, b"")
    assert api.list() == []
    assert len({request["connection"] for request in simulator.requests}) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !",
        "Basic \N{LATIN SMALL LETTER U WITH DIAERESIS}",
        "Basic U2ltdWxhdGVkS2V5SWQwMDAwMDA6d3Jvbmc=",
        "Bearer token",
    ],
)
def test_wrong_credentials_are_401_on_every_path(simulator, authorization):
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    for path in ("/v1/organizations", "/v1/nothing"):
        request = requests.Request("GET", simulator.url + path, headers=headers).prepare()
        with requests.Session() as session:
            response = session.send(request, timeout=5)
        assert response.status_code == 401
        assert response.json()["error"].startswith("UNAUTHORIZED")


def test_connection_is_kept_after_rejections_and_bodies(api, simulator):
    created = api.create("ann@example.com")
    api.create("ann@example.com", 409)
    api.call("POST", "/invitations", "create_invitation", 400, data=b"{")
    api.raw("DELETE", f"/invitations/{created['id']}", json={"a": "body"})
    api.raw("GET", "/invitations", data=iter([b"chunk"] * 3))
    assert [request["status"] for request in simulator.requests] == [200, 409, 400, 200, 200]
    assert len({request["connection"] for request in simulator.requests}) == 1


def test_requests_are_logged_with_operation_and_status(api, simulator):
    created = api.create("ann@example.com")
    api.raw("PUT", "/roles")
    api.session.get(f"{simulator.url}/elsewhere", timeout=5)
    organization = f"/v1/organizations/{simulator.organization_id}"
    connection = simulator.requests[0]["connection"]
    common = {"connection": connection}
    assert simulator.requests == [
        {
            "method": "POST",
            "path": f"{organization}/invitations",
            "operation": "create_invitation",
            "status": 200,
            **common,
        },
        {"method": "PUT", "path": f"{organization}/roles", "operation": None, "status": 405, **common},
        {"method": "GET", "path": "/elsewhere", "operation": None, "status": 404, **common},
    ]
    api.delete(created["id"])
    assert simulator.requests[-1]["operation"] == "delete_invitation"


def test_reset_forgets_everything(api, simulator):
    api.create("ann@example.com")
    simulator.add_member("bob@example.com")
    simulator.add_role("auditor")
    simulator.order_fault("status")
    url = simulator.url
    simulator.reset(rate_limit="0", list_expired=False)
    assert simulator.url == url
    assert (simulator.invitations, simulator.members, simulator.emails, simulator.requests) == ([], [], [], [])
    assert len(simulator.roles) == len(SYSTEM_ROLES)
    assert simulator.waiting_faults == []
    assert simulator.state["settings"]["list_expired"] is False
    simulator.reset()
    assert simulator.state["settings"]["list_expired"] is True


def test_reset_restores_the_settings_of_the_start():
    with Simulator(rate_limit="0", stale_reads=2) as simulator:
        simulator.configure(rate_limit="1/1", list_expired=False)
        simulator.reset(stale_reads=1)
        settings = simulator.state["settings"]
    assert [settings[name] for name in ("rate_limit", "stale_reads", "list_expired")] == ["0", 1, True]


def test_twenty_thousand_invitations_are_listed_within_a_second(api, simulator):
    simulator.seed(20_000)
    api.raw("GET", "/invitations")
    response = api.raw("GET", "/invitations", timeout=2)
    assert len(response.json()["result"]) == 20_000
    assert response.elapsed < timedelta(seconds=1)
