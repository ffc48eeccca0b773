# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of an invitation against the simulator: sent, accepted, replaced, renewed, revoked; stale reads, races."""

from __future__ import annotations

import itertools

import pytest
from component.harness import (
    ANN,
    BOB,
    CREATE,
    DAY,
    DELETE,
    LIST,
    MEMBERS,
    calls,
    emails_to,
    invitations_of,
    others_now,
    returned_role_names,
    role_names,
)

ERAS = ["custom_roles_available", "legacy", "migrated_rejects", "migrated_frozen"]


def role_id(simulator, name):
    return next(role["id"] for role in simulator.roles if role["name"] == name)


# --- created and unchanged -------------------------------------------------------------------------------------------


def test_person_is_invited_once(run, simulator):
    first = run.invitation(" Ann@Example.COM ", roles=["Admin"])
    assert first["changed"]
    assert first["action"] == "created"
    assert first["member"] is None
    (invitation,) = simulator.invitations
    assert first["invitation"] == {
        "id": invitation["id"],
        "email": ANN,
        "role": "developer",
        "assigned_roles": [{"role_id": role_id(simulator, "Admin"), "role_name": "Admin", "role_type": "system"}],
        "created_at": invitation["createdAt"],
        "expire_at": invitation["expireAt"],
        "expired": False,
    }
    again = run.invitation(roles=["Admin"])
    assert not again["changed"]
    assert again["action"] == "unchanged"
    assert again["invitation"] == first["invitation"]
    assert emails_to(simulator) == 1


def test_check_mode_predicts_an_invitation_and_sends_none(run, simulator):
    predicted = run.invitation(roles=["Billing"], check=True)
    assert predicted["changed"]
    assert predicted["action"] == "created"
    assert predicted["invitation"] == {
        "id": None,
        "email": ANN,
        "role": None,
        "assigned_roles": [{"role_id": role_id(simulator, "Billing"), "role_name": "Billing", "role_type": "system"}],
        "created_at": None,
        "expire_at": None,
        "expired": False,
    }
    assert predicted["diff"] == {"before": "", "after": "ann@example.com: Billing\n"}
    assert simulator.invitations == []


@pytest.mark.parametrize("roles", [{"role": "developer"}, {"role": "admin"}, {"roles": ["Billing", "Member"]}], ids=str)
@pytest.mark.parametrize("era", ERAS)
def test_three_runs_send_one_email_in_every_kind_of_organization(run, simulator, era, roles):
    simulator.configure(organization_era=era)
    results = [run.invitation("Ann@Example.com", renew_before=renew, **roles) for renew in ("0s", "12h", "30d")]
    if (era == "legacy" and "roles" in roles) or (era == "migrated_rejects" and "role" in roles):
        assert {result["error"]["status"] for result in results} == {400}
        assert emails_to(simulator) == 0
    else:
        assert [result["action"] for result in results] == ["created", "unchanged", "unchanged"]
        assert emails_to(simulator) == 1


# --- members ---------------------------------------------------------------------------------------------------------


def test_member_is_not_invited(run, simulator):
    run.invitation(roles=["Billing"])
    simulator.accept(ANN)
    result = run.invitation(roles=["Billing"])
    assert not result["changed"]
    assert result["action"] == "member"
    assert result["invitation"] is None
    assert result["member"]["user_id"] == simulator.members[-1]["userId"]
    assert result["warnings"] == []
    assert emails_to(simulator) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_member_whom_the_key_cannot_see_is_rejected_by_the_api(run, simulator, status):
    simulator.configure(member_invitation_status=status)
    simulator.order_fault("status", status=403, body="envelope", operation=MEMBERS, times=None)
    simulator.add_member(ANN)
    result = run.invitation()
    assert result["failed"]
    assert not result["changed"]
    assert "already a member" in result["msg"]
    assert result["error"]["status"] == status


def test_revoking_neither_reads_nor_touches_members(run, simulator):
    simulator.add_member(ANN)
    result = run.invitation(state="absent")
    assert not result["changed"]
    assert result["action"] == "absent"
    assert calls(simulator) == [LIST]
    assert list(others_now(simulator)) == [ANN]


