# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import uuid

import pytest
from simulator.faults import ACTIONS

MIGRATED = "Organization has migrated to Custom Roles. Use 'assignedRoleIds' instead of 'role'."


def role_names(member):
    return [role["roleName"] for role in member["assignedRoles"]]


@pytest.fixture
def ann(simulator):
    """A member who is not an admin."""
    return simulator.add_member("ann@example.com", role_names=["Member"])


def test_member_is_got_updated_and_removed(api, simulator, ann):
    user_id = ann["userId"]
    assert api.member(user_id) == api.member(user_id.upper()) == ann
    billing, admin = api.role_id("Billing"), api.role_id("Admin")
    updated = api.update(user_id, assignedRoleIds=[billing, admin.upper(), billing])
    assert role_names(updated) == ["Billing", "Admin"]
    assert updated["role"] == "admin"
    assert {**updated, "role": ann["role"], "assignedRoles": ann["assignedRoles"]} == ann
    assert api.members() == [api.member(user_id)] == [updated] == simulator.members
    simulator.add_member("bob@example.com", role="admin")
    assert api.remove(user_id) is None
    assert [member["email"] for member in api.members()] == ["bob@example.com"]
    assert simulator.emails == []


def test_removed_member_is_not_found(api, ann):
    api.remove(ann["userId"])
    words = f"NOT_FOUND: {ann['userId']}"
    assert api.member(ann["userId"], 404) == words
    assert api.update(ann["userId"], 404, role="admin") == words
    assert api.remove(ann["userId"], 404) == words
    assert "NOT_FOUND" in api.member(uuid.uuid4(), 404)


@pytest.mark.parametrize("wrong", ["1", "not-a-uuid", "%00", "\N{SNOWMAN}"])
def test_user_id_must_be_a_uuid(api, wrong):
    for response in (api.member(wrong, 400), api.update(wrong, 400, role="admin"), api.remove(wrong, 400)):
        assert "Invalid user id" in response


def test_update_takes_an_empty_set_of_roles(api, ann):
    updated = api.update(ann["userId"], assignedRoleIds=[])
    assert updated["assignedRoles"] == []
    assert updated["role"] == "developer"


def test_update_takes_a_legacy_role(api, ann):
    updated = api.update(ann["userId"], role="admin")
    assert (updated["role"], role_names(updated)) == ("admin", ["Admin"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"{}", "role"),
        (b'{"role": null}', "role"),
        (b'{"role": "Admin"}', "role"),
        (b'{"assignedRoleIds": null}', "role"),
        (b'{"assignedRoleIds": "Admin"}', "role"),
        (b'{"assignedRoleIds": [7]}', "role"),
        (b'{"assignedRoleIds": ["Admin"]}', "role id Admin"),
        (b'{"role": "admin", "assignedRoleIds": []}', "Only one"),
    ],
)
def test_update_with_an_invalid_body_is_rejected(api, simulator, ann, body, words):
    assert words in api.call("PATCH", f"/members/{ann['userId']}", "update_member", 400, data=body)
    assert simulator.members == [ann]


def test_legacy_organization_takes_the_legacy_role_only(api, simulator, ann):
    simulator.configure(organization_era="legacy")
    assert api.update(ann["userId"], role="admin")["role"] == "admin"
    assert "Custom roles" in api.update(ann["userId"], 400, assignedRoleIds=[])


@pytest.mark.parametrize("era", ["migrated_rejects", "migrated_frozen"])
def test_migrated_organization_rejects_the_legacy_role_of_a_member(api, simulator, ann, era):
    simulator.configure(organization_era=era)
    assert MIGRATED in api.update(ann["userId"], 400, role="admin")
    updated = api.update(ann["userId"], assignedRoleIds=[api.role_id("Admin")])
    assert (updated["role"], role_names(updated)) == ("developer", ["Admin"])


