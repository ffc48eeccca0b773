# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests a task takes, over one connection."""

from __future__ import annotations

import pytest
from component.harness import (
    ANN,
    BOB,
    CREATE,
    DELETE,
    EVE,
    GET,
    KEYS,
    LIST,
    MEMBERS,
    ORGANIZATIONS,
    REMOVE,
    ROLES,
    UPDATE,
    calls,
)
from simulator.faults import WRITES

PEOPLE = [f"person{number}@example.com" for number in range(40)]
DEVELOPER = {"role": "developer"}


def nobody(_simulator):
    """Leave the organization empty."""


def ann_is_invited(simulator):
    simulator.invite(ANN, **DEVELOPER)


def ann_is_invited_for_an_hour(simulator):
    simulator.invite(ANN, **DEVELOPER, expires_in=3600)


def all_are_invited(simulator):
    for email in PEOPLE:
        simulator.invite(email, **DEVELOPER)


def ann_has_joined(simulator):
    simulator.add_member(ANN, **DEVELOPER)


def ann_has_joined_and_is_invited(simulator):
    ann_is_invited(simulator)
    ann_has_joined(simulator)
    simulator.add_member(BOB, role="admin")


def half_have_joined(simulator):
    for number, email in enumerate(PEOPLE):
        (simulator.invite if number % 2 else simulator.add_member)(email, **DEVELOPER)


def all_have_joined(simulator):
    for email in PEOPLE:
        simulator.add_member(email, **DEVELOPER)


TASKS = {
    "invitation_info": (nobody, "invitation_info", {}, [LIST]),
    "invitation_info with members": (nobody, "invitation_info", {"members": True}, [LIST, MEMBERS]),
    "membership_info": (half_have_joined, "membership_info", {}, [LIST, MEMBERS]),
    "membership_info of some": (half_have_joined, "membership_info", {"emails": PEOPLE[:3]}, [LIST, MEMBERS]),
    "role_info": (nobody, "role_info", {}, [ROLES]),
    "api_key_info": (nobody, "api_key_info", {}, [KEYS]),
    "invitation, unchanged": (ann_is_invited, "invitation", {"email": ANN, **DEVELOPER}, [LIST]),
    "invitation, unchanged, no organization": (
        ann_is_invited,
        "invitation",
        {"email": ANN, "roles": ["Developer"], "organization_id": ...},
        [ORGANIZATIONS, LIST],
    ),
    "invitation, created": (nobody, "invitation", {"email": ANN, **DEVELOPER}, [LIST, MEMBERS, CREATE]),
    "invitation, replaced": (
        ann_is_invited,
        "invitation",
        {"email": ANN, "role": "admin"},
        [LIST, ROLES, DELETE, CREATE],
    ),
    "invitation, replaced by name": (
        ann_is_invited,
        "invitation",
        {"email": ANN, "roles": ["Admin"]},
        [LIST, ROLES, DELETE, CREATE],
    ),
    "invitation, renewed early": (
        ann_is_invited_for_an_hour,
        "invitation",
        {"email": ANN, **DEVELOPER, "renew_before": "1d"},
        [LIST, ROLES, DELETE, CREATE],
    ),
    "invitation, deleted": (ann_is_invited, "invitation", {"email": ANN, "state": "absent"}, [LIST, DELETE]),
    "invitation, absent": (nobody, "invitation", {"email": ANN, "state": "absent"}, [LIST]),
    "invitations, unchanged": (
        all_are_invited,
        "invitations",
        {"emails": PEOPLE, **DEVELOPER, "purge": True},
        [LIST],
    ),
    "invitations, created": (
        nobody,
        "invitations",
        {"emails": PEOPLE, "roles": ["Billing", "Member"], "organization_id": ...},
        [ORGANIZATIONS, LIST, ROLES, MEMBERS, *[CREATE] * 40],
    ),
    "invitations, replaced and created": (
        ann_is_invited,
        "invitations",
        {"invitations": [{"email": ANN, "role": "admin"}, {"email": BOB, "roles": ["Billing"]}]},
        [LIST, ROLES, MEMBERS, DELETE, CREATE, CREATE],
    ),
    "invitations, deleted": (
        all_are_invited,
        "invitations",
        {"emails": PEOPLE, "state": "absent"},
        [LIST, *[DELETE] * 40],
    ),
    "membership, unchanged": (ann_has_joined, "membership", {"email": ANN, **DEVELOPER}, [LIST, MEMBERS]),
    "membership, created": (nobody, "membership", {"email": ANN, **DEVELOPER}, [LIST, MEMBERS, CREATE]),
    "membership, updated": (
        ann_has_joined,
        "membership",
        {"email": ANN, "roles": ["Billing"]},
        [LIST, MEMBERS, ROLES, UPDATE, MEMBERS],
    ),
    "membership, removed": (
        ann_has_joined_and_is_invited,
        "membership",
        {"email": ANN, "state": "absent"},
        [LIST, MEMBERS, REMOVE, DELETE],
    ),
    "memberships, unchanged": (
        half_have_joined,
        "memberships",
        {"emails": PEOPLE, **DEVELOPER, "purge": True, "purge_exclude": [EVE]},
        [LIST, MEMBERS],
    ),
    "memberships, unchanged, by name, no organization": (
        half_have_joined,
        "memberships",
        {"emails": PEOPLE, "roles": ["Developer"], "organization_id": ...},
        [ORGANIZATIONS, LIST, MEMBERS],
    ),
    "memberships, updated": (
        all_have_joined,
        "memberships",
        {"emails": PEOPLE, "roles": ["Billing"]},
        [LIST, MEMBERS, ROLES, *[UPDATE] * 40, MEMBERS],
    ),
}


