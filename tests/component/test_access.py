# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a server with a state can show: every kind of organization, stale reads, races, waits that are shared.

What is planned, and what follows from each response, is in unit tests.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest
from cast import ALICE, BOB, CAROL, DAVE, EVE
from component.harness import (
    CREATE,
    DELETE,
    LIST,
    MEMBERS,
    REMOVE,
    UPDATE,
    calls,
    emails_to,
    invitations_of,
    members_now,
    role_names,
)

DEVELOPER = {"email": ALICE, "roles": ["Developer"]}
ADMIN = {"email": ALICE, "roles": ["Admin"]}
ABSENT = {"email": ALICE, "state": "absent"}
ADMIN_EVE = {"email": EVE, "role": "admin"}


def actions(result):
    return {change["email"]: change["action"] for change in result["changes"]}


# --- a person's story ------------------------------------------------------------------------------------------------


def test_invitation_from_the_first_email_to_the_last(run, simulator):
    story = [
        ({"roles": ["Admin"]}, "created", ["Admin"]),
        ({"roles": ["Admin"]}, "unchanged", ["Admin"]),
        ({"roles": ["Billing", "Member"]}, "replaced", ["Billing", "Member"]),
        ({"roles": ["Billing", "Member"], "resend": True}, "renewed", ["Billing", "Member"]),
        ({"state": "absent"}, "deleted", None),
        ({"state": "absent"}, "absent", None),
    ]
    for options, action, roles in story:
        result = run("invitation", email=" Alice@Example.COM ", **options)
        assert (result["action"], result["changed"]) == (action, action not in ("unchanged", "absent"))
        assert [role_names(each) for each in simulator.invitations] == ([roles] if roles else [])
    assert emails_to(simulator) == 3


@pytest.mark.parametrize(("list_expired", "beside"), [(True, "allow"), (True, "reject"), (False, "allow")])
def test_expired_invitation_is_sent_again_once(run, simulator, beside, list_expired):
    simulator.configure(second_beside_expired=beside, list_expired=list_expired)
    run("invitation", **DEVELOPER)
    simulator.expire(ALICE)
    results = [run("invitation", **DEVELOPER)["action"] for _run in range(2)]
    assert results == ["renewed" if list_expired else "created", "unchanged"]
    assert emails_to(simulator) == 2


def test_one_statement_holds_from_the_invitation_to_the_removal(run, simulator):
    billing = {"email": ALICE, "roles": ["Billing"]}
    assert run("membership", **billing)["state"] == "invited"
    simulator.accept(ALICE)
    joined = run("membership", **billing)
    assert (joined["action"], joined["state"]) == ("unchanged", "member")
    updated = run("membership", email=ALICE, roles=["Member", "Billing"])
    assert (updated["action"], updated["state"]) == ("updated", "member")
    assert members_now(simulator)[ALICE] == ["Billing", "Member"]
    simulator.invite(ALICE, role="admin")
    simulator.invite(ALICE, role="admin", expired=True)
    assert run("membership", **ABSENT)["action"] == "removed"
    assert (simulator.invitations, list(members_now(simulator))) == ([], [EVE])
    assert run("membership", **ABSENT)["action"] == "absent"
    simulator.sign_on(ALICE)
    assert run("membership_info", emails=[ALICE])["memberships"][0]["state"] == "member"
    assert actions(run("memberships", memberships=[ADMIN_EVE], purge=True, purge_limit="1")) == {ALICE: "removed"}


def test_both_accounts_of_a_person_are_removed_but_by_user_id_only_one(run, simulator):
    simulator.add_member(ALICE)
    for _turn in range(2):
        account = simulator.add_member(ALICE, account="sso")
        run("membership", user_id=account["userId"].upper(), state="absent")
        assert list(members_now(simulator)) == [EVE, ALICE]
    simulator.add_member(ALICE, account="sso")
    run("membership", **ABSENT)
    assert [member["email"] for member in simulator.members] == [EVE]


def test_purge_makes_the_roster_the_access_list(run, simulator):
    simulator.add_member(BOB, role_names=["Billing"])
    simulator.add_member(CAROL)
    simulator.invite(DAVE, role="admin")
    roster = {"memberships": [ADMIN_EVE, {"email": BOB, "roles": ["Member"]}, DEVELOPER], "purge": True}
    result = run("memberships", **roster, purge_limit="50%")
    assert actions(result) == {ALICE: "created", BOB: "updated", CAROL: "removed", DAVE: "deleted"}
    assert members_now(simulator) == {EVE: ["Admin"], BOB: ["Member"]}
    assert [invitation["email"] for invitation in simulator.invitations] == [ALICE]
    assert not run("memberships", **roster)["changed"]


# --- kinds of organizations ------------------------------------------------------------------------------------------

ERAS = ["custom_roles_available", "legacy", "migrated_rejects", "migrated_frozen"]