@pytest.mark.parametrize("status", [400, 403])
def test_last_admin_stays(api, simulator, ann, status):
    simulator.configure(last_admin_status=status)
    bob = simulator.add_member("bob@example.com", role="admin")
    before = simulator.members
    assert "at least one admin" in api.remove(bob["userId"], status)
    assert "at least one admin" in api.update(bob["userId"], status, assignedRoleIds=[])
    assert simulator.members == before
    api.update(bob["userId"], assignedRoleIds=[api.role_id("Admin"), api.role_id("Billing")])
    api.update(ann["userId"], role="admin")
    api.remove(bob["userId"])
    api.remove(ann["userId"], status)


def test_last_admin_goes_where_the_setting_allows_it(api, simulator):
    simulator.configure(last_admin="allow")
    bob = simulator.add_member("bob@example.com", role="admin")
    api.update(bob["userId"], role="developer")
    api.update(bob["userId"], role="admin")
    api.remove(bob["userId"])
    assert simulator.members == []


def test_update_is_stale_in_its_response_and_for_so_many_reads(api, simulator, ann):
    simulator.configure(patch_stale_reads=3)
    bob = simulator.add_member("bob@example.com")
    assert role_names(api.update(ann["userId"], assignedRoleIds=[])) == ["Member"]
    assert role_names(simulator.members[0]) == []
    assert api.members() == [ann, bob]
    api.create("zoe@example.com")
    assert len(api.list()) == 1, "only members are stale"
    assert api.member(ann["userId"]) == ann
    assert api.member(bob["userId"]) == bob
    assert role_names(api.member(ann["userId"])) == []


def test_update_is_stale_for_so_many_seconds(api, simulator, ann):
    simulator.configure(patch_lag=0.4)
    assert api.update(ann["userId"], assignedRoleIds=[]) == ann
    assert api.members() == [ann]
    time.sleep(0.45)
    assert role_names(api.members()[0]) == []


def test_second_update_shows_the_oldest_roles_while_the_first_is_hidden(api, simulator, ann):
    simulator.configure(patch_stale_reads=2)
    api.update(ann["userId"], assignedRoleIds=[])
    assert api.member(ann["userId"]) == ann
    assert api.update(ann["userId"], assignedRoleIds=[api.role_id("Billing")]) == ann
    assert api.members() == api.members() == [ann]
    assert role_names(api.member(ann["userId"])) == ["Billing"]
    assert api.update(ann["userId"], assignedRoleIds=[]) != ann


def test_removed_member_is_gone_although_an_update_is_hidden(api, simulator, ann):
    simulator.configure(patch_stale_reads=5)
    api.update(ann["userId"], assignedRoleIds=[])
    api.remove(ann["userId"])
    assert api.members() == []


def test_set_up_shows_a_hidden_update(api, simulator, ann):
    simulator.configure(patch_stale_reads=5)
    api.update(ann["userId"], assignedRoleIds=[])
    simulator.add_member("bob@example.com")
    assert role_names(api.members()[0]) == []


def test_stale_reads_hide_updates_and_removals(api, simulator, ann):
    simulator.configure(stale_reads=1)
    assert role_names(api.update(ann["userId"], assignedRoleIds=[])) == [], "the response to a PATCH is not a read"
    assert api.members() == [ann]
    api.remove(ann["userId"])
    assert role_names(api.members()[0]) == []
    assert api.members() == []


def test_person_keeps_the_user_id_after_leaving_and_joining_again(api, simulator, ann):
    api.remove(ann["userId"])
    back = simulator.sign_on("Ann@example.com", role_names=["Developer"])
    assert (back["userId"], role_names(back)) == (ann["userId"], ["Developer"])
    assert api.members() == [back]
    simulator.remove_member("ann@example.com")
    api.create("ann@example.com")
    assert simulator.accept("ann@example.com")["userId"] == ann["userId"]


def test_single_sign_on_leaves_a_member_as_they_are(simulator, ann):
    assert simulator.sign_on("ANN@example.com", role="admin") == ann
    assert simulator.members == [ann]


def test_person_has_a_member_for_each_account(api, simulator, ann):
    other = simulator.add_member("ann@example.com", role_names=["Billing"], account="sso")
    assert other["userId"] != ann["userId"]
    assert api.members() == [ann, other]
    api.remove(ann["userId"])
    assert simulator.add_member("Ann@example.com", role_names=["Billing"], account="sso")["userId"] == other["userId"]
    assert len(simulator.members) == 1


