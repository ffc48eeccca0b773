# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time
import uuid
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests
from simulator import Simulator
from simulator.operations import COLLECTIONS


def test_second_invitation_is_rejected(api, simulator):
    api.create("ann@example.com")
    assert "CONFLICT" in api.create("ANN@example.com", 409)
    simulator.configure(second_invitation_status=400)
    assert "BAD_REQUEST" in api.create("ann@example.com", 400)
    assert len(simulator.invitations) == len(simulator.emails) == 1


def test_second_invitation_is_added_where_allowed(api, simulator):
    simulator.configure(second_invitation="allow")
    first, second = api.create("ann@example.com"), api.create("ann@example.com")
    assert api.list() == [first, second]
    simulator.accept("ann@example.com")
    assert api.list() == []


def test_invitation_beside_an_expired_one_is_allowed_or_rejected(api, simulator):
    simulator.invite("ann@example.com", expired=True)
    simulator.configure(second_beside_expired="reject")
    api.create("ann@example.com", 409)
    simulator.configure(second_beside_expired="allow")
    api.create("ann@example.com")
    assert len(api.list()) == 2
    simulator.reset(rate_limit="0", second_invitation="allow", second_beside_expired="reject")
    simulator.invite("ann@example.com")
    api.create("ann@example.com")


def test_expired_invitation_is_hidden_where_not_listed(api, simulator):
    expired = simulator.invite("ann@example.com", expired=True)
    assert api.list() == [api.get(expired["id"])] == [expired]
    simulator.configure(list_expired=False)
    assert api.list() == []
    api.get(expired["id"], 404)
    api.delete(expired["id"], 404)
    assert simulator.invitations == [expired]


def test_invitation_expires_after_its_lifetime(api, simulator):
    simulator.configure(list_expired=False, invitation_lifetime=0.5)
    api.create("ann@example.com")
    assert len(api.list()) == 1
    time.sleep(0.55)
    assert api.list() == []


def test_inviting_a_member_is_rejected(api, simulator):
    simulator.add_member("Ann@Example.com", role_names=["Billing"])
    api.create("ann@example.com", 409)
    simulator.configure(member_invitation_status=400)
    api.create("ann@example.com", 400)
    assert simulator.emails == []
    assert api.members()[0]["email"] == "Ann@Example.com"


def test_legacy_organization_has_no_assigned_roles(api, simulator):
    simulator.configure(organization_era="legacy")
    created = api.create("ann@example.com", role="admin")
    assert created["role"] == "admin"
    assert "assignedRoles" not in created
    api.create("bob@example.com", 400, assignedRoleIds=[api.role_id("Admin")])
    simulator.accept("ann@example.com")
    assert api.members()[0]["role"] == "admin"
    assert "assignedRoles" not in api.members()[0]


@pytest.mark.parametrize("era", ["migrated_rejects", "migrated_frozen"])
def test_migrated_organization_freezes_the_legacy_role(api, simulator, era):
    simulator.configure(organization_era=era)
    created = api.create("ann@example.com", assignedRoleIds=[api.role_id("Admin")])
    assert created["role"] == "developer"
    assert created["assignedRoles"][0]["roleName"] == "Admin"
    simulator.accept("ann@example.com")
    assert api.members()[0]["role"] == "developer"


def test_migrated_organization_rejects_or_ignores_the_legacy_role(api, simulator):
    simulator.configure(organization_era="migrated_rejects")
    words = "Organization has migrated to Custom Roles. Use 'assignedRoleIds' instead of 'role'."
    assert words in api.create("ann@example.com", 400, role="admin")
    simulator.configure(organization_era="migrated_frozen")
    assert api.create("ann@example.com", role="admin")["role"] == "developer"


def test_stale_reads_count_lists_and_gets_of_invitations_and_members(api, simulator):
    simulator.configure(stale_reads=3)
    simulator.invite("zoe@example.com")
    assert len(api.list()) == 1, "what was set up is seen at once"
    created = api.create("ann@example.com")
    assert len(api.list()) == 1
    api.get(created["id"], 404)
    assert api.members() == []
    assert len(api.list()) == 2
    api.get(created["id"])


