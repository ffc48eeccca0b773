# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module memberships: the exact calls for a roster, in their order, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import memberships
from cast import ALICE, BOB, CAROL, DAVE, EVE, FRANK

from ..people import USERS
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
)

CHECK_MODE = pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
NOTHING = dict.fromkeys(
    (
        "created", "unchanged", "replaced", "renewed", "updated", "deleted", "removed", "absent", "expired", "failed",
    ),
    0,
)  # fmt: skip


@pytest.fixture
def task(run, credentials):
    return lambda options, **mode: run(memberships, {**credentials, **options}, **mode)


def member(email, *roles):
    return member_record(email, roles=roles, user_id=USERS.get(email, "user-1"))


def change(email, action, invitation=None, member=None):
    return {
        "email": email,
        "action": action,
        "invitation": invitation and invitation_result(invitation),
        "member": member and member_result(member),
    }


@CHECK_MODE
def test_access_list_is_reconciled_and_access_granted_before_it_is_taken(task, api, check_mode):
    """Bob takes over from Alice, Carol is new, Dave has left, Eve is no longer invited, Frank is left alone."""
    new = invitation_record(CAROL, number=9)
    gone = invitation_record(EVE, number=5)
    api.invitations(gone)
    api.members(member(ALICE, ADMIN), member(BOB, DEVELOPER), member(DAVE, BILLING), member(FRANK, BILLING))
    api.roles(*ROLES)
    if not check_mode:
        api.update(USERS[BOB], member(BOB, ADMIN), roles=[ADMIN])
        api.create(new, CAROL, roles=[DEVELOPER])
        api.update(USERS[ALICE], member(ALICE, ADMIN), roles=[DEVELOPER])
        api.remove(USERS[DAVE])
        api.delete(5)
        api.members(member(ALICE, DEVELOPER), member(BOB, ADMIN), member(FRANK, BILLING))
    options = {
        "memberships": [{"email": ALICE, "comment": "on leave"}, {"email": BOB, "roles": ["Admin"]}],
        "emails": [CAROL],
        "roles": ["Developer"],
        "purge": True,
        "purge_limit": "2",
        "purge_exclude": [FRANK.upper()],
    }
    created = change(CAROL, "created", new)
    if check_mode:
        created["invitation"] = predicted_result(CAROL, [DEVELOPER])
    assert task(options, check_mode=check_mode, diff=True) == {
        "changed": True,
        "changes": [
            change(BOB, "updated", member=member(BOB, ADMIN)),
            created,
            change(ALICE, "updated", member=member(ALICE, DEVELOPER)),
            change(DAVE, "removed", member=member(DAVE, BILLING)),
            change(EVE, "deleted", gone),
        ],
        "summary": {**NOTHING, "created": 1, "updated": 2, "removed": 1, "deleted": 1},
        "not_listed": [FRANK],
        "api": {"requests": 3 if check_mode else 9, "retries": 0, "waited": 0.0},
        "diff": {
            "before": f"{ALICE}: Admin\n{BOB}: Developer\n{DAVE}: Billing\n{EVE}: Developer\n",
            "after": f"{ALICE}: Developer\n{BOB}: Admin\n{CAROL}: Developer\n",
        },
    }


@CHECK_MODE
def test_people_who_are_named_lose_all_access(task, api, check_mode):
    api.invitations(invitation_record(), invitation_record(CAROL, number=3))
    api.members(member(BOB, ADMIN), member(ALICE, DEVELOPER))
    if not check_mode:
        api.remove(USERS[ALICE])
        api.delete(1)
        api.delete(3)
    answer = task({"emails": [ALICE, CAROL, DAVE], "state": "absent"}, check_mode=check_mode)
    assert answer["summary"] == {**NOTHING, "removed": 1, "deleted": 1, "absent": 1}


@CHECK_MODE
def test_purge_of_more_than_a_quarter_is_rejected_by_default(task, api, check_mode):
    api.invitations(invitation_record(EVE))
    api.members(member(ALICE, ADMIN), member(BOB, DEVELOPER))
    options = {"emails": [ALICE], "roles": [ADMIN.id], "purge": True}
    answer = task(options, check_mode=check_mode)
    assert answer["msg"] == (
        "Nothing was changed: purge would take access from 2 of 3 people, and purge_limit (25%) allows 1:"
        f" {BOB}, {EVE}. Check that the roster is complete; if it is, raise purge_limit."
    )