def test_somebody_else_updates_and_removes_members(api, simulator, ann):
    simulator.configure(stale_reads=9)
    assert role_names(simulator.update_member("ann@example.com", role_names=["Billing"])) == ["Billing"]
    assert role_names(simulator.update_member("ann@example.com", role="admin")) == ["Admin"]
    assert role_names(api.members()[0]) == ["Admin"], "set-up is visible at once"
    assert role_names(simulator.update_member("ann@example.com")) == []
    assert simulator.remove_member("ANN@example.com")["userId"] == ann["userId"]
    for action in (simulator.update_member, simulator.remove_member):
        with pytest.raises(LookupError, match="ann@example"):
            action("ann@example.com")


@pytest.mark.parametrize(
    ("action", "moment", "status", "roles"),
    [
        ("update_member", "before", 200, []),
        ("update_member", "after", 200, ["Billing"]),
        ("remove_member", "before", 404, None),
        ("remove_member", "after", 200, None),
        ("add_member", "after", 200, []),
    ],
)
def test_race_with_an_update_of_a_member(api, simulator, ann, action, moment, status, roles):
    simulator.order_fault("race", operation="update_member", action=action, moment=moment, role_names=["Billing"])
    assert api.raw("PATCH", f"/members/{ann['userId']}", json={"assignedRoleIds": []}).status_code == status
    assert [role_names(member) for member in simulator.members] == ([] if roles is None else [roles])


@pytest.mark.parametrize(
    ("action", "moment", "status", "members"),
    [
        ("update_member", "before", 200, 0),
        ("update_member", "after", 200, 0),
        ("remove_member", "before", 404, 0),
        ("add_member", "after", 200, 1),
    ],
)
def test_race_with_a_removal_of_a_member(api, simulator, ann, action, moment, status, members):
    simulator.order_fault("race", operation="remove_member", action=action, moment=moment)
    assert api.raw("DELETE", f"/members/{ann['userId']}").status_code == status
    assert len(simulator.members) == members


def test_race_keeps_the_last_admin(api, simulator):
    simulator.add_member("bob@example.com", role="admin")
    for action in ("update_member", "remove_member"):
        simulator.order_fault("race", action=action, email="bob@example.com")
        assert role_names(api.members()[0]) == ["Admin"]


@pytest.mark.parametrize("action", ACTIONS)
def test_race_about_an_unknown_person_invites_or_joins_or_does_nothing(api, simulator, action):
    simulator.order_fault("race", action=action, email="nobody@example.com")
    api.roles()
    assert len(simulator.invitations) == int(action == "invite")
    assert len(simulator.members) == int(action == "add_member")


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("kind", ["status", "disconnect", "cut", "cut_json", "no_content"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_faults_of_member_writes_are_applied_or_not(api, simulator, ann, method, kind, applied):
    operation = "update_member" if method == "PATCH" else "remove_member"
    simulator.order_fault(kind, operation=operation, applied=applied)
    try:
        api.raw(method, f"/members/{ann['userId']}", json={"assignedRoleIds": []})
    except OSError:
        assert kind in ("disconnect", "cut")
    assert (simulator.members != [ann]) == applied


def test_late_update_is_applied_after_so_many_lists_of_members(api, simulator, ann):
    simulator.order_fault("late", operation="update_member", reads=2, response=504)
    assert api.raw("PATCH", f"/members/{ann['userId']}", json={"assignedRoleIds": []}).status_code == 504
    for _time in range(3):
        api.list()
    assert [len(api.members()[0]["assignedRoles"]) for _time in range(3)] == [1, 1, 0]


def test_seed_adds_members(api, simulator):
    simulator.seed(1, members=2)
    assert [member["email"] for member in api.members()] == ["member00001@example.com", "member00002@example.com"]
    assert role_names(simulator.members[0]) == ["Member"]
    assert len(api.list()) == 1
