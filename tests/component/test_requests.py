# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How few requests a task takes, and that they go over one connection."""

from __future__ import annotations

import pytest
from component.harness import calls

ANN = "ann@example.com"
PEOPLE = [f"person{number}@example.com" for number in range(40)]
LIST, GET, CREATE, DELETE = "list_invitations", "get_invitation", "create_invitation", "delete_invitation"
MEMBERS, ROLES, ORGANIZATIONS = "list_members", "list_roles", "list_organizations"


def invite_ann(simulator):
    return simulator.invite(ANN, role="developer")


def invite_ann_for_an_hour(simulator):
    return simulator.invite(ANN, role="developer", expires_in=3600)


def nobody(_simulator):
    """Leave the organization empty."""


def invite_everybody(simulator):
    for email in PEOPLE:
        simulator.invite(email, role="developer")


TASKS = {
    "list": (nobody, "invitation_info", {}, [LIST]),
    "list with members": (nobody, "invitation_info", {"members": True}, [LIST, MEMBERS]),
    "unchanged": (invite_ann, "invitation", {"email": ANN, "role": "developer"}, [LIST]),
    "unchanged, by name": (invite_ann, "invitation", {"email": ANN, "roles": ["Developer"]}, [ROLES, LIST]),
    "unchanged, no organization": (
        invite_ann,
        "invitation",
        {"email": ANN, "role": "developer", "organization_id": ...},
        [ORGANIZATIONS, LIST],
    ),
    "create": (nobody, "invitation", {"email": ANN, "role": "developer"}, [LIST, MEMBERS, CREATE]),
    "create, by name": (nobody, "invitation", {"email": ANN, "roles": ["Billing"]}, [ROLES, LIST, MEMBERS, CREATE]),
    "replace": (invite_ann, "invitation", {"email": ANN, "role": "admin"}, [LIST, ROLES, DELETE, CREATE]),
    "replace, by name": (invite_ann, "invitation", {"email": ANN, "roles": ["Admin"]}, [ROLES, LIST, DELETE, CREATE]),
    "roster, replacing by the older role, others by name": (
        invite_ann,
        "invitations",
        {"invitations": [{"email": ANN, "role": "admin"}, {"email": PEOPLE[0], "roles": ["Billing"]}]},
        [ROLES, LIST, MEMBERS, DELETE, CREATE, CREATE],
    ),
    "renew": (
        invite_ann_for_an_hour,
        "invitation",
        {"email": ANN, "role": "developer", "renew_before": "1d"},
        [LIST, ROLES, DELETE, CREATE],
    ),
    "delete": (invite_ann, "invitation", {"email": ANN, "state": "absent"}, [LIST, DELETE]),
    "absent": (nobody, "invitation", {"email": ANN, "state": "absent"}, [LIST]),
    "roster, unchanged": (invite_everybody, "invitations", {"emails": PEOPLE, "role": "developer"}, [LIST]),
    "roster, unchanged, purging": (
        invite_everybody,
        "invitations",
        {"emails": PEOPLE, "role": "developer", "purge": True},
        [LIST],
    ),
    "roster, new": (nobody, "invitations", {"emails": PEOPLE, "role": "developer"}, [LIST, MEMBERS, *[CREATE] * 40]),
    "roster, new, by name, no organization": (
        nobody,
        "invitations",
        {"emails": PEOPLE, "roles": ["Billing", "Member"], "organization_id": ...},
        [ORGANIZATIONS, ROLES, LIST, MEMBERS, *[CREATE] * 40],
    ),
    "roster, absent": (invite_everybody, "invitations", {"emails": PEOPLE, "state": "absent"}, [LIST, *[DELETE] * 40]),
}


@pytest.mark.parametrize(("set_up", "module", "options", "expected"), TASKS.values(), ids=TASKS)
def test_the_requests_of_a_task(run, simulator, set_up, module, options, expected):
    set_up(simulator)
    result = run(module, **options)
    assert "failed" not in result
    assert calls(simulator) == expected
    assert result["api"] == {"requests": len(expected), "retries": 0, "waited": 0.0}
    assert len({request["connection"] for request in simulator.requests}) == 1


@pytest.mark.parametrize(("set_up", "module", "options", "expected"), TASKS.values(), ids=TASKS)
def test_check_mode_makes_the_same_requests_but_for_the_writes(run, simulator, set_up, module, options, expected):
    set_up(simulator)
    run(module, check=True, **options)
    assert calls(simulator) == [call for call in expected if call not in (CREATE, DELETE)]


def test_getting_or_deleting_by_id(run, simulator):
    invitation = invite_ann(simulator)
    assert run.info(invitation_id=invitation["id"].upper())["invitations"][0]["email"] == ANN
    assert calls(simulator) == [GET]
    run("invitation", invitation_id=invitation["id"], state="absent")
    assert calls(simulator, start=1) == [GET, DELETE]


def test_nothing_is_asked_for_what_cannot_be(run, simulator):
    assert run.present("nonsense")["failed"]
    assert run.present(organization_id="nonsense")["failed"]
    assert run.info(invitation_id="nonsense")["failed"]
    assert run.roster(ANN, "nonsense")["failed"]
    assert run.roster(purge=True)["failed"]
    assert run.roster(emails=[], state="absent", purge=True)["failed"]
    assert simulator.requests == []


def test_roles_that_do_not_exist_are_refused_before_anything_is_written(run, simulator):
    assert run.roster(ANN, {"email": "bob@example.com", "roles": ["Nonsense"]})["failed"]
    assert run.present(roles=["Nonsense"])["failed"]
    assert simulator.emails == []


def test_a_connection_that_was_closed_while_idle_costs_one_retry(run, simulator):
    invite_ann(simulator)
    simulator.order_fault("disconnect", operation=DELETE)
    result = run.absent()
    assert result["action"] == "deleted"
    assert result["api"]["requests"] == 3
    assert result["api"]["retries"] == 1