def test_set_up_shows_all_hidden_writes(api, simulator):
    simulator.configure(stale_reads=5)
    api.create("ann@example.com")
    assert api.list() == []
    simulator.add_member("zoe@example.com")
    assert len(api.list()) == len(api.members()) == 1


def test_stale_reads_are_counted_per_write(api, simulator):
    simulator.configure(stale_reads=2)
    api.create("ann@example.com")
    assert [i["email"] for i in api.list()] == []
    created = api.create("bob@example.com")
    assert [i["email"] for i in api.list()] == []
    assert [i["email"] for i in api.list()] == ["ann@example.com"]
    assert [i["email"] for i in api.list()] == ["ann@example.com", "bob@example.com"]
    api.delete(created["id"])
    assert len(api.list()) == 2
    assert len(simulator.invitations) == 1
    api.delete(created["id"], 404)


def test_read_lag_hides_a_write_for_so_many_seconds(api, simulator):
    simulator.configure(read_lag=0.5)
    api.create("ann@example.com")
    assert api.list() == []
    api.create("ann@example.com", 409)
    time.sleep(0.55)
    assert len(api.list()) == 1


NEEDED = {
    "view": [("GET", "/invitations"), ("GET", "/invitations/{id}"), ("GET", "/members"), ("GET", "/members/{id}")],
    "manage": [
        ("GET", "/roles"),
        ("POST", "/invitations"),
        ("DELETE", "/invitations/{id}"),
        ("PATCH", "/members/{id}"),
        ("DELETE", "/members/{id}"),
    ],
    "view-api-keys": [("GET", "/keys"), ("GET", "/keys/{id}")],
    "view-activities": [("GET", "/activities")],
}


@pytest.mark.parametrize("granted", NEEDED)
def test_call_without_its_permission_is_403(api, simulator, granted):
    simulator.configure(permissions=granted)
    for permission, calls in NEEDED.items():
        for method, path in calls:
            response = api.raw(method, path.format(id=uuid.uuid4()), json={})
            assert (response.status_code == 403) == (permission != granted), (method, path)
            if permission != granted:
                assert response.json()["error"].endswith(f"control-plane:organization:{permission}")
    assert api.session.get(f"{simulator.url}/v1/organizations", timeout=5).status_code == 200


@pytest.mark.parametrize("reads", ["invitations,members", "members,keys", ""])
def test_second_key_may_only_read_what_is_set(api, simulator, reads):
    simulator.configure(permissions="", view_key_reads=reads)
    api.session.auth = (simulator.view_key, simulator.view_secret)
    readable = [name for name in COLLECTIONS if api.raw("GET", f"/{name}").status_code == 200]
    assert readable == list(filter(None, reads.split(",")))
    assert api.raw("POST", "/invitations", json={}).status_code == 403


