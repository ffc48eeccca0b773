# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.clickhouse.cloud.plugins.filter.access_report import FilterModule

NOW = "2026-11-26T12:00:00Z"
NOTHING = {"name": None, "roles": ["Developer"], "since": None, "until": None, "expires_soon": False}
MEMBER = {**NOTHING, "email": "alice@example.com", "state": "member", "since": "2026-01-01T00:00:00.000Z"}
INVITED = {
    **NOTHING,
    "email": "bob@example.com",
    "state": "invited",
    "since": "2026-11-20T00:00:00.000Z",
    "until": "2026-11-30T00:00:00.000Z",
}
EXPIRED = {
    **NOTHING,
    "email": "carol@example.com",
    "state": "expired",
    "since": "2026-11-17T12:00:00Z",
    "until": "2026-11-24T12:00:00Z",
}

ALICE, BOB, CAROL = (person["email"] for person in (MEMBER, INVITED, EXPIRED))
ADMIN = {"role_id": "a0", "role_name": "Admin", "role_type": "system"}

access_report = FilterModule().filters()["access_report"]


def only(person, *changes):
    (described,) = access_report([person], changes, now=NOW)["people"]
    return described


def test_people_are_counted_by_state():
    report = access_report([EXPIRED, {**INVITED, "expires_soon": True}, MEMBER], now=NOW)
    assert report["made_at"] == NOW
    assert report["summary"] == {
        "member": 1,
        "invited": 1,
        "expired": 1,
        "absent": 0,
        "administrators": 0,
        "expires_soon": 1,
        "differs": 0,
    }


def test_people_who_differ_come_first_then_administrators():
    admin = {**MEMBER, "email": "zoe@example.com", "assigned_roles": [ADMIN]}
    change = {"email": CAROL, "action": "deleted"}
    report = access_report([MEMBER, INVITED, EXPIRED, admin], [change], now=NOW)
    assert [person["email"] for person in report["people"]] == [CAROL, "zoe@example.com", ALICE, BOB]


def test_organization_without_people_gives_an_empty_report():
    report = access_report([])
    assert report["people"] == []
    assert set(report["summary"].values()) == {0}


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2026-11-30T00:00:00.000Z", "expires in 3 days"),
        ("2026-11-27T13:00:00+00:00", "expires in 1 day"),
        ("2026-11-26T17:30:00+02:00", "expires in 3 hours"),
        ("2026-11-26T12:45:00", "expires in 45 minutes"),
        ("2026-11-26T12:00:30.000Z", "expires in less than a minute"),
        # By the API's clock it is live, by this host's it is not.
        ("2026-11-26T11:59:00.000Z", "expires in less than a minute"),
    ],
)
def test_invitation_says_when_it_expires(until, words):
    assert only({**INVITED, "until": until})["remarks"] == [words]


