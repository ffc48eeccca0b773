# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.clickhouse.cloud.plugins.filter.access_report import FilterModule

NOW = "2026-11-26T12:00:00Z"
NOTHING = {
    "name": None,
    "roles": ["Developer"],
    "since": None,
    "until": None,
    "expires_soon": False,
}
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

access_report = FilterModule().filters()["access_report"]


def only(person, *changes):
    (described,) = access_report([person], changes, now=NOW)["people"]
    return described


def test_people_are_sorted_by_email_and_counted_by_state():
    report = access_report([EXPIRED, {**INVITED, "expires_soon": True}, MEMBER], now=NOW)
    assert [person["email"] for person in report["people"]] == [
        "alice@example.com",
        "bob@example.com",
        "carol@example.com",
    ]
    assert report["made_at"] == NOW
    assert report["summary"] == {
        "member": 1,
        "invited": 1,
        "expired": 1,
        "absent": 0,
        "expires_soon": 1,
        "differs": 0,
    }


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
    _alice, erin = report["people"]
    assert (erin["state"], erin["roles"], erin["remarks"]) == ("absent", [], ["nothing yet, on the list: 0, Billing"])
    assert (report["summary"]["absent"], report["summary"]["differs"]) == (1, 1)


def test_time_that_cannot_be_parsed_is_rejected_by_name():
    with pytest.raises(AnsibleFilterError, match="now is not ISO 8601 text such as"):
        access_report([], now="tomorrow")
