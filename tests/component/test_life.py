# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of an invitation: sent, accepted, expired, replaced, renewed, and where the API is vague."""

from __future__ import annotations

import itertools
import json

import pytest
from component.harness import calls, emails_to, held

ANN = "ann@example.com"
HOUR = 3600.0
DAY = 24 * HOUR

ERAS = ["custom_roles_available", "legacy", "migrated_rejects", "migrated_frozen"]
TIMESTAMPS = ["milliseconds", "offset", "nanoseconds", "missing", "garbage"]


def role_id(simulator, name):
    return next(role["id"] for role in simulator.roles if role["name"] == name)


def role_names(result):
    return [role["role_name"] for role in result["invitation"]["assigned_roles"]]


# --- sent ------------------------------------------------------------------------------------------------------------


def test_someone_is_invited_once(run, simulator):
    first = run.present(" Ann@Example.COM ", role="admin")
    assert first["changed"]
    assert first["action"] == "created"
    assert first["member"] is None
    (there,) = simulator.invitations
    assert first["invitation"] == {
        "id": there["id"],
        "email": ANN,
        "role": "admin",
        "assigned_roles": [{"role_id": role_id(simulator, "Admin"), "role_name": "Admin", "role_type": "system"}],
        "created_at": there["createdAt"],
        "expire_at": there["expireAt"],
        "expired": False,
    }
    again = run.present(ANN, role="admin")
    assert not again["changed"]
    assert again["action"] == "unchanged"
    assert again["invitation"] == first["invitation"]
    assert [email["email"] for email in simulator.emails] == [ANN]


def test_check_mode_predicts_and_sends_nothing(run, simulator):
    predicted = run.present(roles=["Billing"], check=True)
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
    assert predicted["diff"] == {"before": {}, "after": {"email": ANN, "roles": ["Billing"]}}
    assert simulator.invitations == []


# --- accepted --------------------------------------------------------------------------------------------------------


def test_someone_who_has_joined_is_not_invited(run, simulator):
    run.present(roles=["Billing"])
    simulator.accept(ANN)
    result = run.present(roles=["Billing"])
    assert not result["changed"]
    assert result["action"] == "member"
    assert result["invitation"] is None
    assert result["member"]["email"] == ANN
    assert result["member"]["user_id"] == simulator.members[0]["userId"]
    assert result["warnings"] == []
    assert emails_to(simulator) == 1


def test_a_members_other_roles_are_told_but_not_changed(run, simulator):
    simulator.add_member(ANN, role_names=["Billing"])
    result = run.present(roles=["Admin"])
    assert result["action"] == "member"
    (warning,) = result["warnings"]
    assert "Billing" in warning
    assert "Admin" in warning
    assert "invitation cannot change them" in warning
    assert simulator.members[0]["assignedRoles"][0]["roleName"] == "Billing"


def test_a_key_that_may_not_list_members_still_invites(run, simulator):
    simulator.configure(members_forbidden=True)
    result = run.present()
    assert result["action"] == "created"
    (warning,) = result["warnings"]
    assert "may not list members" in warning


@pytest.mark.parametrize("status", [400, 409])
def test_a_member_whom_the_key_may_not_see_is_refused_by_the_api(run, simulator, status):
    simulator.configure(members_forbidden=True, member_invitation_status=status)
    simulator.add_member(ANN)
    result = run.present()
    assert result["failed"]
    assert not result["changed"]
    assert "already a member" in result["msg"]
    assert result["error"]["status"] == status


def test_absent_neither_touches_nor_asks_about_members(run, simulator):
    simulator.add_member(ANN)
    result = run.absent()
    assert not result["changed"]
    assert result["action"] == "absent"
    assert calls(simulator) == ["list_invitations"]
    assert [member["email"] for member in simulator.members] == [ANN]


def test_someone_with_an_invitation_who_joined_by_other_means(run, simulator):
    invitation = simulator.invite(ANN, role="developer")
    simulator.add_member(ANN)
    assert run.present()["action"] == "unchanged"
    assert run.absent()["invitation"]["id"] == invitation["id"]
    assert run.present()["action"] == "member"


# --- roles -----------------------------------------------------------------------------------------------------------


