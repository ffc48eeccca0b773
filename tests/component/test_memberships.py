# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of a person's access against the simulator: invited, joined, given other roles, removed; guards, races."""

from __future__ import annotations

import pytest
from component.harness import (
    ANN,
    BOB,
    CAT,
    CREATE,
    DAN,
    DAY,
    DELETE,
    EVE,
    MEMBERS,
    REMOVE,
    UPDATE,
    calls,
    emails_to,
    members_now,
    others_now,
    returned_role_names,
    role_names,
)
from component.invariants import access

ADMIN_EVE = {"email": EVE, "role": "admin"}


def actions(result):
    return {change["email"]: change["action"] for change in result["changes"]}


# --- one person ------------------------------------------------------------------------------------------------------


def test_one_statement_holds_from_the_invitation_to_the_removal(run, simulator):
    simulator.add_member(EVE, role="admin")
    invited = run.membership(roles=["Billing"])
    assert (invited["action"], invited["state"]) == ("created", "invited")
    waiting = run.membership(roles=["Billing"])
    assert (waiting["action"], waiting["state"]) == ("unchanged", "invited")
    simulator.accept(ANN)
    joined = run.membership(roles=["Billing"])
    assert (joined["action"], joined["state"], joined["changed"]) == ("unchanged", "member", False)
    updated = run.membership(roles=["Member", "Billing"])
    assert (updated["action"], updated["state"], updated["changed"]) == ("updated", "member", True)
    assert returned_role_names(updated["member"]) == ["Billing", "Member"]
    assert updated["diff"] == {"before": "ann@example.com: Billing\n", "after": "ann@example.com: Billing, Member\n"}
    assert members_now(simulator)[ANN] == ["Billing", "Member"]
    assert run.membership(roles=["Member", "Billing"])["action"] == "unchanged"
    removed = run.membership(state="absent")
    assert (removed["action"], removed["state"]) == ("removed", "absent")
    assert removed["member"]["email"] == ANN
    assert removed["diff"] == {"before": "ann@example.com: Billing, Member\n", "after": ""}
    assert list(members_now(simulator)) == [EVE]
    absent = run.membership(state="absent")
    assert (absent["action"], absent["state"], absent["changed"]) == ("absent", "absent", False)
    assert emails_to(simulator) == 1


def test_open_invitations_are_revoked_with_the_membership(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN)
    for expired in (False, True):
        simulator.invite(ANN, role="admin", expired=expired)
    result = run.membership(state="absent")
    assert result["action"] == "removed"
    assert simulator.invitations == []
    assert list(members_now(simulator)) == [EVE]


def test_member_is_removed_by_user_id(run, simulator):
    simulator.add_member(EVE, role="admin")
    member = simulator.add_member("Ann@example.com")
    simulator.invite(ANN, role="admin")
    by_id = {"user_id": member["userId"].upper(), "state": "absent"}
    result = run("membership", **by_id)
    assert result["action"] == "removed"
    assert result["member"]["email"] == ANN
    assert simulator.invitations == []
    assert run("membership", **by_id)["action"] == "absent"
    assert list(members_now(simulator)) == [EVE]


def test_both_accounts_of_a_person_are_removed_but_by_user_id_only_one(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN)
    for _turn in range(2):
        account = simulator.add_member(ANN, account="sso")
        run("membership", user_id=account["userId"], state="absent")
        assert list(members_now(simulator)) == [EVE, ANN]
    simulator.add_member(ANN, account="sso")
    assert run.memberships(ADMIN_EVE, purge=True, purge_limit="1")["summary"]["removed"] == 1
    assert [member["email"] for member in simulator.members] == [EVE]


