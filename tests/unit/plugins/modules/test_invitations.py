# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module invitations: the exact calls for a roster, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitations
from cast import ALICE, BOB, CAROL, DAVE, EVE

from ..records import (
    ANALYST,
    BILLING,
    DEVELOPER,
    ROLES,
    expired_record,
    invitation_record,
    invitation_result,
    member_record,
    predicted_result,
)

CHECK_MODE = pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
MALLORY = "mallory@example.com"
NOTHING = dict.fromkeys(
    ("created", "unchanged", "replaced", "renewed", "deleted", "absent", "member", "expired", "failed"), 0
)


@pytest.fixture
def task(run, credentials):
    return lambda options, **mode: run(invitations, {**credentials, **options}, **mode)


def change(email, action, invitation):
    return {"email": email, "action": action, "invitation": invitation}


@CHECK_MODE
def test_roster_is_reconciled(task, api, check_mode):
    found = [
        invitation_record(BOB, number=2),
        invitation_record(CAROL, number=3),
        expired_record(email=DAVE, number=4),
        invitation_record(MALLORY, number=5),
    ]
    sent = {
        ALICE: invitation_record(ALICE, number=11),
        CAROL: invitation_record(CAROL, roles=[BILLING, ANALYST], number=13),
        DAVE: invitation_record(DAVE, number=14),
    }
    api.invitations(*found)
    api.roles(*ROLES)
    api.members(member_record(EVE))
    if not check_mode:
        api.create(sent[ALICE], ALICE, roles=[DEVELOPER])
        api.delete(3)
        api.create(sent[CAROL], CAROL, roles=[BILLING, ANALYST])
        api.delete(4)
        api.create(sent[DAVE], DAVE, roles=[DEVELOPER])
        api.delete(5)
    options = {
        "invitations": [
            {"email": ALICE, "comment": "data platform"},
            {"email": f" {BOB.upper()} "},
            {"email": CAROL, "roles": ["billing", ANALYST.id.upper()]},
            {"email": DAVE},
        ],
        "emails": [EVE, "", BOB],
        "roles": ["Developer"],
        "purge": True,
    }
    shown = {email: invitation_result(record) for email, record in sent.items()}
    if check_mode:
        shown = {email: predicted_result(email, [DEVELOPER]) for email in sent}
        shown[CAROL] = predicted_result(CAROL, [BILLING, ANALYST])
    assert task(options, check_mode=check_mode, diff=True) == {
        "changed": True,
        "changes": [
            change(ALICE, "created", shown[ALICE]),
            change(CAROL, "replaced", shown[CAROL]),
            change(DAVE, "renewed", shown[DAVE]),
            change(MALLORY, "deleted", invitation_result(found[3])),
        ],
        "members": [EVE],
        "summary": {**NOTHING, "created": 1, "unchanged": 1, "replaced": 1, "renewed": 1, "member": 1, "deleted": 1},
        "api": {"requests": 3 if check_mode else 9, "retries": 0, "waited": 0.0},
        "diff": {
            "before": f"{CAROL}: Developer\n{MALLORY}: Developer\n",
            "after": f"{ALICE}: Developer\n{CAROL}: Analyst, Billing\n{DAVE}: Developer\n",
        },
    }


@CHECK_MODE
def test_invitations_of_a_roster_are_revoked(task, api, check_mode):
    api.invitations(invitation_record(), invitation_record(BOB, number=2), expired_record(number=3))
    if not check_mode:
        api.delete(1)
        api.delete(3)
    options = {"invitations": [{"email": ALICE, "roles": ["Unknown"]}], "emails": [CAROL, ALICE], "state": "absent"}
    answer = task(options, check_mode=check_mode)
    assert answer["changes"] == [change(ALICE, "deleted", invitation_result(invitation_record()))]
    assert answer["summary"] == {**NOTHING, "deleted": 1, "absent": 1}
    assert answer["members"] == []
    assert "diff" not in answer


@pytest.mark.parametrize(
    ("roster", "message"),
    [
        (
            [{"email": ALICE, "roles": ["Admin"]}, {"email": ALICE.upper(), "roles": ["Billing"]}],
            f"{ALICE} is listed twice with different roles: Admin, and Billing; delete one of the two entries.",
        ),
        (
            [{"email": ALICE, "roles": ["Admin"]}, {"email": BOB, "roles": ["Owner"]}],
            f"{BOB}: roles: the organization has no role 'Owner'; its roles are: Admin, Analyst, Billing, Developer.",
        ),
    ],
    ids=["different roles", "unknown role"],
)
def test_contradictory_roster_is_rejected_before_any_write(task, api, roster, message):
    api.invitations()
    api.roles(*ROLES)
    assert task({"invitations": roster})["msg"] == message
