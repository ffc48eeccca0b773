# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

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

NOTHING = dict.fromkeys(
    ("created", "unchanged", "replaced", "renewed", "deleted", "absent", "member", "expired", "failed"), 0
)


def change(email, action, invitation):
    return {"email": email, "action": action, "invitation": invitation}


def diff(email, before, after):
    def shown(roles):
        return {"email": email, "roles": roles} if roles else {}

    return {"before_header": email, "after_header": email, "before": shown(before), "after": shown(after)}


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_everything_at_once(run, api, credentials, check_mode):
    """Someone is new, someone fits, someone changes roles, someone expired, someone joined, someone is purged."""
    eve, mallory = "eve@example.com", "mallory@example.com"
    found = [
        invitation_record(BOB, number=2),
        invitation_record(CAROL, number=3),
        expired_record(email=DAVE, number=4),
        invitation_record(mallory, number=5),
    ]
    gives = {
        ALICE: invitation_record(ALICE, number=11),
        CAROL: invitation_record(CAROL, roles=[BILLING, ANALYST], number=13),
        DAVE: invitation_record(DAVE, number=14),
    }
    api.roles(*ROLES)
    api.invitations(*found)
    api.members(member_record(eve))
    if not check_mode:
        api.create(gives[ALICE], ALICE, roles=[DEVELOPER])
        api.delete(3)
        api.create(gives[CAROL], CAROL, roles=[BILLING, ANALYST])
        api.delete(4)
        api.create(gives[DAVE], DAVE, roles=[DEVELOPER])
        api.delete(5)
    options = {
        "invitations": [
            {"email": ALICE},
            {"email": f" {BOB.upper()} "},
            {"email": CAROL, "roles": ["billing", ANALYST.id.upper()]},
            {"email": DAVE},
        ],
        "emails": [eve, "", BOB],
        "roles": ["Developer"],
        "purge": True,
    }
    stand = {email: invitation_result(record) for email, record in gives.items()}
    if check_mode:
        stand = {
            ALICE: predicted_result(ALICE, [DEVELOPER]),
            CAROL: predicted_result(CAROL, [BILLING, ANALYST]),
            DAVE: predicted_result(DAVE, [DEVELOPER]),
        }
    assert run(invitations, {**credentials, **options}, check_mode=check_mode, diff=True) == {
        "changed": True,
        "changes": [
            change(ALICE, "created", stand[ALICE]),
            change(CAROL, "replaced", stand[CAROL]),
            change(DAVE, "renewed", stand[DAVE]),
            change(mallory, "deleted", invitation_result(found[3])),
        ],
        "members": [eve],
        "summary": {**NOTHING, "created": 1, "unchanged": 1, "replaced": 1, "renewed": 1, "member": 1, "deleted": 1},
        "api": {"requests": 3 if check_mode else 9, "retries": 0, "waited": 0.0},
        "diff": [
            diff(ALICE, [], ["Developer"]),
            diff(CAROL, ["Developer"], ["Analyst", "Billing"]),
            diff(DAVE, [], ["Developer"]),
            diff(mallory, ["Developer"], []),
        ],
    }


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_absent(run, api, credentials, check_mode):
    api.invitations(invitation_record(ALICE, number=1), invitation_record(BOB, number=2), expired_record(number=3))
    if not check_mode:
        api.delete(1)
        api.delete(3)
    options = {
        "invitations": [{"email": ALICE, "roles": ["Nothing known"]}],
        "emails": [CAROL, ALICE],
        "state": "absent",
    }
    answer = run(invitations, {**credentials, **options}, check_mode=check_mode)
    assert answer["changes"] == [change(ALICE, "deleted", invitation_result(invitation_record(ALICE, number=1)))]
    assert answer["summary"] == {**NOTHING, "deleted": 1, "absent": 1}
    assert answer["members"] == []
    assert "diff" not in answer


