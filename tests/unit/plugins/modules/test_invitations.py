# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module invitations: the exact calls for a roster, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitations

from ..records import (
    ADMIN,
    ALICE,
    ANALYST,
    BILLING,
    BOB,
    CAROL,
    DAVE,
    DEVELOPER,
    ORGANIZATION,
    ROLES,
    expired_record,
    invitation_record,
    invitation_result,
    member_record,
    predicted_result,
)
from ..scripted import refusal, result

CHECK_MODE = pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
EVE, MALLORY = "eve@example.com", "mallory@example.com"
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


def test_roster_by_names_without_an_organization_takes_two_requests(task, api):
    api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION}]))
    api.invitations(invitation_record())
    answer = task({"emails": [ALICE], "roles": ["Developer"], "organization_id": None})
    assert (answer["changed"], answer["api"]["requests"]) == (False, 2)


def test_one_rejection_does_not_stop_the_others(task, api):
    bob = invitation_record(BOB, roles=[ADMIN], role="admin", number=2)
    api.invitations()
    api.members()
    api.create(refusal(400, "no seats"), ALICE, role="admin")
    api.create(bob, BOB, role="admin")
    for _time in range(2):
        api.invitations(bob)
        api.members()
    answer = task({"emails": [ALICE, BOB], "role": "admin"})
    assert (answer["failed"], answer["changed"]) == (True, True)
    assert answer["msg"].startswith("1 of 2 people failed. Could not invite alice@example.com: ")
    assert answer["summary"] == {**NOTHING, "created": 1, "failed": 1}
    rejected, invited = answer["changes"]
    assert invited == change(BOB, "created", invitation_result(bob))
    assert rejected["error"].pop("msg") in answer["msg"]
    assert rejected["error"] == answer["error"]
    assert answer["error"]["reason"] == "no seats"


def test_resend_sends_one_email_to_each_person_with_an_invitation(task, api):
    api.invitations(invitation_record(), invitation_record(BOB, number=2))
    api.members()
    api.roles(*ROLES)
    for number, email in enumerate((ALICE, BOB), 1):
        api.delete(number)
        api.create(invitation_record(email, number=10 + number), email, roles=[DEVELOPER])
    api.create(invitation_record(CAROL, number=13), CAROL, roles=[DEVELOPER])
    answer = task({"emails": [ALICE, BOB, CAROL], "roles": [DEVELOPER.id], "resend": True})
    assert answer["summary"] == {**NOTHING, "renewed": 2, "created": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "invitations, emails"),
        ({"invitations": [{"email": ALICE}]}, f"{ALICE}: no roles given; add, for example, roles: [Developer]."),
        ({"invitations": [{"email": ALICE, "roles": ["Admin", ""]}]}, f"{ALICE}: roles: an entry is blank"),
        (
            {"invitations": [{"email": "bob"}], "role": "admin"},
            "invitations[0].email: 'bob' is not a single valid email",
        ),
        ({"invitations": [{"email": ALICE, "rolle": "admin"}]}, "rolle"),
        (
            {"emails": ["bob"], "role": "admin"},
            "emails: 'bob' is not a single valid email",
        ),
        ({"emails": [ALICE], "role": "admin", "roles": ["Admin"]}, "mutually exclusive"),
        ({"emails": [ALICE], "role": "admin", "renew_before": "1w"}, "renew_before: '1w' is not a duration"),
        ({"emails": [ALICE], "role": "admin", "purge_limit": "half"}, "purge_limit: 'half' is neither a count"),
        ({"emails": [], "role": "admin", "purge": True}, "purge: the roster is empty"),
        ({"emails": [ALICE], "role": "admin", "purge_exclude": [BOB]}, "purge_exclude"),
    ],
)
def test_wrong_option_is_rejected_by_name_before_any_request(task, options, words):
    answer = task(options)
    assert answer["failed"]
    assert words in answer["msg"]


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
