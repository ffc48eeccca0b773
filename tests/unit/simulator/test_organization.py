# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization as it is by default: migrated, with its founder and its API keys. People who come by themselves."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone

import pytest
from simulator.settings import Settings

FOUNDER = "admin@example.com"
NIL = str(uuid.UUID(int=0))


@pytest.fixture(autouse=True)
def organization(simulator):
    simulator.reset(rate_limit="0", founder=FOUNDER, organization_era="migrated_frozen")


def emails(people):
    return [person["email"] for person in people]


def test_these_settings_are_the_defaults():
    assert (Settings().founder, Settings().organization_era) == (FOUNDER, "migrated_frozen")


def test_founder_is_an_administrator_and_stays(api, simulator):
    simulator.configure(last_admin="allow", last_admin_status=403)
    (founder,) = api.members()
    assert (founder["email"], [role["roleName"] for role in founder["assignedRoles"]]) == (FOUNDER, ["Admin"])
    assert "at least one member" in api.remove(founder["userId"], 403)
    assert emails(simulator.members) == [FOUNDER]


@pytest.mark.parametrize(("shown", "assigned"), [("empty", []), ("null", None), ("missing", ...)])
def test_invitation_and_member_without_roles_are_shown_as_set(api, simulator, shown, assigned):
    simulator.configure(no_roles=shown)
    created = api.create("ann@example.com", assignedRoleIds=[])
    assert created == api.list()[0]
    assert created.get("assignedRoles", ...) == assigned
    assert created["role"] == "developer"
    assert (
        api.update(simulator.accept("ann@example.com")["userId"], assignedRoleIds=[]).get("assignedRoles", ...)
        == assigned
    )


def test_invitation_without_roles_can_be_rejected(api, simulator):
    simulator.configure(invitation_without_roles="reject")
    assert "at least one role" in api.create("ann@example.com", 400, assignedRoleIds=[])
    assert simulator.emails == []


@pytest.mark.parametrize("malformed", [NIL, "not-a-uuid"])
def test_malformed_and_nil_ids_are_rejected_and_absent_ones_not_found(api, simulator, malformed):
    for call in (api.get, api.delete, api.member, api.remove, api.key):
        assert call(malformed, 400).endswith(" id")
        absent = str(uuid.uuid4())
        assert call(absent, 404) == f"NOT_FOUND: {absent}"
    simulator.configure(malformed_id_status=404, absent_status=400)
    assert "Invalid invitation id" in api.get(malformed, 404)
    api.get(absent, 400)


@pytest.mark.parametrize("status", [404, 400, 200])
def test_second_delete_is_answered_as_set(api, simulator, status):
    simulator.configure(delete_again_status=status)
    invitation = api.create("ann@example.com")
    api.delete(invitation["id"])
    api.delete(invitation["id"], status)
    member = simulator.add_member("bob@example.com")
    api.remove(member["userId"])
    api.remove(member["userId"], status)


def test_errors_may_lack_the_request_id(api, simulator):
    simulator.configure(error_request_id="missing")
    assert api.raw("GET", "/invitations/nonsense").json() == {
        "status": 400,
        "error": "BAD_REQUEST: Invalid invitation id",
    }
    assert "requestId" in api.raw("GET", "/invitations").json()


def test_roles_have_all_fields_of_the_description_and_one_more(api):
    for role in api.roles():
        known = {"id", "name", "type", "tenantId", "ownerId", "actors", "policies", "createdAt", "updatedAt"}
        assert role.keys() - known == {"ofTheFuture"}


def test_api_keys_are_listed_and_got(api, simulator):
    ansible, review = api.keys()
    assert ansible["keySuffix"] == simulator.key[-4:]
    assert (ansible["usedAt"][-7:], "expireAt" in ansible) == ("00.000Z", False)
    assert "usedAt" not in review
    key = simulator.add_key("ci", ["Billing"], state="disabled", expires_in=-1, used_ago=60, sources=["192.0.2.1"])
    assert api.keys() == [ansible, review, api.key(key["id"])]
    assert key["ipAccessList"] == [{"source": "192.0.2.1", "description": ""}]
    assert key["assignedRoles"][0]["roleName"] == "Billing"


def test_activities_name_the_members_and_are_kept_for_some_time(api, simulator):
    simulator.configure(activities_days=2)
    (activity,) = api.activities()
    age = datetime.now(timezone.utc) - datetime.fromisoformat(activity["createdAt"])
    assert age.days == 2
    assert activity["actorId"] == simulator.members[0]["userId"]
    simulator.configure(activity_actor="other")
    assert api.activities()[0]["actorId"] == FOUNDER


def test_provisioning_makes_a_second_member_with_another_case(api, simulator):
    simulator.add_member("ann@example.com")
    simulator.provision("Ann@example.com")
    assert emails(api.members()) == [FOUNDER, "ann@example.com", "Ann@example.com"]
    assert len({member["userId"] for member in api.members()}) == 3
    simulator.provision("Ann@example.com")
    assert len(api.members()) == 3


def test_person_of_an_approved_domain_is_invited_without_an_email_of_ours(api, simulator):
    simulator.invite_by_domain("ann@example.com")
    assert [role["roleName"] for role in api.list()[0]["assignedRoles"]] == ["Member"]
    assert simulator.emails == []
