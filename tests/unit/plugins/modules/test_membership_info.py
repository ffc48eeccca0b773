# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module membership_info: who has joined, who is invited, whose invitation expired, who has nothing."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Role
from ansible_collections.clickhouse.cloud.plugins.modules import membership_info
from cast import ALICE, BOB, CAROL, DAVE

from ..records import (
    ADMIN,
    BILLING,
    DAY,
    DEVELOPER,
    HOUR,
    ORGANIZATION,
    expired_record,
    invitation_record,
    member_record,
    member_result,
    uid,
)
from ..scripted import refusal

MEMBER = member_record(BOB, roles=[BILLING, ADMIN], name="Bob", user_id=uid(5))
WAITING = invitation_record(CAROL, number=3)
LATE = expired_record(email=ALICE, number=1, roles=None)


@pytest.fixture
def task(run, credentials):
    return lambda options=None, **mode: run(membership_info, {**credentials, **(options or {})}, **mode)


@pytest.fixture
def organization(api):
    # Bob has joined although his invitation is still open.
    api.invitations(WAITING, LATE, invitation_record(BOB, number=2))
    api.members(MEMBER)


def show(answer, *fields):
    return [tuple(record[field] for field in fields) for record in answer["memberships"]]


@pytest.mark.usefixtures("organization")
def test_everybody_is_shown_by_email_in_two_requests(task):
    waiting, shown_member = invitation_record(CAROL, number=3), member_result(MEMBER)
    assert task() == {
        "changed": False,
        "memberships": [
            {
                "email": ALICE,
                "state": "expired",
                "roles": ["developer"],
                "assigned_roles": [],
                "name": None,
                "since": LATE["createdAt"],
                "until": LATE["expireAt"],
                "expires_soon": False,
                "user_id": None,
                "invitation_id": uid(1),
                "other_access": [],
            },
            {
                "email": BOB,
                "state": "member",
                "roles": ["Admin", "Billing"],
                "assigned_roles": shown_member["assigned_roles"],
                "name": "Bob",
                "since": MEMBER["joinedAt"],
                "until": None,
                "expires_soon": False,
                "user_id": uid(5),
                "invitation_id": uid(2),
                "other_access": [
                    {
                        "kind": "invitation",
                        "id": uid(2),
                        "roles": ["Developer"],
                        "assigned_roles": [{"role_id": DEVELOPER.id, "role_name": "Developer", "role_type": "system"}],
                    }
                ],
            },
            {
                "email": CAROL,
                "state": "invited",
                "roles": ["Developer"],
                "assigned_roles": [{"role_id": DEVELOPER.id, "role_name": "Developer", "role_type": "system"}],
                "name": None,
                "since": waiting["createdAt"],
                "until": waiting["expireAt"],
                "expires_soon": False,
                "user_id": None,
                "invitation_id": uid(3),
                "other_access": [],
            },
        ],
        "summary": {"member": 1, "invited": 1, "expired": 1, "absent": 0, "expires_soon": 0},
        "organization_id": ORGANIZATION,
        "api": {"requests": 2, "retries": 0, "waited": 0.0},
    }


@pytest.mark.usefixtures("organization")
@pytest.mark.parametrize(
    ("emails", "shown"),
    [([f" {CAROL.upper()} ", DAVE, CAROL], [(CAROL, "invited"), (DAVE, "absent")]), ([], []), (["", " "], [])],
    ids=["named", "nobody", "blank"],
)
@pytest.mark.parametrize("option", ["emails", "email"])
def test_people_who_are_named_are_shown_even_with_nothing(task, option, emails, shown):
    answer = task({option: emails})
    assert show(answer, "email", "state") == shown
    assert answer["summary"]["absent"] == len([each for each in shown if each[1] == "absent"])


@pytest.mark.parametrize(
    ("left", "options", "soon"),
    [
        (2 * DAY, {}, True),
        (2 * DAY + HOUR, {}, False),
        (HOUR, {"expires_within": "30m"}, False),
        (HOUR, {"expires_within": "1h"}, True),
        (-HOUR, {}, False),
    ],
    ids=["48 hours", "49 hours", "not within 30 minutes", "within an hour", "expired"],
)
def test_invitation_expires_soon(task, api, left, options, soon):
    api.invitations(invitation_record(left=left))
    api.members()
    answer = task({"emails": [ALICE], **options})
    assert show(answer, "expires_soon") == [(soon,)]
    assert answer["summary"]["expires_soon"] == soon


def test_invitation_that_expires_last_counts(task, api):
    api.invitations(expired_record(number=1), invitation_record(number=2), invitation_record(number=3, left=HOUR))
    api.members()
    assert show(task({"emails": [ALICE]}), "state", "invitation_id") == [("invited", uid(2))]


def test_administrators_account_counts_of_a_person_with_two(task, api):
    api.invitations()
    api.members(member_record(BOB, roles=[BILLING], user_id=uid(5)), member_record(BOB, roles=[ADMIN], user_id=uid(6)))
    answer = task()
    assert show(answer, "email", "roles", "user_id") == [(BOB, ["Admin"], uid(6))]
    (other,) = answer["memberships"][0]["other_access"]
    assert (other["kind"], other["id"], other["roles"]) == ("member", uid(5), ["Billing"])


def test_roles_that_are_printed_alike_are_told_apart(task, api):
    api.invitations()
    api.members(member_record(BOB, roles=[ADMIN]), member_record(CAROL, roles=[Role(uid(7), "Admin", "custom")]))
    assert show(task(), "roles") == [([f"Admin ({ADMIN.id})"],), ([f"Admin ({uid(7)})"],)]


@pytest.mark.usefixtures("organization")
def test_check_mode_reads_the_same(task):
    assert len(task(check_mode=True)["memberships"]) == 3


def test_members_that_the_key_may_not_list_are_a_failure(task, api):
    api.invitations()
    api.members(answer=refusal(403))
    answer = task()
    assert (answer["failed"], answer["error"]["status"]) == (True, 403)