class TestRequests:
    def test_an_unchanged_roster_of_any_size_is_one(self, run, api, credentials):
        people = [f"person-{number}@example.com" for number in range(300)]
        api.invitations(*(invitation_record(email, number=number) for number, email in enumerate(people)))
        answer = run(invitations, {**credentials, "emails": people, "roles": [DEVELOPER.id]})
        assert answer["summary"] == {**NOTHING, "unchanged": 300}
        assert answer["api"]["requests"] == 1

    def test_new_people_are_one_each_and_two_more(self, run, api, credentials):
        people = [f"person-{number}@example.com" for number in range(20)]
        api.invitations()
        api.members()
        for number, email in enumerate(people):
            api.create(invitation_record(email, number=number), email, roles=[DEVELOPER])
        answer = run(invitations, {**credentials, "emails": people, "roles": [DEVELOPER.id]})
        assert answer["summary"] == {**NOTHING, "created": 20}
        assert answer["api"]["requests"] == 22

    def test_role_names_are_one_more_and_so_is_the_organization(self, run, api, credentials):
        del credentials["organization_id"]
        api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION}]))
        api.roles(*ROLES)
        api.invitations(invitation_record())
        answer = run(invitations, {**credentials, "emails": [ALICE], "roles": ["Developer"]})
        assert answer["api"]["requests"] == 3

    def test_an_empty_roster_without_purge_is_one(self, run, api, credentials):
        api.invitations(invitation_record())
        answer = run(invitations, {**credentials, "invitations": [], "roles": ["Developer"]})
        assert (answer["changed"], answer["changes"], answer["summary"]) == (False, [], NOTHING)


class TestRolesOfAnEntry:
    @pytest.mark.parametrize(
        ("person", "options", "sends"),
        [
            ({}, {"role": "admin"}, {"role": "admin"}),
            ({}, {"roles": [ADMIN.id]}, {"roles": [ADMIN]}),
            ({"role": "developer"}, {"role": "admin"}, {"role": "developer"}),
            ({"role": "developer"}, {"roles": [ADMIN.id]}, {"role": "developer"}),
            ({"roles": [BILLING.id]}, {"role": "admin"}, {"roles": [BILLING]}),
            ({"roles": [BILLING.id]}, {"roles": [ADMIN.id]}, {"roles": [BILLING]}),
            ({"role": "developer"}, {}, {"role": "developer"}),
            ({"role": "developer", "roles": None}, {"roles": [ADMIN.id]}, {"role": "developer"}),
            ({"roles": None}, {"roles": [ADMIN.id]}, {"roles": [ADMIN]}),
        ],
    )
    def test_its_own_win(self, run, api, credentials, person, options, sends):
        api.invitations()
        api.members()
        gives = invitation_record(roles=sends.get("roles"), role=sends.get("role", "developer"))
        api.create(gives, ALICE, **sends)
        answer = run(invitations, {**credentials, "invitations": [{"email": ALICE, **person}], **options})
        assert answer["summary"]["created"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "invitations, emails"),
        ({"invitations": [{"email": ALICE}]}, f"{ALICE}: give exactly one of role and roles."),
        ({"invitations": [{"email": ALICE, "role": "admin", "roles": ["Admin"]}]}, f"{ALICE}: give exactly one of"),
        ({"invitations": [{"role": "admin"}]}, "email"),
        ({"invitations": [{"email": None, "role": "admin"}]}, "email"),
        (
            {"invitations": [{"email": "bob"}], "role": "admin"},
            "invitations[0].email: 'bob' is not one email address such as alice@example.com.",
        ),
        ({"invitations": [{"email": ALICE}, {"email": " "}], "role": "admin"}, "invitations[1].email: ' ' is not one"),
        ({"invitations": [{"email": ALICE, "roles": []}], "role": "admin"}, f"{ALICE}: roles: the list is empty"),
        ({"invitations": [{"email": ALICE, "roles": [""]}], "role": "admin"}, f"{ALICE}: roles: an entry is blank"),
        ({"invitations": [{"email": ALICE, "role": "owner"}]}, "role"),
        ({"invitations": [{"email": ALICE, "rolle": "admin"}]}, "rolle"),
        ({"emails": ["bob"], "role": "admin"}, "emails: 'bob' is not one email address such as alice@example.com."),
        ({"emails": [ALICE], "role": "admin", "roles": ["Admin"]}, "mutually exclusive"),
        ({"emails": [ALICE], "roles": []}, "roles: the list is empty"),
        ({"emails": [ALICE], "role": "admin", "renew_before": "1w"}, "renew_before: '1w' is not a duration"),
        ({"emails": [], "role": "admin", "purge": True}, "purge: the roster is empty"),
        ({"emails": [" "], "role": "admin", "purge": True}, "purge: the roster is empty"),
        ({"emails": [ALICE], "state": "absent", "purge": True}, "purge: it goes with state=present only."),
    ],
)
def test_what_cannot_be_is_refused_by_name_before_any_request(run, credentials, options, words):
    answer = run(invitations, {**credentials, **options})
    assert answer["failed"]
    assert words in answer["msg"]