@pytest.mark.parametrize("roles", [{"role": "developer"}, {"role": "admin"}, {"roles": ["Billing", "Member"]}], ids=str)
@pytest.mark.parametrize("era", ERAS)
def test_three_runs_send_one_email_in_every_kind_of_organization(run, simulator, era, roles):
    simulator.configure(organization_era=era)
    results = [run("invitation", email=ALICE, renew_before=renew, **roles) for renew in ("0s", "12h", "30d")]
    if (era == "legacy" and "roles" in roles) or (era == "migrated_rejects" and "role" in roles):
        assert {result["error"]["status"] for result in results} == {400}
        assert ("use roles instead of role" in results[0]["msg"]) == (era == "migrated_rejects")
        assert emails_to(simulator) == 0
    else:
        assert [result["action"] for result in results] == ["created", "unchanged", "unchanged"]
        assert emails_to(simulator) == 1


def test_replacement_by_the_legacy_role_works_in_a_migrated_organization(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.invite(ALICE, role_names=["Developer"])
    results = [run("invitation", email=ALICE, role="admin") for _run in range(3)]
    assert [result["action"] for result in results] == ["replaced", "unchanged", "unchanged"]
    assert role_names(simulator.invitations[0]) == ["Admin"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("roles", [{"role": "admin"}, {"roles": ["Admin"]}], ids=str)
def test_members_roles_change_in_every_kind_of_organization(run, simulator, era, roles):
    if era == "legacy" and "roles" in roles:
        pytest.skip("it has no roles but the legacy one")
    simulator.configure(organization_era=era)
    simulator.add_member(ALICE, role="developer")
    results = [run("membership", email=ALICE, **roles) for _run in range(2)]
    assert [result["action"] for result in results] == ["updated", "unchanged"]
    simulator.configure(organization_era="custom_roles_available")
    assert members_now(simulator)[ALICE] == ["Admin"]
    assert calls(simulator).count(UPDATE) == 1


# --- stale reads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has", [None, "invited"])
def test_stale_list_does_not_get_an_invitation_sent_twice(run, simulator, has):
    if has:
        simulator.invite(ALICE, role="admin")
    simulator.configure(stale_reads=2)
    simulator.order_fault("disconnect", operation=CREATE, applied=True)
    result = run("invitation", **DEVELOPER)
    assert result["action"] == ("replaced" if has else "created")
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("ambiguous", [False, True])
def test_stale_list_that_shows_a_replaced_invitation_gets_nobody_invited_twice(run, simulator, expired, ambiguous):
    simulator.configure(second_invitation="allow")
    simulator.invite(ALICE, role="admin", expired=expired)
    simulator.configure(stale_reads=1)
    sent = run("invitation", **DEVELOPER)["invitation"]
    if ambiguous:
        simulator.order_fault("disconnect", operation=DELETE)
    assert run("invitation", **DEVELOPER)["invitation"]["id"] == sent["id"]
    assert invitations_of(simulator) == [sent["id"]]
    assert emails_to(simulator) == 1


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("invitation", ABSENT),
        ("invitations", {"emails": [BOB], "role": "developer", "purge": True}),
        ("membership", ABSENT),
    ],
)
@pytest.mark.parametrize("ambiguous", [False, True])
def test_stale_list_that_shows_a_replaced_invitation_leaves_nobody_in(run, simulator, module, options, ambiguous):
    simulator.invite(BOB, role="developer")
    simulator.invite(ALICE, role="admin")
    simulator.configure(stale_reads=2)
    run("invitation", **DEVELOPER)
    if ambiguous:
        simulator.order_fault("disconnect", operation=DELETE)
    result = run(module, **options)
    assert result["changed"]
    assert invitations_of(simulator) == []


def test_update_that_is_shown_late_is_verified_for_all_people_together(run, simulator, clock):
    simulator.configure(patch_stale_reads=2)
    people = [f"person{number}@example.com" for number in range(20)]
    for email in people:
        simulator.add_member(email)
    result = run("memberships", emails=people, roles=["Billing"])
    assert (result["summary"]["updated"], result["warnings"]) == (20, [])
    assert calls(simulator).count(MEMBERS) <= 4
    assert sum(clock.slept) <= 10


# --- races -----------------------------------------------------------------------------------------------------------


class Race(NamedTuple):
    """Somebody else does this for Alice right before or after a call, and what the task tells then."""

    module: str
    options: dict[str, Any]
    has: str | None
    operation: str
    action: str
    parameters: dict[str, Any]
    told: str
    words: str = ""
    stale_reads: int = 0