@pytest.mark.parametrize(("set_up", "module", "options", "expected"), TASKS.values(), ids=TASKS)
def test_requests_of_a_task(run, simulator, set_up, module, options, expected):
    set_up(simulator)
    run(module, check=True, **options)
    # Check mode reads as much, and writes and verifies nothing.
    reads = [call for call in expected if call not in WRITES]
    assert calls(simulator) == (reads[:-1] if UPDATE in expected else reads)
    before = len(simulator.requests)
    result = run(module, **options)
    assert "failed" not in result
    assert calls(simulator, before) == expected
    assert result["api"] == {"requests": len(expected), "retries": 0, "waited": 0.0}
    assert len({request["connection"] for request in simulator.requests[before:]}) == 1


def test_invitation_by_id_is_got_and_deleted_in_two_requests(run, simulator):
    invitation = simulator.invite(ANN, **DEVELOPER)
    assert run("invitation_info", invitation_id=invitation["id"].upper())["invitations"][0]["email"] == ANN
    assert calls(simulator) == [GET]
    run("invitation", invitation_id=invitation["id"], state="absent")
    assert calls(simulator, start=1) == [GET, DELETE]


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("invitation", {"email": "nonsense", **DEVELOPER}),
        ("invitation", {"email": ANN, **DEVELOPER, "organization_id": "nonsense"}),
        ("invitation_info", {"invitation_id": "nonsense"}),
        ("invitations", {"emails": [ANN, "nonsense"], **DEVELOPER}),
        ("invitations", {"emails": [], **DEVELOPER, "purge": True}),
        ("membership", {"user_id": "nonsense", "state": "absent"}),
        ("memberships", {"emails": [ANN], **DEVELOPER, "purge": True, "purge_limit": "many"}),
        ("membership_info", {"expires_within": "never"}),
    ],
)
def test_invalid_option_is_rejected_without_a_request(run, simulator, module, options):
    assert run(module, **options)["failed"]
    assert simulator.requests == []


@pytest.mark.parametrize("module", ["invitations", "memberships"])
def test_unknown_role_is_rejected_before_anything_is_written(run, simulator, module):
    assert run(module, **{module: [{"email": ANN, "role": "admin"}, {"email": BOB, "roles": ["Nonsense"]}]})["failed"]
    assert not set(calls(simulator)) & set(WRITES)


def test_connection_that_was_closed_while_idle_costs_one_retry(run, simulator):
    ann_is_invited(simulator)
    simulator.order_fault("disconnect", operation=DELETE)
    result = run("invitation", email=ANN, state="absent")
    assert result["action"] == "deleted"
    assert result["api"]["requests"] == 3
    assert result["api"]["retries"] == 1
