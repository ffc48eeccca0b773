# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module invitation: the exact calls of each of its tasks, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitation

from ..records import (
    ADMIN,
    ALICE,
    ANALYST,
    BELOW,
    BILLING,
    BOB,
    DAY,
    DEVELOPER,
    ORGANIZATION,
    ROLES,
    expired_record,
    invitation_record,
    invitation_result,
    member_record,
    member_result,
    predicted_result,
    uid,
)
from ..scripted import REQUEST_ID, refusal, result

CHECK_MODE = pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
NEW = invitation_record(roles=[DEVELOPER, ANALYST], number=9)


@pytest.fixture
def task(run, credentials):
    """Run a task for Alice."""
    return lambda options, **mode: run(invitation, {**credentials, "email": ALICE, **options}, **mode)


@CHECK_MODE
def test_person_is_invited(task, api, check_mode):
    api.invitations(invitation_record(BOB, number=2))
    api.roles(*ROLES)
    api.members(member_record(BOB))
    if not check_mode:
        api.create(NEW, ALICE, roles=[DEVELOPER, ANALYST])
    shown = predicted_result(roles=[DEVELOPER, ANALYST]) if check_mode else invitation_result(NEW)
    assert task({"roles": ["developer", "Analyst"]}, check_mode=check_mode, diff=True) == {
        "action": "created",
        "changed": True,
        "invitation": shown,
        "member": None,
        "api": {"requests": 3 + (not check_mode), "retries": 0, "waited": 0.0},
        "diff": {"before": "", "after": f"{ALICE}: Analyst, Developer\n"},
    }


@CHECK_MODE
def test_invitation_with_other_roles_is_replaced(task, api, check_mode):
    api.invitations(invitation_record(roles=[BILLING]))
    api.roles(*ROLES)
    if not check_mode:
        api.delete(1)
        api.create(NEW, ALICE, roles=[DEVELOPER, ANALYST])
    answer = task({"roles": [DEVELOPER.id, ANALYST.id]}, check_mode=check_mode, diff=True)
    assert (answer["action"], answer["changed"]) == ("replaced", True)
    assert answer["diff"] == {"before": f"{ALICE}: Billing\n", "after": f"{ALICE}: Analyst, Developer\n"}


# invitations now | options | action
UNCHANGED = {
    "as desired": (invitation_record(), {"roles": [DEVELOPER.id]}, "unchanged"),
    "as desired, legacy role": (invitation_record(roles=None), {"role": "developer"}, "unchanged"),
    "expired, never renewed": (expired_record(), {"role": "developer", "renew_before": "never"}, "expired"),
}


@pytest.mark.parametrize(("found", "options", "action"), UNCHANGED.values(), ids=UNCHANGED)
def test_invitation_is_left_alone_with_one_request(task, api, found, options, action):
    api.invitations(found)
    answer = task(options)
    assert (answer["action"], answer["changed"], answer["api"]["requests"]) == (action, False, 1)
    assert answer["invitation"] == invitation_result(found, expired=action == "expired")
    assert "diff" not in answer


@pytest.mark.parametrize("options", [{"resend": True}, {"renew_before": "1d"}], ids=["resend", "renew_before"])
def test_invitation_is_sent_again(task, api, options):
    api.invitations(invitation_record(left=DAY))
    api.roles(*ROLES)
    api.delete(1)
    api.create(invitation_record(number=9), ALICE, roles=[DEVELOPER])
    assert task({"role": "developer", **options})["action"] == "renewed"


@pytest.mark.parametrize(("roles", "warnings"), [([DEVELOPER], 0), ([ADMIN], 1)], ids=["as desired", "other roles"])
def test_member_is_left_alone(task, api, roles, warnings):
    member = member_record(ALICE, roles=roles)
    api.invitations()
    api.members(member)
    answer = task({"roles": [DEVELOPER.id]})
    assert (answer["action"], answer["changed"], answer["member"]) == ("member", False, member_result(member))
    assert len(answer.get("warnings", ())) == warnings