def test_member_who_joined_beside_an_invitation_keeps_membership_when_it_is_revoked(run, simulator):
    invitation = simulator.invite(ANN, role="developer")
    simulator.add_member(ANN)
    assert run.invitation()["action"] == "unchanged"
    assert run.invitation(state="absent")["invitation"]["id"] == invitation["id"]
    assert run.invitation()["action"] == "member"


# --- replaced --------------------------------------------------------------------------------------------------------


def test_other_roles_replace_the_invitation(run, simulator):
    first = run.invitation(roles=["Billing"])
    result = run.invitation(roles=["Member"])
    assert result["changed"]
    assert result["action"] == "replaced"
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert result["invitation"]["id"] != first["invitation"]["id"]
    assert returned_role_names(result["invitation"]) == ["Member"]
    assert result["diff"] == {"before": "ann@example.com: Billing\n", "after": "ann@example.com: Member\n"}
    assert emails_to(simulator) == 2


def test_rejected_replacement_is_rolled_back(run, simulator):
    simulator.invite(ANN, role_names=["Billing", "Member"])
    simulator.order_fault("status", operation=CREATE, status=400, body="envelope", times=2)
    result = run.invitation(roles=["Admin"])
    assert result["failed"]
    assert result["changed"]
    assert "with Billing, Member, was restored, which sent another email" in result["msg"]
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert role_names(simulator.invitations[0]) == ["Billing", "Member"]
    assert emails_to(simulator) == 1


def test_rejected_replacement_that_cannot_be_rolled_back_names_the_roles_of_before(run, simulator):
    simulator.invite(ANN, role_names=["Billing", "Member"])
    simulator.order_fault("status", operation=CREATE, status=400, body="envelope", times=None)
    result = run.invitation(roles=["Admin"])
    assert result["failed"]
    assert result["changed"]
    assert f"{ANN} has no invitation now" in result["msg"]
    assert "Billing, Member" in result["msg"]
    assert simulator.invitations == []
    simulator.faults.forget()
    assert run.invitation(roles=["Admin"])["action"] == "created"


def test_replacing_and_revoking_leave_none_of_several_invitations(run, simulator):
    for expired in (True, False, False):
        simulator.invite(ANN, role="admin", expired=expired)
    simulator.invite(BOB, role="developer")
    result = run.invitation()
    assert result["action"] == "replaced"
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    simulator.invite(ANN, role="admin")
    result = run.invitation("ANN@example.com", state="absent")
    assert result["action"] == "deleted"
    assert [invitation["email"] for invitation in simulator.invitations] == [BOB]
    assert emails_to(simulator) == 1


# --- renewed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", ["allow", "reject"])
def test_expired_invitation_is_renewed(run, simulator, beside):
    simulator.configure(second_beside_expired=beside)
    run.invitation()
    simulator.expire(ANN)
    result = run.invitation()
    assert result["changed"]
    assert result["action"] == "renewed"
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert result["diff"] == {"before": "", "after": "ann@example.com: Developer\n"}
    assert run.invitation()["action"] == "unchanged"
    assert emails_to(simulator) == 2


def test_expired_invitation_that_is_not_listed_is_created_again(run, simulator):
    simulator.configure(list_expired=False)
    run.invitation()
    simulator.expire(ANN)
    assert run.invitation(state="absent")["action"] == "absent"
    assert run.invitation()["action"] == "created"
    assert run.invitation()["action"] == "unchanged"
    assert emails_to(simulator) == 2


def test_invitation_is_renewed_once_before_it_expires(run, simulator):
    simulator.invite(ANN, role="developer", expires_in=10 * 3600.0)
    assert run.invitation(renew_before="9h")["action"] == "unchanged"
    result = run.invitation(renew_before="11h")
    assert result["action"] == "renewed"
    assert result["diff"]["before"] == result["diff"]["after"] == "ann@example.com: Developer\n"
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert run.invitation(renew_before="11h")["action"] == "unchanged"
    assert emails_to(simulator) == 1