@pytest.mark.parametrize(
    ("options", "mistakes"),
    [
        (
            {"invitations": [{"email": "b"}, {"email": ALICE}, {"email": ""}], "role": "admin"},
            ["invitations[0].email: 'b' is not one email address", "invitations[2].email: '' is not one email address"],
        ),
        (
            {"emails": ["bob", ALICE, "carol"], "state": "absent"},
            ["emails: 'bob' is not one email address", "emails: 'carol' is not one email address"],
        ),
        (
            {"invitations": [{"email": ALICE}, {"email": BOB, "roles": [""]}]},
            [f"{ALICE}: give exactly one of role and roles", f"{BOB}: roles: an entry is blank"],
        ),
    ],
)
def test_what_is_wrong_with_several_is_told_at_once(run, credentials, options, mistakes):
    answer = run(invitations, {**credentials, **options})
    assert answer["failed"]
    assert all(mistake in answer["msg"] for mistake in mistakes)
    assert answer["error"]["reason"] == answer["msg"]


def test_someone_listed_twice_with_different_roles_is_refused_before_any_write(run, api, credentials):
    api.roles(*ROLES)
    api.invitations()
    people = [{"email": ALICE, "roles": ["Admin"]}, {"email": ALICE.upper(), "roles": ["Billing"]}]
    answer = run(invitations, {**credentials, "invitations": people})
    assert (
        f"{ALICE} is listed twice with different roles: Admin, and Billing; delete one of the two entries."
        in answer["msg"]
    )


def test_an_unknown_role_is_refused_before_any_write(run, api, credentials):
    api.roles(*ROLES)
    api.invitations()
    people = [{"email": ALICE, "roles": ["Admin"]}, {"email": BOB, "roles": ["Owner"]}]
    answer = run(invitations, {**credentials, "invitations": people})
    assert (
        "roles: the organization has no role 'Owner'; its roles are: Admin, Analyst, Billing, Developer."
        in (answer["msg"])
    )


def test_one_refusal_does_not_stop_the_others(run, api, credentials):
    bob = invitation_record(BOB, roles=[ADMIN], role="admin", number=2)
    api.invitations()
    api.members()
    api.create(refusal(400, "no more of that domain"), ALICE, role="admin")
    api.create(bob, BOB, role="admin")
    for _time in range(2):
        api.invitations(bob)
        api.members()
    answer = run(invitations, {**credentials, "emails": [ALICE, BOB], "role": "admin"}, diff=True)
    assert answer["failed"]
    assert answer["changed"]
    assert answer["msg"].startswith("1 of 2 people failed. Could not invite alice@example.com: ")
    assert answer["summary"] == {**NOTHING, "created": 1, "failed": 1}
    refused, invited = answer["changes"]
    assert invited == change(BOB, "created", invitation_result(bob))
    assert (refused["email"], refused["action"], refused["invitation"]) == (ALICE, "failed", None)
    assert refused["error"].pop("msg") in answer["msg"]
    assert refused["error"] == answer["error"]
    assert answer["error"]["status"] == 400
    assert answer["error"]["reason"] == "no more of that domain"
    assert len(answer["diff"]) == 2


def test_a_key_without_the_permission_stops_at_once(run, api, credentials):
    people = [f"person-{number}@example.com" for number in range(8)]
    api.invitations()
    api.members(answer=refusal(403))
    api.create(invitation_record(people[0], roles=None, role="admin"), people[0], role="admin")
    api.create(refusal(403, "FORBIDDEN"), people[1], role="admin")
    answer = run(invitations, {**credentials, "emails": people, "role": "admin"})
    assert answer["summary"] == {**NOTHING, "created": 1, "failed": 7}
    assert answer["msg"].startswith("7 of 8 people failed. Could not invite person-1@example.com: ")
    assert answer["msg"].endswith(" The rest is in changes.")
    assert answer["error"]["reason"] == "FORBIDDEN"
    assert answer["changes"][7]["error"]["reason"] == "not attempted after: FORBIDDEN"
    (warning,) = answer["warnings"]
    assert "may not list members" in warning


def test_warnings_are_bounded(run, api, credentials):
    people = [f"person-{number}@example.com" for number in range(30)]
    api.invitations()
    api.members(*(member_record(email, roles=[ADMIN]) for email in people))
    answer = run(invitations, {**credentials, "emails": people, "roles": [BILLING.id]})
    assert answer["members"] == people
    assert len(answer["warnings"]) == 21
    assert answer["warnings"][-1] == "10 more warnings are left out."