def test_roles_are_compared_as_sets_of_ids(run, simulator):
    billing, member = role_id(simulator, "Billing"), role_id(simulator, "Member")
    run.present(roles=["Billing", "Member"])
    for roles in (
        ["Member", "Billing"],
        [member.upper(), billing],
        ["billing", "MEMBER", "Billing"],
        [billing, "Member"],
    ):
        assert run.present(roles=roles)["action"] == "unchanged", roles
    assert run.present(roles=["Billing"])["action"] == "replaced"


def test_an_exact_name_wins_over_one_in_another_case(run, simulator):
    simulator.add_role("Analyst")
    wanted = simulator.add_role("analyst")
    result = run.present(roles=["analyst"])
    assert [role["role_id"] for role in result["invitation"]["assigned_roles"]] == [wanted["id"]]


def test_an_id_wins_over_a_name(run, simulator):
    billing = role_id(simulator, "Billing")
    simulator.add_role(billing)
    assert role_names(run.present(roles=[billing])) == ["Billing"]


@pytest.mark.parametrize("names", [("Analyst", "ANALYST"), ("analyst", "analyst")])
def test_an_ambiguous_name_is_refused_with_the_ids(run, simulator, names):
    ids = [simulator.add_role(name)["id"] for name in names]
    result = run.present(roles=["analyst" if names[0] == names[1] else "aNaLySt"])
    assert result["failed"]
    assert all(each in result["msg"] for each in ids)
    assert "create_invitation" not in calls(simulator)


def test_an_unknown_name_is_refused_with_the_names_there_are(run, simulator):
    simulator.add_role("Night shift")
    result = run.present(roles=["Day shift"])
    assert result["failed"]
    assert all(name in result["msg"] for name in ("Day shift", "Night shift", "Admin", "Billing", "Org API reader"))
    assert "create_invitation" not in calls(simulator)


@pytest.mark.parametrize("roles", [[], [""], ["Billing", " "]])
def test_an_empty_list_or_name_is_refused(run, simulator, roles):
    result = run.present(roles=roles)
    assert result["failed"]
    assert "roles" in result["msg"]
    assert simulator.requests == []


# --- replaced --------------------------------------------------------------------------------------------------------


def test_other_roles_mean_another_invitation(run, simulator):
    first = run.present(roles=["Billing"])
    result = run.present(roles=["Member"])
    assert result["changed"]
    assert result["action"] == "replaced"
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert result["invitation"]["id"] != first["invitation"]["id"]
    assert role_names(result) == ["Member"]
    assert result["diff"] == {
        "before": {"email": ANN, "roles": ["Billing"]},
        "after": {"email": ANN, "roles": ["Member"]},
    }
    assert emails_to(simulator) == 2


def test_a_refused_replacement_is_undone(run, simulator):
    simulator.invite(ANN, role_names=["Billing", "Member"])
    simulator.order_fault("status", operation="create_invitation", status=400, body="envelope", times=2)
    result = run.present(roles=["Admin"])
    assert result["failed"]
    assert result["changed"]
    assert "was put back" in result["msg"]
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert {role["roleName"] for role in simulator.invitations[0]["assignedRoles"]} == {"Billing", "Member"}
    assert emails_to(simulator) == 1


def test_a_replacement_that_cannot_be_undone_says_what_was(run, simulator):
    simulator.invite(ANN, role_names=["Billing", "Member"])
    simulator.order_fault("status", operation="create_invitation", status=400, body="envelope", times=None)
    result = run.present(roles=["Admin"])
    assert result["failed"]
    assert result["changed"]
    assert f"{ANN} has no invitation now" in result["msg"]
    assert "Billing, Member" in result["msg"]
    assert simulator.invitations == []
    simulator.faults.forget()
    assert run.present(roles=["Admin"])["action"] == "created"


# --- renewed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", ["allow", "reject"])
def test_an_expired_invitation_counts_as_none(run, simulator, beside):
    simulator.configure(second_beside_expired=beside)
    run.present()
    simulator.expire(ANN)
    result = run.present()
    assert result["changed"]
    assert result["action"] == "renewed"
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert result["diff"] == {"before": {}, "after": {"email": ANN, "roles": ["Developer"]}}
    assert run.present()["action"] == "unchanged"
    assert emails_to(simulator) == 2