BILLING = {"email": ALICE, "roles": ["Billing"]}
RACES = {
    "same invitation": Race("invitation", DEVELOPER, None, CREATE, "invite", {"role": "developer"}, "unchanged"),
    "other invitation": Race(
        "invitation", DEVELOPER, None, CREATE, "invite", {"role": "admin"}, "failed", "somebody else sent at the same"
    ),
    "joins while invited": Race("invitation", DEVELOPER, None, CREATE, "add_member", {}, "member"),
    "joins while invited, listed late": Race(
        "invitation", DEVELOPER, None, CREATE, "add_member", {}, "member", stale_reads=2
    ),
    "joins while replaced": Race("invitation", DEVELOPER, "invited", DELETE, "accept", {}, "member"),
    "joins while revoked": Race("invitation", ABSENT, "invited", DELETE, "accept", {}, "absent"),
    "revoked while revoked": Race("invitation", ABSENT, "invited", DELETE, "delete", {}, "absent"),
    "joins with other roles while invited": Race(
        "membership", BILLING, None, CREATE, "add_member", {"role_names": ["Member"]}, "updated"
    ),
    "joins with other roles while replaced": Race("membership", BILLING, "invited", DELETE, "accept", {}, "updated"),
    "joins while access is taken": Race("membership", ABSENT, "invited", DELETE, "accept", {}, "removed"),
    "removed while updated": Race(
        "membership", BILLING, "joined", UPDATE, "remove_member", {}, "failed", "rejected the request (404"
    ),
    "removed while removed": Race("membership", ABSENT, "joined", REMOVE, "remove_member", {}, "absent"),
    "comes back while removed": Race("membership", ABSENT, "both", DELETE, "add_member", {}, "removed"),
    "updated before": Race("membership", BILLING, "joined", UPDATE, "update_member", {"role_names": []}, "updated"),
    "updated after": Race(
        "membership",
        BILLING,
        "joined",
        UPDATE,
        "update_member",
        {"role_names": ["Member"], "moment": "after"},
        "updated",
        "could not be verified",
    ),
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_race_is_told_as_it_ended(run, simulator, race):
    if race.has in ("joined", "both"):
        simulator.add_member(ALICE)
    if race.has in ("invited", "both"):
        simulator.invite(ALICE, role="admin")
    simulator.configure(stale_reads=race.stale_reads)
    simulator.order_fault("race", operation=race.operation, action=race.action, **race.parameters)
    result = run(race.module, **race.options)
    assert result.get("action", "failed") == race.told
    assert result["changed"] == (race.told in ("updated", "removed"))
    assert race.words in f"{result.get('msg')} {result['warnings']}"
    assert emails_to(simulator) == (1 if race.action == "invite" else 0)


def test_other_invitation_in_place_of_a_replaced_one_is_a_failure(run, simulator):
    simulator.configure(second_invitation="allow")
    simulator.invite(ALICE, role="admin")
    simulator.order_fault("race", operation=DELETE, action="delete")
    simulator.order_fault("race", operation=LIST, skip=1, action="invite", email=ALICE, role_names=["Billing"])
    result = run("invitation", **DEVELOPER)
    assert (result["failed"], result["changed"]) == (True, False)
    assert "with other roles (Billing)" in result["msg"]
    assert invitations_of(simulator) == [result["invitation"]["id"]]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_last_administrator_whom_the_api_keeps_does_not_stop_the_others(run, simulator, status, state):
    simulator.configure(last_admin_status=status)
    simulator.add_member(ALICE, role="admin")
    simulator.add_member(BOB)
    operation = UPDATE if state == "present" else REMOVE
    # The other administrator is demoted by somebody else at the same moment.
    simulator.order_fault("race", operation=operation, action="update_member", email=EVE, role_names=["Developer"])
    result = run("memberships", emails=[ALICE, BOB], state=state, roles=["Billing"])
    assert actions(result) == {ALICE: "failed", BOB: "updated" if state == "present" else "removed"}
    assert "at least one admin" in result["msg"]
    assert members_now(simulator)[ALICE] == ["Admin"]


# --- shared waits ----------------------------------------------------------------------------------------------------

PEOPLE = [f"person{number}@example.com" for number in range(50)]


@pytest.mark.parametrize("lag", [0.0, 2.0])
@pytest.mark.parametrize(
    ("dropped", "every", "applied", "seconds"),
    [(5, 10, [False], 7), (20, 2, [False], 7), (20, 3, [False], 14), (20, 2, [True, False], 7)],
    ids=["5", "20", "20, resent ones too", "20, half of them applied"],
)
def test_dropped_posts_are_waited_for_together(run, simulator, clock, lagging, dropped, every, applied, seconds, lag):
    lagging(lag)
    for _order, takes_effect in zip(range(dropped), itertools.cycle(applied)):
        simulator.order_fault("disconnect", operation=CREATE, skip=every - 1, applied=takes_effect)
    result = run("invitations", emails=PEOPLE, roles=["Developer"])
    assert simulator.waiting_faults == []
    assert result["summary"]["created"] == 50
    assert sum(clock.slept) <= seconds
    assert sorted(each["email"] for each in simulator.emails) == sorted(PEOPLE)
