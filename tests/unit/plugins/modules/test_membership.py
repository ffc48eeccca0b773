# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module membership: the exact calls of each of its tasks, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import membership

from ..records import (
    ADMIN,
    ALICE,
    BILLING,
    BOB,
    DEVELOPER,
    ROLES,
    expired_record,
    invitation_record,
    invitation_result,
    member_record,
    member_result,
    predicted_result,
    uid,
)
from ..scripted import refusal

CHECK_MODE = pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
USER = uid(5)
ADMINISTRATOR = member_record(BOB, roles=[ADMIN], user_id=uid(6))


def member(*roles):
    return member_record(ALICE, roles=roles, user_id=USER)


@pytest.fixture
def task(run, credentials):
    """Run a task for Alice."""
    return lambda options, **mode: run(membership, {**credentials, "email": ALICE, **options}, **mode)


@CHECK_MODE
def test_member_gets_exactly_these_roles(task, api, check_mode):
    api.invitations()
    api.members(member(BILLING), ADMINISTRATOR)
    api.roles(*ROLES)
    if not check_mode:
        api.update(USER, member(BILLING), roles=[ADMIN, DEVELOPER])
        api.members(member(ADMIN, DEVELOPER), ADMINISTRATOR)
    assert task({"roles": ["Developer", "Admin"]}, check_mode=check_mode, diff=True) == {
        "action": "updated",
        "changed": True,
        "state": "member",
        "invitation": None,
        "member": member_result(member(ADMIN, DEVELOPER)),
        "api": {"requests": 3 + 2 * (not check_mode), "retries": 0, "waited": 0.0},
        "diff": {"before": f"{ALICE}: Billing\n", "after": f"{ALICE}: Admin, Developer\n"},
    }


def test_legacy_role_of_a_member_is_set_in_an_organization_that_takes_it(task, api):
    before, after = (member_record(ALICE, roles=None, role=role, user_id=USER) for role in ("developer", "admin"))
    api.invitations()
    api.members(before)
    api.update(USER, after, role="admin")
    api.members(after)
    assert task({"role": "admin"})["member"] == member_result(after)


# members and invitations now | options | action | state
UNCHANGED = {
    "member": ([member(DEVELOPER)], [], {"roles": [DEVELOPER.id]}, "unchanged", "member"),
    "invited": ([], [invitation_record()], {"roles": [DEVELOPER.id]}, "unchanged", "invited"),
    "expired": ([], [expired_record()], {"roles": [DEVELOPER.id], "renew_before": "never"}, "expired", "expired"),
    "nothing to take": ([ADMINISTRATOR], [], {"state": "absent"}, "absent", "absent"),
}


@pytest.mark.parametrize(("members", "invitations", "options", "action", "state"), UNCHANGED.values(), ids=UNCHANGED)
def test_access_as_desired_takes_two_requests(task, api, members, invitations, options, action, state):
    api.invitations(*invitations)
    api.members(*members)
    answer = task(options)
    assert (answer["action"], answer["state"], answer["changed"]) == (action, state, False)
    assert answer["api"]["requests"] == 2


@CHECK_MODE
def test_anybody_else_is_invited(task, api, check_mode):
    new = invitation_record(number=9)
    api.invitations()
    api.members(ADMINISTRATOR)
    if not check_mode:
        api.create(new, ALICE, role="developer")
    answer = task({"role": "developer"}, check_mode=check_mode)
    assert (answer["action"], answer["state"], answer["member"]) == ("created", "invited", None)
    assert answer["invitation"] == (predicted_result(role="developer") if check_mode else invitation_result(new))


def test_invitation_is_sent_again(task, api):
    api.invitations(invitation_record())
    api.members()
    api.roles(*ROLES)
    api.delete(1)
    api.create(invitation_record(number=9), ALICE, roles=[DEVELOPER])
    answer = task({"roles": [DEVELOPER.id], "resend": True})
    assert (answer["action"], answer["state"]) == ("renewed", "invited")


@CHECK_MODE
@pytest.mark.parametrize("who", [{"email": ALICE}, {"user_id": USER.upper()}], ids=["by email", "by user ID"])
def test_member_is_removed_and_the_invitation_revoked(run, credentials, api, who, check_mode):
    api.invitations(invitation_record(), invitation_record(BOB, number=2))
    api.members(ADMINISTRATOR, member(DEVELOPER))
    if not check_mode:
        api.remove(USER)
        api.delete(1)
    answer = run(membership, {**credentials, "state": "absent", **who}, check_mode=check_mode, diff=True)
    assert (answer["action"], answer["state"], answer["changed"]) == ("removed", "absent", True)
    assert answer["member"] == member_result(member(DEVELOPER))
    assert answer["invitation"] == invitation_result(invitation_record())
    assert answer["diff"] == {"before": f"{ALICE}: Developer\n", "after": ""}


def test_unknown_user_id_is_absent(run, credentials, api):
    api.invitations(invitation_record())
    api.members(member(DEVELOPER))
    answer = run(membership, {**credentials, "state": "absent", "user_id": uid(7)})
    assert (answer["action"], answer["state"], answer["changed"]) == ("absent", "absent", False)


@CHECK_MODE
@pytest.mark.parametrize("options", [{"state": "absent"}, {"role": "developer"}], ids=["removed", "demoted"])
def test_last_administrator_is_kept(task, api, options, check_mode):
    api.invitations()
    api.members(member_record(ALICE, roles=None, role="admin", user_id=USER))
    answer = task(options, check_mode=check_mode)
    assert answer["msg"].startswith("Nothing was changed: no member would have the system role Admin")


def test_rejected_update_leaves_the_member_as_it_was(task, api):
    api.invitations()
    api.members(member(BILLING), ADMINISTRATOR)
    api.update(USER, refusal(403, "the key's own creator"), roles=[DEVELOPER])
    answer = task({"roles": [DEVELOPER.id]})
    assert (answer["failed"], answer["changed"], answer["state"]) == (True, False, "member")
    assert answer["member"] == member_result(member(BILLING))
    assert answer["error"]["reason"] == "the key's own creator"


def test_members_that_the_key_may_not_list_are_a_failure(task, api):
    api.invitations()
    api.members(answer=refusal(403))
    answer = task({"role": "admin"})
    assert (answer["failed"], answer["error"]["status"]) == (True, 403)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"role": "admin"}, "email"),
        ({"user_id": USER, "role": "admin"}, "email"),
        (
            {"email": "alice", "role": "admin"},
            "email: 'alice' is not a single valid email",
        ),
        ({"email": ALICE}, "role"),
        ({"email": ALICE, "role": "admin", "roles": ["Admin"]}, "role|roles"),
        ({"email": ALICE, "role": "admin", "renew_before": "soon"}, "renew_before: 'soon' is not a duration"),
        ({"state": "absent"}, "email, user_id"),
        ({"state": "absent", "user_id": "5"}, "user_id: '5' is not a UUID"),
        ({"state": "absent", "email": ALICE, "user_id": USER}, "email|user_id"),
    ],
)
def test_wrong_option_is_rejected_by_name_before_any_request(run, credentials, options, words):
    answer = run(membership, {**credentials, **options})
    assert answer["failed"]
    assert words in answer["msg"]
