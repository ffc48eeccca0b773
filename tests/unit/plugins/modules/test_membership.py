# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module membership: the exact calls of each of its tasks, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import membership
from cast import ALICE, BOB

from ..records import (
    ADMIN,
    BILLING,
    DEVELOPER,
    ROLES,
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


def test_rejected_update_leaves_the_member_as_it_was(task, api):
    api.invitations()
    api.members(member(BILLING), ADMINISTRATOR)
    api.update(USER, refusal(403, "the key's own creator"), roles=[DEVELOPER])
    answer = task({"roles": [DEVELOPER.id]})
    assert (answer["failed"], answer["changed"], answer["state"]) == (True, False, "member")
    assert answer["member"] == member_result(member(BILLING))
    assert answer["error"]["reason"] == "the key's own creator"