def test_an_expired_invitation_keeps_nobody_from_being_invited(run, simulator):
    simulator.invite(ANN, role_names=["Admin"], expired=True)
    simulator.order_fault("body", operation="list_roles", content=b'{"status": 200, "result": []}')
    result = run.roster(ANN, "bob@example.com", role="developer")
    assert result["summary"]["renewed"] == result["summary"]["created"] == 1


def test_an_expired_invitation_is_renewed_by_the_older_role_where_the_organization_takes_it_no_more(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.invite(ANN, role_names=["Developer"], expired=True)
    assert run.present(role="developer")["action"] == "renewed"
    assert [role["roleName"] for role in simulator.invitations[-1]["assignedRoles"]] == ["Developer"]


def test_an_expired_invitation_that_is_not_listed_any_more(run, simulator):
    simulator.configure(list_expired=False)
    run.present()
    simulator.expire(ANN)
    assert run.absent()["action"] == "absent"
    assert run.present()["action"] == "created"
    assert run.present()["action"] == "unchanged"
    assert emails_to(simulator) == 2


def test_someone_whose_invitation_expired_and_who_joined_by_other_means(run, simulator):
    simulator.invite(ANN, role="developer", expired=True)
    simulator.add_member(ANN)
    assert run.present()["action"] == "member"


def test_an_expired_invitation_is_renewed_with_the_roles_asked_for(run, simulator):
    simulator.invite(ANN, role_names=["Admin"], expired=True)
    assert role_names(run.present(roles=["Billing"])) == ["Billing"]


def test_an_invitation_is_renewed_ahead_of_time_once(run, simulator):
    simulator.invite(ANN, role="developer", expires_in=10 * HOUR)
    assert run.present(renew_before="9h")["action"] == "unchanged"
    result = run.present(renew_before="11h")
    assert result["action"] == "renewed"
    assert result["diff"]["before"] == result["diff"]["after"] == {"email": ANN, "roles": ["Developer"]}
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert run.present(renew_before="11h")["action"] == "unchanged"
    assert emails_to(simulator) == 1


@pytest.mark.parametrize("renew_before", ["7d", "8d", "1000d"])
def test_renewing_before_it_was_sent_is_ignored(run, simulator, renew_before):
    simulator.invite(ANN, role="developer", created_ago=60)
    result = run.present(renew_before=renew_before)
    assert result["action"] == "unchanged"
    (warning,) = result["warnings"]
    assert "every run would send an email" in warning
    assert emails_to(simulator) == 0


def test_renewing_never_leaves_an_expired_invitation(run, simulator):
    expired = simulator.invite(ANN, role="developer", expired=True)
    result = run.present(renew_before="never")
    assert not result["changed"]
    assert result["action"] == "expired"
    assert result["invitation"]["id"] == expired["id"]
    assert result["invitation"]["expired"]
    assert emails_to(simulator) == 0


def test_renewing_never_still_invites_and_replaces(run):
    assert run.present(renew_before="never")["action"] == "created"
    assert run.present(renew_before="never")["action"] == "unchanged"
    assert run.present(renew_before="never", role="admin")["action"] == "replaced"


@pytest.mark.parametrize(
    "renew_before", ["", "7", "7 d", "-1d", "1h1d", "1.5h", "soon", "1d never", "\u0661d", "9" * 400 + "d"]
)
def test_durations_are_parsed_strictly(run, simulator, renew_before):
    result = run.present(renew_before=renew_before)
    assert result["failed"]
    assert "renew_before" in result["msg"]
    assert simulator.requests == []


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestamps", ["milliseconds", "offset", "nanoseconds"])
def test_time_is_read_however_it_is_written(run, simulator, timestamps):
    simulator.configure(timestamps=timestamps)
    simulator.invite(ANN, role="developer", expires_in=2 * HOUR)
    simulator.invite("bob@example.com", role="developer", expires_in=-60)
    ann, bob = run.info()["invitations"]
    assert not ann["expired"]
    assert bob["expired"]
    assert ann["expire_at"] == simulator.invitations[0]["expireAt"]
    assert run.present(renew_before="1h59m")["action"] == "unchanged"
    assert run.present(renew_before="2h1m")["action"] == "renewed"


@pytest.mark.parametrize("timestamps", ["missing", "garbage"])
def test_time_that_cannot_be_read_has_not_passed(run, simulator, timestamps):
    simulator.configure(timestamps=timestamps)
    simulator.invite(ANN, role="developer", expired=True)
    assert not run.info()["invitations"][0]["expired"]
    assert run.present()["action"] == "unchanged"
    assert run.present(renew_before="365d")["action"] == "unchanged"
    assert emails_to(simulator) == 0


# --- moved organizations ---------------------------------------------------------------------------------------------


def test_an_organization_that_moved_to_custom_roles_says_what_to_use(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.add_role("Night shift")
    result = run.present(role="developer")
    assert result["failed"]
    assert "use roles instead of role" in result["msg"]
    assert "Night shift" in result["msg"]
    assert "Custom Roles" in result["error"]["reason"]
    assert simulator.emails == []


def test_an_organization_that_moved_still_replaces_by_the_older_role(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.invite(ANN, role_names=["Developer"])
    results = [run.present(role="admin") for _time in range(3)]
    assert [result["action"] for result in results] == ["replaced", "unchanged", "unchanged"]
    assert role_names(results[-1]) == ["Admin"]
    assert emails_to(simulator) == 1


def test_only_what_makes_room_is_sent_in_another_way_than_asked_for(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.invite(ANN, role_names=["Developer"])
    result = run.roster(ANN, "bob@example.com", role="admin")
    assert [change["action"] for change in result["changes"]] == ["replaced", "failed"]
    assert "use roles instead of role" in result["msg"]


def test_an_organization_that_moved_still_renews_by_the_older_role(run, simulator):
    simulator.configure(organization_era="migrated_rejects")
    simulator.invite(ANN, role_names=["Developer"], expires_in=HOUR)
    assert run.present(role="developer", renew_before="1d")["action"] == "renewed"
    assert emails_to(simulator) == 1


@pytest.mark.parametrize("era", ["migrated_rejects", "custom_roles_available"])
def test_nothing_is_revoked_for_a_role_that_is_not_there(run, simulator, era):
    simulator.configure(organization_era=era)
    there = simulator.invite(ANN, role_names=["Admin"])
    result = run.present(roles=["5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11"])
    assert result["failed"]
    assert "the organization has no role '5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11'; its roles are: Admin," in result["msg"]
    assert held(simulator, ANN) == [there["id"]]
    assert emails_to(simulator) == 0


def test_nothing_is_revoked_for_an_older_role_that_is_not_there(run, simulator):
    there = simulator.invite(ANN, role="admin")
    admin = next(role for role in simulator.roles if role["name"] == "Admin")
    content = json.dumps({"status": 200, "result": [admin]}).encode()
    simulator.order_fault("body", operation="list_roles", content=content)
    result = run.present(role="developer")
    assert "no system role 'developer'; use roles, of Admin." in result["msg"]
    assert held(simulator, ANN) == [there["id"]]
    assert emails_to(simulator) == 0


def test_nothing_is_revoked_by_a_key_that_cannot_see_the_roles(run, simulator):
    simulator.configure(roles_forbidden=True)
    there = simulator.invite(ANN, role_names=["Developer"])
    result = run.present(role="admin")
    assert result["error"]["status"] == 403
    assert held(simulator, ANN) == [there["id"]]


def test_a_role_that_is_frozen_is_not_taken_for_what_somebody_has(run, simulator):
    simulator.configure(organization_era="migrated_frozen")
    result = run.present(role="admin")
    assert result["action"] == "created"
    assert result["invitation"]["role"] == "developer"
    assert role_names(result) == ["Admin"]
    assert run.present(role="admin")["action"] == "unchanged"


def test_roles_of_their_own_are_not_replaced_for_a_role_that_cannot_be_compared(run, simulator):
    simulator.configure(organization_era="migrated_frozen")
    simulator.invite(ANN, role_names=["Billing", "Member"])
    result = run.present(role="admin")
    assert result["action"] == "unchanged"
    (warning,) = result["warnings"]
    assert "cannot be compared" in warning
    assert emails_to(simulator) == 0


def test_an_older_organization_does_not_tell_roles(run, simulator):
    simulator.configure(organization_era="legacy")
    simulator.invite(ANN, role="developer")
    assert run.present(role="developer")["warnings"] == []
    result = run.present(roles=["Admin"])
    assert result["action"] == "unchanged"
    assert "cannot be compared" in result["warnings"][0]
    assert run.present(role="admin")["action"] == "replaced"
    assert emails_to(simulator) == 1


# --- no churn --------------------------------------------------------------------------------------------------------

ORGANIZATIONS = [
    {"organization_era": era, "timestamps": timestamps, "list_expired": list_expired, "email_case": email_case}
    for era, timestamps, list_expired, email_case in itertools.product(
        ERAS, TIMESTAMPS, [True, False], ["lower", "as_sent"]
    )
]


@pytest.mark.parametrize("wish", [{"role": "developer"}, {"role": "admin"}, {"roles": ["Billing", "Member"]}], ids=str)
def test_three_runs_send_one_email(run, simulator, wish):
    for organization in ORGANIZATIONS:
        simulator.reset(**organization)
        results = [run.present("Ann@Example.com", renew_before=renew, **wish) for renew in ("0s", "12h", "30d")]
        if results[0].get("failed"):
            assert results[0]["error"]["status"] == 400, organization
            assert emails_to(simulator) == 0, organization
        else:
            assert [result["action"] for result in results] == ["created", "unchanged", "unchanged"], organization
            assert emails_to(simulator) == 1, organization


# --- twins -----------------------------------------------------------------------------------------------------------


def test_one_of_two_that_fits_is_enough(run, simulator):
    simulator.invite(ANN, role="admin")
    fits = simulator.invite(ANN, role="developer")
    simulator.invite(ANN, role="developer", expired=True)
    result = run.present()
    assert result["action"] == "unchanged"
    assert result["invitation"]["id"] == fits["id"]
    (warning,) = result["warnings"]
    assert "another invitation, with other roles" in warning


def test_the_one_that_lives_longer_stands(run, simulator):
    longer = simulator.invite(ANN, role="developer", expires_in=2 * DAY)
    simulator.invite(ANN, role="developer", expires_in=1 * DAY)
    result = run.present(renew_before="36h")
    assert result["action"] == "unchanged"
    assert result["invitation"]["id"] == longer["id"]


def test_absent_leaves_none_of_them(run, simulator):
    for expired in (True, False, False):
        simulator.invite(ANN, role="developer", expired=expired)
    simulator.invite("bob@example.com", role="developer")
    result = run.absent("ANN@example.com")
    assert result["changed"]
    assert result["action"] == "deleted"
    assert [invitation["email"] for invitation in simulator.invitations] == ["bob@example.com"]
    assert run.absent()["action"] == "absent"


def test_replacing_leaves_none_of_the_others(run, simulator):
    for role in ("admin", "admin"):
        simulator.invite(ANN, role=role)
    result = run.present(role="developer")
    assert result["action"] == "replaced"
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


# --- late reads ------------------------------------------------------------------------------------------------------


def test_a_list_that_lags_does_not_get_an_invitation_sent_twice(run, simulator):
    simulator.configure(stale_reads=3)
    simulator.order_fault("disconnect", operation="create_invitation", applied=True)
    result = run.present()
    assert result["action"] == "created"
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


@pytest.mark.parametrize("expired", [False, True])
def test_a_list_that_still_shows_what_was_replaced_gets_nobody_invited_twice(run, simulator, expired):
    simulator.configure(second_invitation="allow")
    simulator.invite(ANN, role="admin", expired=expired)
    simulator.configure(stale_reads=1)
    assert run.present(role="developer")["action"] == ("renewed" if expired else "replaced")
    result = run.present(role="developer")
    assert result["action"] == "unchanged"
    assert not result["changed"]
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_nor_where_the_answer_to_a_revocation_is_lost(run, simulator):
    simulator.configure(second_invitation="allow")
    simulator.invite(ANN, role="admin")
    simulator.configure(stale_reads=1)
    sent = run.present(role="developer")["invitation"]
    simulator.order_fault("disconnect", operation="delete_invitation")
    assert run.present(role="developer")["invitation"]["id"] == sent["id"]
    assert held(simulator, ANN) == [sent["id"]]
    assert emails_to(simulator) == 1


def test_what_someone_else_sent_in_place_of_what_was_to_be_replaced_is_told(run, simulator):
    simulator.configure(second_invitation="allow")
    simulator.invite(ANN, role="admin")
    simulator.order_fault("race", operation="delete_invitation", action="delete")
    meanwhile = {"action": "invite", "email": ANN, "role_names": ["Billing"]}
    simulator.order_fault("race", operation="list_invitations", skip=1, **meanwhile)
    result = run.present(role="developer")
    assert result["failed"]
    assert not result["changed"]
    assert "with other roles (Billing)" in result["msg"]
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_a_member_seen_late_is_not_a_failure(run, simulator):
    simulator.configure(stale_reads=2)
    simulator.order_fault("race", operation="create_invitation", action="add_member")
    result = run.present()
    assert result["action"] == "member"
    assert not result["changed"]


@pytest.mark.parametrize(
    "offboard",
    [
        lambda run: run.absent(),
        lambda run: run.roster(ANN, state="absent"),
        lambda run: run.roster("bob@example.com", purge=True),
    ],
    ids=["one", "roster", "purge"],
)
@pytest.mark.parametrize("lost", [False, True])
def test_nobody_stays_invited_because_a_list_still_shows_what_was_replaced(run, simulator, offboard, lost):
    simulator.invite("bob@example.com", role="developer")
    simulator.invite(ANN, role="admin")
    simulator.configure(stale_reads=2)
    sent = run.present(role="developer")["invitation"]
    if lost:
        simulator.order_fault("disconnect", operation="delete_invitation")
    result = offboard(run)
    (change,) = result.get("changes", [result])
    assert change["action"] == "deleted"
    assert change["invitation"]["id"] == sent["id"]
    assert result["changed"]
    assert held(simulator, ANN) == []


def test_an_invitation_got_by_id_that_lags(run, simulator):
    invitation = simulator.invite(ANN, role="developer")
    result = run("invitation", invitation_id=invitation["id"], state="absent")
    assert result["action"] == "deleted"
    assert result["invitation"]["email"] == ANN
    assert run("invitation", invitation_id=invitation["id"], state="absent")["action"] == "absent"
    assert run.info(invitation_id=invitation["id"])["invitations"] == []


def test_what_was_deleted_and_is_still_listed_is_not_taken_for_the_new_one(run, simulator):
    old = simulator.invite(ANN, role="admin")
    simulator.configure(stale_reads=2)
    simulator.order_fault("disconnect", operation="create_invitation", applied=True)
    result = run.present(role="developer")
    assert result["action"] == "replaced"
    assert result["invitation"]["id"] != old["id"]
    assert held(simulator, ANN) == [result["invitation"]["id"]]


# --- races -----------------------------------------------------------------------------------------------------------


def test_someone_else_invites_meanwhile(run, simulator):
    simulator.order_fault("race", operation="create_invitation", action="invite", role="developer")
    result = run.present()
    assert result["action"] == "unchanged"
    assert not result["changed"]
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_someone_else_invites_meanwhile_with_other_roles(run, simulator):
    simulator.order_fault("race", operation="create_invitation", action="invite", role="admin")
    result = run.present()
    assert result["failed"]
    assert "other roles (Admin)" in result["msg"]
    assert "someone else" in result["msg"]
    assert result["error"]["status"] == 409
    assert held(simulator, ANN) == [result["invitation"]["id"]]
    assert emails_to(simulator) == 1


def test_the_person_joins_while_being_replaced(run, simulator):
    simulator.invite(ANN, role="admin")
    simulator.order_fault("race", operation="delete_invitation", action="accept")
    result = run.present(role="developer")
    assert result["action"] == "member"
    assert result["member"]["email"] == ANN
    assert not result["changed"]
    assert emails_to(simulator) == 0


@pytest.mark.parametrize("action", ["accept", "delete"])
def test_the_invitation_goes_while_being_revoked(run, simulator, action):
    simulator.invite(ANN, role="admin")
    simulator.order_fault("race", operation="delete_invitation", action=action)
    result = run.absent()
    assert not result.get("failed")
    assert not result["changed"]
    assert result["action"] == "absent"
    assert simulator.invitations == []