@pytest.mark.parametrize(
    ("era", "roles"),
    [
        ("legacy", {"role": "admin"}),
        ("custom_roles_available", {"role": "admin"}),
        ("migrated_rejects", {"role": "admin"}),
        ("migrated_frozen", {"role": "admin"}),
        ("migrated_frozen", {"roles": ["Admin"]}),
    ],
    ids=str,
)
def test_members_roles_change_in_every_kind_of_organization(run, simulator, era, roles):
    simulator.configure(organization_era=era)
    simulator.add_member(ANN, role="developer")
    results = [run.membership(**roles) for _run in range(2)]
    assert [result["action"] for result in results] == ["updated", "unchanged"]
    simulator.configure(organization_era="custom_roles_available")
    assert others_now(simulator) == {ANN: ["Admin"]}
    assert calls(simulator).count(UPDATE) == 1
    assert simulator.emails == []


def test_resend_reaches_invited_people_and_leaves_members_alone(run, simulator):
    simulator.add_member(BOB)
    run.memberships(ANN, BOB)
    result = run.memberships(ANN, BOB, resend=True)
    assert actions(result) == {ANN: "renewed"}
    assert emails_to(simulator) == 2


# --- a roster --------------------------------------------------------------------------------------------------------


def test_purge_makes_the_roster_the_access_list(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(BOB, role_names=["Billing"])
    simulator.add_member(CAT)
    simulator.invite(DAN, role="admin")
    roster = [ADMIN_EVE, {"email": BOB, "roles": ["Member"]}, ANN]
    result = run.memberships(*roster, purge=True, purge_limit="50%")
    assert actions(result) == {ANN: "created", BOB: "updated", CAT: "removed", DAN: "deleted"}
    assert result["diff"] == {
        "before": f"{BOB}: Billing\n{CAT}: Developer\n{DAN}: Admin\n",
        "after": f"{ANN}: Developer\n{BOB}: Member\n",
    }
    assert members_now(simulator) == {EVE: ["Admin"], BOB: ["Member"]}
    assert [invitation["email"] for invitation in simulator.invitations] == [ANN]
    assert not run.memberships(*roster, purge=True)["changed"]


def test_access_is_granted_before_it_is_taken(run, simulator):
    simulator.reset(founder=ANN)
    simulator.add_member(BOB)
    simulator.add_member(CAT)
    simulator.add_member(DAN, role_names=["Billing"])
    roster = [{"email": ANN, "role": "developer"}, {"email": BOB, "role": "admin"}, {"email": DAN, "role": "developer"}]
    result = run.memberships(*roster, EVE, purge=True)
    assert actions(result) == {ANN: "updated", BOB: "updated", CAT: "removed", DAN: "updated", EVE: "created"}
    writes = [
        (request["operation"], request["path"].rpartition("/")[2])
        for request in simulator.requests
        if request["operation"] in (CREATE, UPDATE, REMOVE)
    ]
    ids = {member["email"]: member["userId"] for member in simulator.members}
    assert writes[0] == (UPDATE, ids[BOB])
    assert writes.index((CREATE, "invitations")) < writes.index((UPDATE, ids[ANN])) < len(writes) - 1
    assert writes[-1][0] == REMOVE


NO_ADMIN = "no member would have the system role Admin"
UNSAFE = {
    "purge_limit": ([ADMIN_EVE, ANN], {"purge": True}, "purge would take access from 2 of 4 people"),
    "administrator not listed": ([ANN, BOB, CAT], {"purge": True}, NO_ADMIN),
    "administrator demoted": ([EVE], {}, NO_ADMIN),
    "administrator absent": ([EVE], {"state": "absent"}, NO_ADMIN),
    "empty roster": ([], {"purge": True}, "the roster is empty"),
}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("people", "options", "words"), UNSAFE.values(), ids=UNSAFE)
def test_unsafe_plan_fails_before_anything_is_written(run, simulator, people, options, words, check):
    simulator.configure(last_admin="allow")
    simulator.add_member(EVE, role="admin")
    for email in (ANN, BOB):
        simulator.add_member(email)
    simulator.invite(CAT, role="developer")
    before = access(simulator.state)
    result = run.memberships(*people, check=check, **options)
    assert words in result["msg"]
    assert result["error"]["status"] is None
    assert access(simulator.state) == before