@CHECK_MODE
def test_every_invitation_of_a_person_is_revoked(task, api, check_mode):
    api.invitations(expired_record(), invitation_record(number=2), invitation_record(BOB, number=3))
    if not check_mode:
        api.delete(2)
        api.delete(1)
    answer = task({"state": "absent"}, check_mode=check_mode, diff=True)
    assert (answer["action"], answer["changed"]) == ("deleted", True)
    assert answer["invitation"] == invitation_result(invitation_record(number=2))
    assert answer["diff"] == {"before": f"{ALICE}: Developer\n", "after": ""}


def test_organization_of_the_key_is_one_request_more(task, api):
    api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION.upper(), "name": "ours"}]))
    api.invitations()
    answer = task({"state": "absent", "organization_id": None})
    assert (answer["action"], answer["api"]["requests"]) == ("absent", 2)


@CHECK_MODE
def test_invitation_is_revoked_by_id(run, credentials, api, check_mode):
    api.get(5, invitation_record(BOB, number=5))
    if not check_mode:
        api.delete(5)
    options = {**credentials, "invitation_id": f" {uid(5).upper()} ", "state": "absent"}
    answer = run(invitation, options, check_mode=check_mode)
    assert (answer["action"], answer["changed"]) == ("deleted", True)
    assert answer["invitation"] == invitation_result(invitation_record(BOB, number=5))


def test_unknown_id_is_absent(run, credentials, api):
    api.get(5, refusal(404))
    api.invitations(invitation_record(number=1))
    answer = run(invitation, {**credentials, "invitation_id": uid(5), "state": "absent"}, diff=True)
    assert (answer["action"], answer["changed"], answer["invitation"]) == ("absent", False, None)
    assert answer["diff"] == {"before": "", "after": ""}


def test_invitation_that_is_gone_since_it_was_read_by_id_is_absent(run, credentials, api):
    api.get(5, invitation_record(number=5))
    api.delete(5, refusal(404))
    assert run(invitation, {**credentials, "invitation_id": uid(5), "state": "absent"})["action"] == "absent"


def test_failure_to_read_is_returned_whole(task, api):
    api.invitations(answer=refusal(403, "FORBIDDEN"))
    answer = task({"role": "admin"})
    assert answer.pop("exception", None) in (None, "(traceback unavailable)")
    assert answer.pop("msg").startswith("Could not list the invitations: ")
    assert answer == {
        "failed": True,
        "error": {
            "status": 403,
            "reason": "FORBIDDEN",
            "request_id": REQUEST_ID,
            "method": "GET",
            "path": f"{BELOW}/invitations",
        },
        "api": {"requests": 1, "retries": 0, "waited": 0.0},
    }


def test_failure_after_a_change_is_a_change(task, api):
    api.invitations(invitation_record())
    api.roles(*ROLES)
    api.delete(1)
    api.create(refusal(403), ALICE, roles=[BILLING])
    api.create(refusal(403), ALICE, roles=[DEVELOPER])
    answer = task({"roles": [BILLING.id]})
    assert (answer["failed"], answer["changed"], answer["invitation"]) == (True, True, None)
    assert "alice@example.com has no invitation now" in answer["msg"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"roles": [DEVELOPER.id]}, "email"),
        (
            {"email": "alice", "role": "admin"},
            "email: 'alice' is not a single valid email",
        ),
        ({"email": ALICE}, "role"),
        ({"email": ALICE, "role": "admin", "roles": ["Admin"]}, "role|roles"),
        ({"email": ALICE, "role": "owner"}, "role"),
        ({"email": ALICE, "roles": []}, "no roles given; add, for example, roles: [Developer]."),
        ({"email": ALICE, "role": "admin", "renew_before": "soon"}, "renew_before: 'soon' is not a duration"),
        ({"email": ALICE, "role": "admin", "state": "gone"}, "state"),
        ({"state": "absent"}, "email, invitation_id"),
        (
            {"state": "absent", "email": "alice@"},
            "email: 'alice@' is not a single valid email",
        ),
        ({"state": "absent", "invitation_id": "5"}, "invitation_id: '5' is not a UUID"),
        ({"state": "absent", "email": ALICE, "invitation_id": uid(5)}, "email|invitation_id"),
    ],
)
def test_wrong_option_is_rejected_by_name_before_any_request(run, credentials, options, words):
    answer = run(invitation, {**credentials, **options})
    assert answer["failed"]
    assert words in answer["msg"]