@pytest.mark.parametrize(
    ("style", "pattern"),
    [
        ("milliseconds", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
        ("offset", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+02:00"),
        ("nanoseconds", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"),
        ("garbage", "soon"),
    ],
)
def test_timestamps_are_written_in_a_style(api, simulator, style, pattern):
    simulator.configure(timestamps=style)
    created = api.raw("POST", "/invitations", json={"email": "ann@example.com", "role": "admin"}).json()["result"]
    assert re.fullmatch(pattern, created["createdAt"])
    assert re.fullmatch(pattern, created["expireAt"])
    simulator.accept("ann@example.com")
    assert re.fullmatch(pattern, simulator.members[0]["joinedAt"])


def test_timestamps_of_all_styles_are_equal(simulator):
    simulator.invite("ann@example.com")
    moments = []
    for style in ("milliseconds", "offset", "nanoseconds"):
        simulator.configure(timestamps=style)
        moments.append(datetime.fromisoformat(simulator.invitations[0]["expireAt"]))
    assert max(moments) - min(moments) < timedelta(milliseconds=2)


def test_changed_setting_holds_for_records_listed_before(api, simulator):
    simulator.invite("ann@example.com")
    before = api.list()
    simulator.configure(timestamps="offset", organization_era="legacy")
    (after,) = api.list()
    assert before[0].keys() - after.keys() == {"assignedRoles"}
    assert after["expireAt"].endswith("+02:00")


def test_records_without_timestamps(simulator):
    simulator.configure(timestamps="missing")
    assert set(simulator.invite("ann@example.com")) == {"id", "email", "role", "assignedRoles"}


def test_email_keeps_its_case_where_set(api, simulator):
    simulator.configure(email_case="as_sent")
    assert api.create("Ann@Example.com")["email"] == "Ann@Example.com"
    api.create("ann@example.com", 409)


@pytest.mark.parametrize(
    "setting",
    [
        {"nonsense": 1},
        {"second_invitation": "maybe"},
        {"second_invitation_status": 418},
        {"second_invitation_status": True},
        {"organization_era": None},
        {"list_expired": "yes"},
        {"founder": "nobody"},
        {"permissions": "view,all"},
        {"view_key_reads": "services"},
        {"stale_reads": -1},
        {"stale_reads": 1.5},
        {"read_lag": -1},
        {"patch_lag": None},
        {"patch_stale_reads": True},
        {"clock_offset": float("inf")},
        {"date_offset": "1h"},
        {"email_form": "nfkc"},
        {"read_lag": float("nan")},
        {"invitation_lifetime": "7d"},
        {"rate_limit": "ten"},
        {"rate_limit": "-1/1"},
        {"rate_limit": "10/0"},
        {"rate_limit": None},
    ],
)
def test_invalid_setting_is_rejected_by_name(simulator, setting):
    before = simulator.state["settings"]
    for change in (simulator.configure, simulator.reset, Simulator):
        with pytest.raises(ValueError, match=next(iter(setting))):
            change(**setting)
    assert simulator.state["settings"] == before


def test_default_rate_limit_is_ten_requests_and_ignores_401():
    with Simulator() as simulator:
        statuses = [
            requests.get(f"{simulator.url}/v1/organizations", auth=auth, timeout=5).status_code
            for auth in [("x", "y")] * 5 + [(simulator.key, simulator.secret)] * 11
        ]
    assert statuses == [401] * 5 + [200] * 10 + [429]


@pytest.mark.parametrize(
    ("limit", "statuses"), [("1", [200, 429]), (1, [200, 429]), (0, [200, 200]), ("0/1", [200] * 2)]
)
def test_rate_limit_without_seconds_is_for_ten(api, simulator, limit, statuses):
    simulator.configure(rate_limit=limit)
    assert [api.raw("GET", "/roles").status_code for _time in range(2)] == statuses


def test_rejection_by_the_rate_limit_says_when_it_ends(api, simulator):
    simulator.configure(rate_limit="3/1.5")
    assert [api.raw("GET", "/invitations").status_code for _time in range(3)] == [200] * 3
    rejected = api.raw("GET", "/members")
    assert api.validate(rejected, "list_members")["error"] == "TOO_MANY_REQUESTS"
    assert rejected.status_code == 429
    assert rejected.headers["X-RateLimit-Reset"] == "2"
    simulator.configure(rate_limit_reset="exact")
    reset = float(api.raw("GET", "/nothing").headers["X-RateLimit-Reset"])
    assert 0 < reset < 1.5
    time.sleep(reset + 0.01)
    assert [api.raw("GET", "/invitations").status_code for _time in range(4)] == [200] * 3 + [429]
    simulator.configure(rate_limit="0")
    assert api.list() == []


def test_every_authorized_call_counts_for_the_rate_limit(api, simulator):
    simulator.configure(rate_limit="2/60")
    assert api.raw("GET", "/nothing").status_code == 404
    assert api.raw("PUT", "/roles").status_code == 405
    assert api.raw("GET", "/roles").status_code == 429


@pytest.mark.parametrize("style", ["epoch", "epoch_milliseconds", "absurd", "missing"])
def test_rate_limit_reset_is_written_as_the_setting_says(api, simulator, style):
    simulator.configure(rate_limit="1/60", rate_limit_reset=style)
    api.list()
    rejected = api.raw("GET", "/invitations")
    assert rejected.status_code == 429
    reset = rejected.headers.get("X-RateLimit-Reset")
    if style == "missing":
        assert reset is None
    elif style == "absurd":
        assert float(reset) > 1e100
    else:
        end = int(reset) / (1000 if style == "epoch_milliseconds" else 1)
        assert end - time.time() == pytest.approx(60, abs=2)


def date_of(response):
    return parsedate_to_datetime(response.headers["Date"]).timestamp()


def test_every_response_has_a_date(api, simulator):
    simulator.order_fault("status", status=502)
    simulator.order_fault("drip_headers", interval=0)
    for _time in range(3):
        assert date_of(api.raw("GET", "/invitations")) == pytest.approx(time.time(), abs=2)


def test_date_header_has_an_offset_of_its_own(api, simulator):
    simulator.configure(date_offset=864_000.5)
    response = api.raw("POST", "/invitations", json={"email": "ann@example.com", "role": "admin"})
    assert date_of(response) - time.time() == pytest.approx(864_000, abs=2)
    created = datetime.fromisoformat(response.json()["result"]["createdAt"])
    assert created.timestamp() == pytest.approx(time.time(), abs=2)


def test_clock_of_the_api_has_an_offset_of_its_own(api, simulator):
    simulator.configure(clock_offset=-600)
    response = api.raw("POST", "/invitations", json={"email": "ann@example.com", "role": "admin"})
    assert date_of(response) == pytest.approx(time.time(), abs=2)
    created = datetime.fromisoformat(response.json()["result"]["createdAt"])
    assert created.timestamp() - time.time() == pytest.approx(-600, abs=2)
    simulator.configure(clock_offset=8 * 86_400, list_expired=False)
    assert api.list() == [], "it has expired by the clock of the API"


@pytest.mark.parametrize("style", ["missing", "garbage"])
def test_date_header_is_missing_or_garbage(api, simulator, style):
    simulator.configure(date_header=style)
    assert api.raw("GET", "/invitations").headers.get("Date") == {"missing": None, "garbage": "soon"}[style]


def test_fault_has_a_date_of_its_own(api, simulator):
    simulator.order_fault("status", headers={"Date": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert api.raw("GET", "/invitations").headers["Date"] == "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("form", "sent", "stored"),
    [
        ("as_sent", "jose\u0301@xn--exmple-cua.com", "jose\u0301@xn--exmple-cua.com"),
        ("nfc", "jose\u0301@xn--exmple-cua.com", "jos\u00e9@ex\u00e4mple.com"),
        ("nfd", "jos\u00e9@xn--exmple-cua.com", "jose\u0301@exa\u0308mple.com"),
        ("punycode", "jose\u0301@exa\u0308mple.com", "jos\u00e9@xn--exmple-cua.com"),
        ("punycode", "ann@xn--\u00e4.example.com", "ann@xn--\u00e4.example.com"),
    ],
)
def test_email_is_stored_in_another_form(api, simulator, form, sent, stored):
    simulator.configure(email_form=form)
    assert api.create(sent)["email"] == stored
    assert simulator.emails[0]["email"] == stored
    api.create(sent, 409)
    api.create(stored, 409)
    assert simulator.accept(sent)["email"] == stored
    assert simulator.add_member(f"other.{sent}")["email"] == f"other.{stored}"


@pytest.mark.parametrize("reused", ["closed", "reset", "silent"])
def test_reused_connection_gets_no_response_and_applies_nothing(api, simulator, reused):
    simulator.configure(reused_connections=reused)
    assert api.list() == []
    with pytest.raises(requests.exceptions.ReadTimeout if reused == "silent" else requests.ConnectionError):
        api.raw("POST", "/invitations", json={"email": "ann@example.com", "role": "admin"}, timeout=0.3)
    assert api.list() == [], "a connection of its own is served"
    assert simulator.emails == []
    assert [request["status"] for request in simulator.requests] == [200, None, 200]
