# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module invitation: the exact calls of each of its tasks, and what it returns."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitation
from cast import ALICE, BOB

from ..records import (
    ANALYST,
    BELOW,
    DEVELOPER,
    ROLES,
    expired_record,
    invitation_record,
    invitation_result,
    member_record,
    predicted_result,
    uid,
)
from ..scripted import REQUEST_ID, refusal

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
def test_every_invitation_of_a_person_is_revoked(task, api, check_mode):
    api.invitations(expired_record(), invitation_record(number=2), invitation_record(BOB, number=3))
    if not check_mode:
        api.delete(2)
        api.delete(1)
    answer = task({"state": "absent"}, check_mode=check_mode, diff=True)
    assert (answer["action"], answer["changed"]) == ("deleted", True)
    assert answer["invitation"] == invitation_result(invitation_record(number=2))
    assert answer["diff"] == {"before": f"{ALICE}: Developer\n", "after": ""}


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
