# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests a task takes, over one connection."""

from __future__ import annotations

import pytest
from cast import ALICE, BOB, EVE
from component.harness import CREATE, DELETE, GET, KEYS, LIST, MEMBERS, ORGANIZATIONS, REMOVE, ROLES, UPDATE, calls
from simulator.faults import WRITES

PEOPLE = [f"person{number}@example.com" for number in range(40)]
DEVELOPER = {"role": "developer"}
BILLING = {"roles": ["Billing"]}
ALL = {"emails": PEOPLE, "organization_id": ...}
EXCLUDED = {"purge": True, "purge_exclude": [EVE]}

# The people who have joined, and those who are invited, as developers | module | options | calls
TASKS = {
    "role_info": ([], [], "role_info", {}, [ROLES]),
    "api_key_info": ([], [], "api_key_info", {}, [KEYS]),
    "invitation_info": ([], [], "invitation_info", {"members": True}, [LIST, MEMBERS]),
    "membership_info": (PEOPLE[1::2], PEOPLE[::2], "membership_info", {}, [LIST, MEMBERS]),
    "invitation, unchanged": ([], [ALICE], "invitation", {"email": ALICE, **DEVELOPER}, [LIST]),
    "invitation, created": ([], [], "invitation", {"email": ALICE, **DEVELOPER}, [LIST, MEMBERS, CREATE]),
    "invitation, replaced": ([], [ALICE], "invitation", {"email": ALICE, **BILLING}, [LIST, ROLES, DELETE, CREATE]),
    "invitation, deleted": ([], [ALICE], "invitation", {"email": ALICE, "state": "absent"}, [LIST, DELETE]),
    "invitations, unchanged": ([], PEOPLE, "invitations", {**ALL, **DEVELOPER, "purge": True}, [ORGANIZATIONS, LIST]),
    "invitations, created": (
        *([], [], "invitations", {**ALL, **BILLING}, [ORGANIZATIONS, LIST, ROLES, MEMBERS, *[CREATE] * 40]),
    ),
    "membership, removed": (
        *([ALICE, BOB], [ALICE], "membership", {"email": ALICE, "state": "absent"}, [LIST, MEMBERS, REMOVE, DELETE]),
    ),
    "memberships, unchanged": (
        *(PEOPLE[1::2], PEOPLE[::2], "memberships"),
        *({**ALL, "roles": ["Developer"], **EXCLUDED}, [ORGANIZATIONS, LIST, MEMBERS]),
    ),
    "memberships, updated": (
        *(PEOPLE, [], "memberships"),
        *({**ALL, **BILLING}, [ORGANIZATIONS, LIST, MEMBERS, ROLES, *[UPDATE] * 40, MEMBERS]),
    ),
}


@pytest.mark.parametrize(("joined", "invited", "module", "options", "expected"), TASKS.values(), ids=TASKS)
def test_requests_of_a_task(run, simulator, joined, invited, module, options, expected):
    for email in joined:
        simulator.add_member(email, **DEVELOPER)
    for email in invited:
        simulator.invite(email, **DEVELOPER)
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
    invitation = simulator.invite(ALICE, **DEVELOPER)
    assert run("invitation_info", invitation_id=invitation["id"].upper())["invitations"][0]["email"] == ALICE
    run("invitation", invitation_id=invitation["id"], state="absent")
    assert calls(simulator) == [GET, GET, DELETE]
