# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module invitation_info: invitations, and members if asked for."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitation_info
from cast import ALICE, BOB, CAROL, DAVE

from ..records import HOUR, expired_record, invitation_record, invitation_result, member_record, member_result, uid
from ..scripted import refusal

PENDING = invitation_record(CAROL, number=1)
EXPIRED = expired_record(email=ALICE, number=2)
LEGACY = invitation_record(BOB, roles=None, number=3, left=HOUR)
FOUND = (PENDING, EXPIRED, LEGACY)


def ids(answer):
    return [each["id"] for each in answer["invitations"]]


def test_all_invitations_are_shown_by_email(run, api, credentials):
    api.invitations(*FOUND)
    assert run(invitation_info, credentials) == {
        "changed": False,
        "invitations": [
            invitation_result(EXPIRED, expired=True),
            invitation_result(LEGACY),
            invitation_result(PENDING),
        ],
        "api": {"requests": 1, "retries": 0, "waited": 0.0},
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"status": "all"}, [2, 3, 1]),
        ({"status": "pending"}, [3, 1]),
        ({"status": "expired"}, [2]),
        ({"emails": [" Carol@Example.COM ", DAVE]}, [1]),
        ({"email": [BOB]}, [3]),
        ({"emails": f"{ALICE},{BOB}"}, [2, 3]),
        ({"emails": [ALICE, CAROL], "status": "pending"}, [1]),
        ({"emails": ["", " "]}, []),
        ({"emails": []}, []),
    ],
)
def test_invitations_are_filtered(run, api, credentials, options, expected):
    api.invitations(*FOUND)
    assert ids(run(invitation_info, {**credentials, **options})) == [uid(number) for number in expected]


def test_invitations_of_one_person_are_shown_oldest_first(run, api, credentials):
    api.invitations(invitation_record(number=8), invitation_record(number=9, age=2 * HOUR), invitation_record(number=7))
    assert ids(run(invitation_info, credentials)) == [uid(7), uid(8), uid(9)]


@pytest.mark.parametrize(
    ("options", "expected"), [({}, [ALICE, BOB]), ({"emails": [BOB.upper(), CAROL]}, [BOB])], ids=["everybody", "named"]
)
def test_members_take_one_request_more(run, api, credentials, options, expected):
    bob, alice = member_record(BOB), member_record(ALICE, roles=None)
    api.invitations()
    api.members(bob, alice)
    answer = run(invitation_info, {**credentials, "members": True, **options})
    assert answer["members"] == [member_result(each) for each in (alice, bob) if each["email"] in expected]
    assert answer["api"]["requests"] == 2


def test_members_that_the_key_may_not_list_are_a_failure(run, api, credentials):
    api.invitations()
    api.members(answer=refusal(403))
    answer = run(invitation_info, {**credentials, "members": True})
    assert answer["failed"]
    assert answer["error"]["status"] == 403


def test_invitation_is_shown_by_id(run, api, credentials):
    record = invitation_record(number=5)
    api.get(5, record)
    answer = run(invitation_info, {**credentials, "invitation_id": uid(5).upper()})
    assert answer["invitations"] == [invitation_result(record)]
    assert answer["api"]["requests"] == 1


def test_unknown_id_shows_nothing(run, api, credentials):
    api.get(5, refusal(404))
    api.invitations(*FOUND)
    assert ids(run(invitation_info, {**credentials, "invitation_id": uid(5)})) == []


def test_check_mode_reads_the_same(run, api, credentials):
    for _time in range(2):
        api.invitations(*FOUND)
    assert run(invitation_info, credentials) == run(invitation_info, credentials, check_mode=True)