def test_time_without_an_offset_is_utc_wherever_the_controller_is(monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        remarks = only({**INVITED, "until": "2026-11-26T13:30:00"})["remarks"]
    time.tzset()
    assert remarks == ["expires in 1 hour"]


@pytest.mark.parametrize(
    ("since", "until", "percent"),
    [
        ("2026-11-20T00:00:00.000Z", "2026-11-30T00:00:00.000Z", 35),
        ("2026-11-26T12:00:01.000Z", "2026-12-03T12:00:01.000Z", 100),
        ("2026-11-10T12:00:00.000Z", "2026-11-20T12:00:00.000Z", 0),
        ("2026-11-20T00:00:00.000Z", "2026-11-20T00:00:00.000Z", None),
        (None, "2026-11-30T00:00:00.000Z", None),
        ("2026-11-20T00:00:00.000Z", "soon", None),
    ],
)
def test_time_left_is_a_percentage_of_the_lifetime(since, until, percent):
    assert only({**INVITED, "since": since, "until": until})["time_left"] == percent


def test_expired_invitation_says_since_when():
    assert only(EXPIRED)["remarks"] == ["expired 2 days ago"]
    assert only({**EXPIRED, "until": None})["remarks"] == ["expired"]
    assert only(EXPIRED)["time_left"] is None


BILLING = {"assigned_roles": [{"role_id": "1", "role_name": "Billing"}, {"role_id": "0", "role_name": None}]}


@pytest.mark.parametrize(
    ("person", "change", "differs", "remark"),
    [
        (MEMBER, {"action": "removed", "member": MEMBER}, "not_listed", "not on the list"),
        (MEMBER, {"action": "updated", "member": BILLING}, "other_roles", "other roles on the list: 0, Billing"),
        (MEMBER, {"action": "updated", "member": {"role": "admin"}}, "other_roles", "other roles on the list: admin"),
        (INVITED, {"action": "replaced", "invitation": BILLING}, "other_roles", "other roles on the list: 0, Billing"),
        (INVITED, {"action": "replaced"}, "other_roles", "other roles on the list"),
        (INVITED, {"action": "deleted", "invitation": None}, "not_listed", "not on the list"),
        (EXPIRED, {"action": "renewed", "invitation": BILLING}, None, "expired 2 days ago"),
    ],
)
def test_change_of_the_list_says_how_a_person_differs(person, change, differs, remark):
    described = only(person, {"email": person["email"], **change})
    assert described["differs"] == differs
    assert described["remarks"][-1] == remark


def test_person_who_has_nothing_yet_is_added():
    change = {"email": "erin@example.com", "action": "created", "invitation": BILLING}
    report = access_report([MEMBER], [change], now=NOW)
    erin, _alice = report["people"]
    assert (erin["state"], erin["roles"], erin["remarks"]) == ("absent", [], ["nothing yet, on the list: 0, Billing"])
    assert (report["summary"]["absent"], report["summary"]["differs"]) == (1, 1)


def test_time_that_cannot_be_parsed_is_rejected_by_name():
    with pytest.raises(AnsibleFilterError, match="now is not ISO 8601 text such as"):
        access_report([], now="tomorrow")


@pytest.mark.parametrize(
    "memberships", [{"memberships": []}, [{"email": ALICE, "role": "admin"}]], ids=["dict", "other"]
)
def test_anything_but_memberships_is_rejected_by_name(memberships):
    with pytest.raises(AnsibleFilterError, match="takes the memberships that membership_info returns"):
        access_report(memberships)


@pytest.mark.parametrize(
    ("roles", "names", "administrator"),
    [
        ([ADMIN], ["Admin"], True),
        ([{**ADMIN, "role_type": None}], ["Admin"], True),
        ([{**ADMIN, "role_type": "custom"}], ["Admin (a0)"], False),
        # Without assigned roles, the legacy role counts.
        ([], ["admin"], True),
        ([], [], False),
    ],
)
def test_administrator_is_recognised_by_the_system_role(roles, names, administrator):
    report = access_report([{**MEMBER, "assigned_roles": roles, "roles": names}], now=NOW)
    assert (report["people"][0]["administrator"], report["summary"]["administrators"]) == (administrator, administrator)


def test_every_account_and_open_invitation_is_shown():
    others = [
        {"kind": "member", "id": "2", "roles": ["Billing"], "assigned_roles": []},
        {"kind": "invitation", "id": "3", "roles": ["Admin"], "assigned_roles": [ADMIN]},
    ]
    person = only({**MEMBER, "other_access": others})
    assert person["remarks"] == ["second account: Billing", "open invitation: Admin"]
    assert person["administrator"]


def test_open_invitation_of_a_member_is_not_taken_for_other_roles():
    other = {"kind": "invitation", "id": "3", "roles": ["Admin"], "assigned_roles": [ADMIN]}
    member = {**MEMBER, "assigned_roles": BILLING["assigned_roles"], "other_access": [other]}
    person = only(member, {"email": ALICE, "action": "updated", "member": BILLING})
    assert (person["differs"], person["listed_roles"]) == ("other_access", None)
    assert person["remarks"] == ["open invitation: Admin", "open invitation that is not on the list"]


def test_person_whom_no_list_can_hold_differs_but_an_excluded_one_does_not():
    report = access_report([MEMBER, INVITED], [], now=NOW, not_listed=[ALICE, BOB], exclude=BOB)
    assert {person["email"]: person["differs"] for person in report["people"]} == {ALICE: "not_listed", BOB: None}


@pytest.mark.parametrize(
    ("changes", "entries", "remarked"), [([], [], True), ([], [{"email": ALICE}], False), (None, [], False)]
)
def test_excluded_person_is_remarked_unless_listed_or_not_compared(changes, entries, remarked):
    report = access_report([MEMBER], changes, now=NOW, exclude=ALICE, entries=entries)
    (person,) = report["people"]
    assert (person["remarks"], person["differs"]) == (["excluded from purge, not on the list"] * remarked, None)


def test_comments_of_the_list_are_shown():
    entries = [{"email": "Alice@example.com", "comment": "our\n\x1bfounder"}, {"email": BOB}, {"email": 7}, "nonsense"]
    report = access_report([MEMBER, INVITED], [], now=NOW, entries=entries)
    assert [person["comment"] for person in report["people"]] == [r"our \x1bfounder", None]
    assert report["list"] == "the access list of 2 people"


KEY = {
    "name": "CI",
    "state": "enabled",
    "assigned_roles": [],
    "role_names": ["developer"],
    "used_at": "2026-11-25T12:00:00Z",
    "expire_at": "2027-01-01T00:00:00Z",
    "expired": False,
    "ip_access_list": [{"source": "192.0.2.1", "description": None}],
}


@pytest.mark.parametrize(
    ("fields", "remarks"),
    [
        ({}, []),
        ({"expire_at": None}, ["never expires"]),
        ({"expired": True}, ["expired"]),
        ({"used_at": None}, ["never used"]),
        ({"used_at": "2026-08-28T12:00:00Z"}, []),
        ({"used_at": "2026-08-28T11:59:00Z"}, ["not used for 90 days"]),
        ({"used_at": "recently"}, []),
        ({"ip_access_list": []}, ["no IP list"]),
        ({"ip_access_list": [{"source": "0.0.0.0/0"}]}, ["IP list allows every address"]),
        ({"state": "disabled", "expire_at": None}, ["disabled", "never expires"]),
    ],
)
def test_key_says_in_words_what_a_review_asks_about(fields, remarks):
    report = access_report([], now=NOW, api_keys=[{**KEY, **fields}])
    assert report["api_keys"][0]["remarks"] == remarks


def test_keys_of_administrators_come_first():
    report = access_report([], now=NOW, api_keys=[KEY, {**KEY, "name": "Root", "assigned_roles": [ADMIN]}])
    assert [(key["name"], key["administrator"]) for key in report["api_keys"]] == [("Root", True), ("CI", False)]
    assert report["summary"]["api_keys"] == 2


def test_sentence_counts_in_words():
    people = [MEMBER, INVITED, EXPIRED]
    counts = "1 member (0 administrators); 1 invited; 1 expired invitation"
    assert access_report(people, now=NOW)["sentence"] == f"{counts}."
    assert access_report(people, [], now=NOW)["sentence"] == f"{counts}; nobody differs from the list."
    created = [{"email": "new@example.com", "action": "created"}]
    report = access_report(people, created, now=NOW, api_keys=[KEY], keys_error="403.")
    differs = "1 on the list with nothing yet; 1 API key; 1 differs from the list."
    assert report["msg"] == f"{counts}; {differs} API keys are not shown. 403."