def test_resend_sends_an_email_at_every_run_but_not_to_members(run, simulator):
    run.invitations(ANN, BOB)
    simulator.accept(BOB)
    for _run in range(2):
        result = run.invitations(ANN, BOB, resend=True)
        assert [(change["email"], change["action"]) for change in result["changes"]] == [(ANN, "renewed")]
    assert len(invitations_of(simulator)) == 1
    assert (emails_to(simulator, ANN), emails_to(simulator, BOB)) == (3, 1)


# --- migrated organizations ------------------------------------------------------------------------------------------


def test_migrated_organization_rejects_the_legacy_role_with_a_hint(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    result = run.invitation(role="developer")
    assert result["failed"]
    assert "has migrated to custom roles: use roles instead of role, role_info lists them" in result["msg"]
    assert simulator.emails == []


def test_replacement_by_the_legacy_role_works_in_a_migrated_organization(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.invite(ANN, role_names=["Developer"])
    results = [run.invitation(role="admin") for _run in range(3)]
    assert [result["action"] for result in results] == ["replaced", "unchanged", "unchanged"]
    assert role_names(simulator.invitations[0]) == ["Admin"]
    assert emails_to(simulator) == 1


# --- stale reads -----------------------------------------------------------------------------------------------------


def test_stale_list_does_not_get_an_invitation_sent_twice(run, simulator):
    simulator.configure(stale_reads=3)
    simulator.order_fault("disconnect", operation=CREATE, applied=True)
    result = run.invitation()
    assert result["action"] == "created"
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


@pytest.mark.parametrize("expired", [False, True])
def test_stale_list_that_still_shows_a_replaced_invitation_gets_nobody_invited_twice(run, simulator, expired):
    simulator.configure(second_invitation="allow")
    simulator.invite(ANN, role="admin", expired=expired)
    simulator.configure(stale_reads=1)
    assert run.invitation()["action"] == ("renewed" if expired else "replaced")
    result = run.invitation()
    assert result["action"] == "unchanged"
    assert not result["changed"]
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_stale_list_and_an_ambiguous_revocation_get_nobody_invited_twice(run, simulator):
    simulator.configure(second_invitation="allow")
    simulator.invite(ANN, role="admin")
    simulator.configure(stale_reads=1)
    sent = run.invitation()["invitation"]
    simulator.order_fault("disconnect", operation=DELETE)
    assert run.invitation()["invitation"]["id"] == sent["id"]
    assert invitations_of(simulator) == [sent["id"]]
    assert emails_to(simulator) == 1


@pytest.mark.parametrize(
    "revoke",
    [
        lambda run: run.invitation(state="absent"),
        lambda run: run.invitations(ANN, state="absent"),
        lambda run: run.invitations(BOB, purge=True),
        lambda run: run.membership(state="absent"),
    ],
    ids=["one", "roster", "purge", "membership"],
)
@pytest.mark.parametrize("ambiguous", [False, True])
def test_stale_list_that_still_shows_a_replaced_invitation_leaves_nobody_invited(run, simulator, revoke, ambiguous):
    simulator.invite(BOB, role="developer")
    simulator.invite(ANN, role="admin")
    simulator.configure(stale_reads=2)
    sent = run.invitation()["invitation"]
    if ambiguous:
        simulator.order_fault("disconnect", operation=DELETE)
    result = revoke(run)
    (change,) = result.get("changes", [result])
    assert change["action"] == "deleted"
    assert change["invitation"]["id"] == sent["id"]
    assert result["changed"]
    assert invitations_of(simulator) == []


def test_revoked_invitation_that_is_still_listed_is_not_taken_for_the_new_one(run, simulator):
    old = simulator.invite(ANN, role="admin")
    simulator.configure(stale_reads=2)
    simulator.order_fault("disconnect", operation=CREATE, applied=True)
    result = run.invitation()
    assert result["action"] == "replaced"
    assert result["invitation"]["id"] != old["id"]
    assert invitations_of(simulator) == [result["invitation"]["id"]]


def test_invitation_is_revoked_by_id(run, simulator):
    invitation = simulator.invite(ANN, role="developer")
    other = simulator.invite(ANN, role="developer", expires_in=DAY)
    result = run("invitation", invitation_id=invitation["id"], state="absent")
    assert result["action"] == "deleted"
    assert result["invitation"]["email"] == ANN
    assert run("invitation", invitation_id=invitation["id"], state="absent")["action"] == "absent"
    assert run.invitation_info(invitation_id=invitation["id"])["invitations"] == []
    assert invitations_of(simulator) == [other["id"]]


# --- races -----------------------------------------------------------------------------------------------------------


def test_same_invitation_by_somebody_else_counts_as_unchanged(run, simulator):
    simulator.order_fault("race", operation=CREATE, action="invite", role="developer")
    result = run.invitation()
    assert result["action"] == "unchanged"
    assert not result["changed"]
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_other_invitation_by_somebody_else_is_a_failure(run, simulator):
    simulator.order_fault("race", operation=CREATE, action="invite", role="admin")
    result = run.invitation()
    assert result["failed"]
    assert "other roles (Admin), which somebody else sent at the same time" in result["msg"]
    assert result["error"]["status"] == 409
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_other_invitation_by_somebody_else_in_place_of_a_replaced_one_is_a_failure(run, simulator):
    simulator.configure(second_invitation="allow")
    simulator.invite(ANN, role="admin")
    simulator.order_fault("race", operation=DELETE, action="delete")
    simulator.order_fault("race", operation=LIST, skip=1, action="invite", email=ANN, role_names=["Billing"])
    result = run.invitation()
    assert result["failed"]
    assert not result["changed"]
    assert "with other roles (Billing)" in result["msg"]
    assert invitations_of(simulator) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_member_who_joins_while_being_invited_and_is_listed_late_is_no_failure(run, simulator):
    simulator.configure(stale_reads=2)
    simulator.order_fault("race", operation=CREATE, action="add_member")
    result = run.invitation()
    assert result["action"] == "member"
    assert not result["changed"]


def test_person_who_joins_while_being_replaced_is_a_member(run, simulator):
    simulator.invite(ANN, role="admin")
    simulator.order_fault("race", operation=DELETE, action="accept")
    result = run.invitation()
    assert result["action"] == "member"
    assert result["member"]["email"] == ANN
    assert not result["changed"]
    assert emails_to(simulator) == 0


@pytest.mark.parametrize("action", ["accept", "delete"])
def test_invitation_that_is_gone_while_being_revoked_is_absent(run, simulator, action):
    simulator.invite(ANN, role="admin")
    simulator.order_fault("race", operation=DELETE, action=action)
    result = run.invitation(state="absent")
    assert not result.get("failed")
    assert not result["changed"]
    assert result["action"] == "absent"
    assert simulator.invitations == []


# --- shared waits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0.0, 2.0])
@pytest.mark.parametrize(
    ("dropped", "every", "seconds"), [(5, 10, 7), (20, 2, 7), (20, 3, 14)], ids=["5", "20", "20, resent ones too"]
)
def test_dropped_posts_are_waited_for_together(run, simulator, clock, lagging, dropped, every, seconds, lag):
    """The simulated seconds slept for 50 people are those of one or two shared rounds of re-reads."""
    lagging(lag)
    for _order in range(dropped):
        simulator.order_fault("disconnect", operation=CREATE, skip=every - 1)
    people = [f"person{number}@example.com" for number in range(50)]
    result = run.invitations(*people)
    assert simulator.waiting_faults == []
    assert result["summary"]["created"] == 50
    assert sum(clock.slept) <= seconds
    assert sorted(each["email"] for each in simulator.emails) == sorted(people)


@pytest.mark.parametrize("lag", [0.0, 2.0])
def test_posts_that_took_effect_although_no_response_came_are_found_together(run, simulator, clock, lagging, lag):
    lagging(lag)
    for _order, applied in zip(range(20), itertools.cycle([True, False])):
        simulator.order_fault("disconnect", operation=CREATE, skip=1, applied=applied)
    people = [f"person{number}@example.com" for number in range(50)]
    assert run.invitations(*people)["summary"]["created"] == 50
    assert sum(clock.slept) <= 7
    assert sorted(each["email"] for each in simulator.emails) == sorted(people)