def test_excluded_people_are_not_purged(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(BOB)
    simulator.invite(CAT, role="developer")
    result = run.memberships(ADMIN_EVE, purge=True, purge_exclude=["BOB@example.com", CAT])
    assert result["changes"] == []
    assert list(members_now(simulator)) == [EVE, BOB]


@pytest.mark.parametrize(
    ("date", "host"), [(30, 0), (-30, 0), (0, 30), (0, -30)], ids=["Date fast", "Date slow", "host fast", "host slow"]
)
def test_wrong_clock_sends_no_email_twice_and_takes_no_access(run, simulator, clock, date, host):
    simulator.add_member(EVE, role="admin")
    simulator.invite(BOB, role="developer")
    simulator.invite(CAT, role="developer")
    simulator.configure(date_offset=date * DAY)
    clock.slept.append(host * DAY)
    for _run in range(3):
        run.memberships(ADMIN_EVE, ANN, BOB)
    assert [email["email"] for email in simulator.emails] == [ANN]
    result = run.memberships(ADMIN_EVE, ANN, BOB, purge=True, purge_limit="0")
    assert f"purge would take access from 1 of 4 people, and purge_limit (0) allows 0: {CAT}." in result["msg"]


def test_rejected_person_does_not_stop_the_others(run, simulator):
    simulator.add_member(EVE, role="admin")
    members = [simulator.add_member(email) for email in (ANN, BOB, CAT)]
    simulator.order_fault("status", operation=UPDATE, status=400, body="envelope", skip=1, times=1)
    simulator.order_fault("status", operation=REMOVE, status=400, body="envelope")
    roster = [ADMIN_EVE, *({"email": email, "roles": ["Billing"]} for email in (ANN, BOB))]
    result = run.memberships(*roster, DAN, purge=True)
    assert result["failed"]
    assert result["changed"]
    assert sorted(actions(result).values()) == ["created", "failed", "failed", "updated"]
    assert actions(result)[CAT] == "failed"
    assert members_now(simulator)[CAT] == role_names(members[2])
    assert actions(run.memberships(*roster, DAN, purge=True)) == {BOB: "updated", CAT: "removed"}


# --- eventual consistency --------------------------------------------------------------------------------------------


def test_update_that_is_shown_late_is_verified_for_all_people_together(run, simulator, clock):
    simulator.configure(patch_stale_reads=2)
    people = [f"person{number}@example.com" for number in range(20)]
    for email in people:
        simulator.add_member(email)
    result = run.memberships(*people, roles=["Billing"])
    assert result["summary"]["updated"] == 20
    assert result["warnings"] == []
    assert {tuple(returned_role_names(change["member"])) for change in result["changes"]} == {("Billing",)}
    assert calls(simulator).count(MEMBERS) <= 4
    assert sum(clock.slept) <= 10
    assert run.memberships(*people, roles=["Billing"])["changes"] == []


@pytest.mark.parametrize("before", [["Member"], []])
def test_update_that_is_not_shown_for_30_seconds_is_a_warning(run, simulator, clock, before):
    simulator.configure(patch_lag=3600.0)
    simulator.add_member(ANN)
    simulator.update_member(ANN, role_names=before)
    result = run.membership(roles=["Billing"])
    assert result["action"] == "updated"
    assert not result.get("failed")
    assert [warning for warning in result["warnings"] if "accepted the new roles of ann@example.com" in warning]
    assert 30 <= sum(clock.slept) <= 45
    assert others_now(simulator) == {ANN: ["Billing"]}


def test_removed_member_who_comes_back_through_single_sign_on_is_removed_by_the_next_run(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN, role="admin")
    assert run.membership(state="absent")["action"] == "removed"
    simulator.sign_on(ANN)
    assert run.membership_info(emails=[ANN])["memberships"][0]["state"] == "member"
    assert actions(run.memberships(ADMIN_EVE, purge=True, purge_limit="1")) == {ANN: "removed"}
    assert list(members_now(simulator)) == [EVE]


def test_person_who_comes_back_between_the_requests_is_reported_as_removed(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN)
    simulator.invite(ANN, role="developer")
    simulator.order_fault("race", operation=DELETE, action="add_member")
    assert run.membership(state="absent")["action"] == "removed"
    again = run.membership(state="absent")
    assert again["action"] == "removed"
    assert list(members_now(simulator)) == [EVE]


# --- races -----------------------------------------------------------------------------------------------------------


def test_member_who_was_removed_by_somebody_else_is_not_updated(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN)
    simulator.order_fault("race", operation=UPDATE, action="remove_member")
    result = run.membership(roles=["Billing"])
    assert result["failed"]
    assert not result["changed"]
    assert "ClickHouse Cloud rejected the request (404" in result["msg"]
    assert run.membership(roles=["Billing"])["action"] == "created"


def test_member_who_was_removed_by_somebody_else_is_absent(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN)
    simulator.order_fault("race", operation=REMOVE, action="remove_member")
    result = run.membership(state="absent")
    assert (result["action"], result["changed"], result.get("failed")) == ("absent", False, None)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_desired_roles_win_over_another_update_only_before_this_one(run, simulator, moment):
    simulator.add_member(ANN)
    simulator.order_fault("race", operation=UPDATE, action="update_member", role_names=["Member"], moment=moment)
    result = run.membership(roles=["Billing"])
    assert result["action"] == "updated"
    assert bool(result["warnings"]) == (moment == "after")
    assert others_now(simulator) == {ANN: ["Billing"] if moment == "before" else ["Member"]}


def test_person_who_joins_while_being_invited_gets_the_roles(run, simulator):
    simulator.order_fault("race", operation=CREATE, action="add_member", role_names=["Member"])
    result = run.membership(roles=["Billing"])
    assert (result["action"], result["state"]) == ("updated", "member")
    assert result["invitation"] is None
    assert others_now(simulator) == {ANN: ["Billing"]}
    assert simulator.emails == []


def test_person_who_joins_while_being_replaced_gets_the_roles(run, simulator):
    simulator.invite(ANN, role="developer")
    simulator.order_fault("race", operation=DELETE, action="accept")
    result = run.membership(roles=["Billing"])
    assert (result["action"], result["state"]) == ("updated", "member")
    assert others_now(simulator) == {ANN: ["Billing"]}
    assert simulator.emails == []


def test_person_who_joins_while_being_revoked_is_removed(run, simulator):
    simulator.add_member(EVE, role="admin")
    simulator.invite(ANN, role="developer")
    simulator.order_fault("race", operation=DELETE, action="accept")
    result = run.membership(state="absent")
    assert result["action"] == "removed"
    assert list(members_now(simulator)) == [EVE]
    assert simulator.invitations == []


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_last_administrator_is_rejected_by_the_api_without_stopping_the_others(run, simulator, status, state):
    """The other administrator is demoted by somebody else at the same moment."""
    simulator.configure(last_admin_status=status)
    for email in (ANN, EVE):
        simulator.add_member(email, role="admin")
    simulator.add_member(BOB)
    operation = UPDATE if state == "present" else REMOVE
    simulator.order_fault("race", operation=operation, action="update_member", email=EVE, role="developer")
    roles = {"role": "developer"} if state == "present" else {}
    people = [ANN, BOB] if state == "absent" else [ANN, {"email": BOB, "roles": ["Billing"]}, CAT]
    result = run.memberships(*people, state=state, **roles)
    assert result["failed"]
    assert actions(result)[ANN] == "failed"
    assert "at least one admin" in result["msg"]
    assert set(actions(result).values()) == {"failed", *(["updated", "created"] if state == "present" else ["removed"])}
    assert members_now(simulator)[ANN] == ["Admin"]


def test_administrator_stays_if_the_new_one_cannot_be_made(run, simulator):
    simulator.configure(last_admin="allow")
    simulator.add_member(EVE, role="admin")
    simulator.add_member(ANN)
    simulator.order_fault("status", operation=UPDATE, status=409, body="envelope")
    result = run.memberships({"email": ANN, "role": "admin"}, purge=True)
    assert result["failed"]
    assert actions(result) == {ANN: "failed", EVE: "failed"}
    assert members_now(simulator)[EVE] == ["Admin"]
