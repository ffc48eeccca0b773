# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read and written for a task, in check mode and for real, and what the task returns."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import Outcome, Policy, predict
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._module import ROSTER_OPTIONS
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import Entry, OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import plan_absent, plan_present
from ansible_collections.clickhouse.cloud.plugins.module_utils._reconcile import (
    Report,
    ensure_absent,
    ensure_present,
    ensure_revoked,
    ensure_roster,
    ensure_user_absent,
    person_result,
    read_policy,
    roster_result,
)
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Member, Role
from cast import ALICE, BOB, CAROL, DAVE
from hypothesis import given
from hypothesis import strategies as st

from ..organization import Organization, invitations, legacy_roles, members, people, policies
from ..people import FOUNDER, USERS, current, desired, expired, invited, joined
from ..records import ADMIN, BILLING, DEVELOPER, NOW, ROLES, timestamp, uid

# What Ansible makes of the options that a task leaves out.
DEFAULTS = {name: option.get("default") for name, option in ROSTER_OPTIONS.items()}
MANAGED = Policy(manage_members=True)


def roster_of(organization, *, manage_members=False, check_mode=False, **options):
    """Reconcile a roster with these options of a task."""
    name = "memberships" if manage_members else "invitations"
    options = {**DEFAULTS, name: None, **options}
    return ensure_roster(organization, options, name, read_policy(options, manage_members), check_mode)


# --- what is read ----------------------------------------------------------------------------------------------------

BY_NAME = Entry(ALICE, roles=("Admin",))
BY_ID = Entry(ALICE, roles=(ADMIN.id,))
BY_ROLE = Entry(ALICE, "admin")
OTHER_CASE = Entry(ALICE, roles=("ADMIN",))
# what there is | entry | calls of the invitation modules | and of the membership modules
READS = {
    "unchanged, by ID": (invited(ADMIN), BY_ID, "invitations", "invitations members"),
    "unchanged, by name": (invited(ADMIN), BY_NAME, "invitations", "invitations members"),
    "unchanged, in another case": (invited(ADMIN), OTHER_CASE, "invitations roles", "invitations members roles"),
    "unchanged, by the legacy role": (invited(ADMIN), BY_ROLE, "invitations", "invitations members"),
    "new, by ID": (None, BY_ID, "invitations members invite", "invitations members invite"),
    "new, by name": (None, BY_NAME, "invitations roles members invite", "invitations members roles invite"),
    "new, by a name that somebody has": (
        *(invited(ADMIN, email=BOB), BY_NAME),
        *("invitations members roles invite", "invitations members roles invite"),
    ),
    "replaced, by name": (
        *(invited(BILLING), BY_NAME),
        *("invitations roles revoke invite", "invitations members roles revoke invite"),
    ),
    "replaced, by ID: the role is confirmed": (
        *(invited(BILLING), BY_ID),
        *("invitations roles revoke invite", "invitations members roles revoke invite"),
    ),
    "replaced, by the legacy role: the system role is found": (
        *(invited(DEVELOPER), BY_ROLE),
        *("invitations roles revoke invite", "invitations members roles revoke invite"),
    ),
    "member": (joined(ADMIN), BY_ID, "invitations members", "invitations members"),
    "member, other roles": (joined(DEVELOPER), BY_ID, "invitations members", "invitations members update members"),
}


@pytest.mark.parametrize("manage_members", [False, True], ids=["invitations", "memberships"])
@pytest.mark.parametrize(("holder", "entry", "calls", "managed"), READS.values(), ids=READS)
def test_no_more_is_called_than_needed(holder, entry, calls, managed, manage_members):
    is_member = isinstance(holder, Member)
    organization = Organization([holder] if holder and not is_member else [], [holder, FOUNDER] if is_member else [])
    ensure_present(organization, [entry], Policy(manage_members=manage_members), check_mode=False)
    assert [call.split()[0] for call in organization.calls] == (managed if manage_members else calls).split()


def test_unchanged_roster_of_any_size_takes_two_requests():
    emails = [f"person-{number}@example.com" for number in range(300)]
    half = [joined(ADMIN, email=email) for email in emails[::2]]
    organization = Organization([invited(ADMIN, email=email, number=n) for n, email in enumerate(emails[1::2])], half)
    report = ensure_present(organization, [Entry(email, roles=(ADMIN.id,)) for email in emails], MANAGED, False)
    assert roster_result(report, diff=False)["summary"]["unchanged"] == 300
    assert organization.calls == ["invitations", "members"]


def test_absent_reads_only_the_lists():
    organization = Organization([invited()], [joined(email=BOB)])
    ensure_absent(organization, [ALICE, BOB], Policy(), check_mode=False)
    assert organization.calls == ["invitations", f"revoke {ALICE}"]
    organization = Organization([invited()], [joined(email=BOB), FOUNDER])
    ensure_absent(organization, [ALICE, BOB], MANAGED, check_mode=False)
    assert organization.calls == ["invitations", "members", f"revoke {ALICE}", f"remove {BOB}"]


def test_key_that_may_not_list_members_invites_people_all_the_same():
    organization = Organization([], [joined(ADMIN)], may_list_members=False)
    report = ensure_present(organization, [BY_ROLE], Policy(), check_mode=False)
    assert organization.emails == [ALICE]
    assert report.warnings == ["The API key may not list members: people who have joined may be invited again."]


def test_membership_modules_fail_if_the_key_may_not_list_members():
    organization = Organization(may_list_members=False)
    with pytest.raises(ApiError, match="Could not list the members"):
        ensure_present(organization, [BY_ROLE], MANAGED, check_mode=False)
    assert organization.emails == []


VIEWS = Organization([invited(DEVELOPER, email=BOB)], [joined(ADMIN, email=CAROL)], may_list_roles=False)


@pytest.mark.parametrize("policy", [Policy(), MANAGED], ids=["invitations", "memberships"])
def test_key_that_may_only_view_can_plan_with_roles_that_somebody_has(policy):
    report = ensure_present(VIEWS, [BY_NAME], policy, check_mode=True)
    assert report.outcomes[0].invitation.assigned_roles == (ADMIN,)
    (warning,) = report.warnings
    assert warning.startswith("The roles could not be confirmed, so the API may reject this plan. Could not list")
    with pytest.raises(ApiError, match="Could not list the roles"):
        ensure_present(VIEWS, [BY_NAME], policy, check_mode=False)
    with pytest.raises(ApiError, match="may name only roles that somebody has"):
        ensure_present(VIEWS, [Entry(ALICE, roles=("Billing",))], policy, check_mode=True)


def test_live_invitation_is_not_given_up_for_a_legacy_role_that_names_no_role():
    organization = Organization([invited(ADMIN, role="admin")])
    organization.roles = lambda: [ADMIN]
    with pytest.raises(OptionError, match="has no system role for the legacy role of alice"):
        ensure_present(organization, [Entry(ALICE, "developer")], Policy(), check_mode=True)


def test_unknown_roles_of_several_people_are_in_one_message():
    roster = [Entry(ALICE, roles=("Devloper",)), Entry(BOB, roles=("Admn",)), Entry(CAROL, roles=("Admn",))]
    with pytest.raises(
        OptionError, match=r"alice@example\.com: roles: .*'Devloper'.*bob@example\.com: roles: .*'Admn'"
    ):
        ensure_present(Organization([]), roster, Policy(), check_mode=True)


@pytest.mark.parametrize(("collection", "stops"), [("invitations", True), ("members", True), ("roles", False)])
def test_unreadable_record_of_a_person_stops_purge_but_that_of_a_role_does_not(collection, stops):
    organization = Organization([invited(email=BOB)], [FOUNDER])
    organization.spoilt = collection
    with pytest.raises(OptionError, match="1 records") if stops else nullcontext():
        roster_of(organization, emails=[ALICE], roles=["Billing"], purge=True)


def test_ids_of_roles_get_the_names_that_others_show():
    organization = Organization([invited(ADMIN, email=BOB)])
    report = ensure_present(organization, [BY_ID], Policy(), check_mode=True)
    assert report.outcomes[0].invitation.assigned_roles == (ADMIN,)


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
@pytest.mark.parametrize(("number", "action"), [(1, "deleted"), (2, "absent")], ids=["known", "unknown"])
def test_revocation_by_id_touches_nothing_else(number, action, check_mode):
    organization = Organization([invited(), invited(number=3)])
    report = ensure_revoked(organization, uid(number), check_mode)
    assert [outcome.action for outcome in report.outcomes] == [action]
    gone = 1 if action == "deleted" and not check_mode else 0
    assert organization.calls == ["invitation", *([f"revoke {ALICE}"] * gone)]
    assert len(organization.invited) == 2 - gone


@pytest.mark.parametrize(("user_id", "action"), [(USERS[BOB], "removed"), (uid(9), "absent")], ids=["known", "unknown"])
def test_removal_by_user_id_revokes_the_invitation_too(user_id, action):
    organization = Organization([invited(), invited(email=BOB, number=2)], [joined(), joined(email=BOB), FOUNDER])
    report = ensure_user_absent(organization, user_id, MANAGED, check_mode=False)
    assert [outcome.action for outcome in report.outcomes] == [action]
    writes = [f"remove {BOB}", f"revoke {BOB}"] if action == "removed" else []
    assert organization.calls == ["invitations", "members", *writes]


def test_idle_task_loads_nothing_that_writes(monkeypatch):
    package = "ansible_collections.clickhouse.cloud.plugins.module_utils"
    command = f"import sys, {package}._reconcile; print([name for name in sys.modules if name.endswith('_decide')])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True, env=environment)
    assert run.stdout == "[]\n"
    monkeypatch.setitem(sys.modules, f"{package}._apply", None)
    ensure_present(Organization([invited(ADMIN)]), [BY_ROLE], Policy(), check_mode=False)
    ensure_present(Organization(), [BY_ROLE], Policy(), check_mode=True)
    with pytest.raises(ImportError):
        ensure_present(Organization(), [BY_ROLE], Policy(), check_mode=False)


# --- options of a roster ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"purge": True, "state": "absent"}, "purge requires state=present."),
        ({"purge": True, "resend": True}, "resend and purge are mutually exclusive"),
        ({"purge": True, "emails": []}, "purge: the roster is empty, so everybody would lose access."),
        ({"purge": True, "emails": [" "]}, "purge: the roster is empty"),
        ({"purge_limit": "many"}, "purge_limit: 'many' is neither a count"),
        ({"purge_exclude": ["bob"]}, "purge_exclude: 'bob' is not a single valid email address"),
        ({"renew_before": "soon"}, "renew_before: 'soon' is not a duration"),
        ({"role": None}, f"{ALICE}: no roles given; add, for example, roles: [Developer]."),
    ],
)
def test_wrong_options_are_rejected_before_anything_is_read(options, message):
    organization = Organization([invited()])
    with pytest.raises(OptionError) as caught:
        roster_of(organization, **{"emails": [ALICE], "role": "admin", **options})
    assert str(caught.value).startswith(message)
    assert organization.calls == []


def test_options_reach_the_plan():
    organization = Organization([invited(email=BOB)], [joined(email=CAROL), joined(email=DAVE), FOUNDER])
    options = {
        "emails": [ALICE],
        "role": "admin",
        "purge": True,
        "purge_exclude": [CAROL.upper(), FOUNDER.email],
        "renew_before": "1d",
    }
    report = roster_of(organization, manage_members=True, check_mode=True, **options)
    assert {outcome.plan.email: outcome.action for outcome in report.outcomes} == {
        ALICE: "created",
        BOB: "deleted",
        DAVE: "removed",
    }
    assert report.plan.policy.renew_before.days == 1


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_unsafe_plan_changes_nothing(check_mode):
    organization = Organization([invited(email=BOB)], [joined(ADMIN, email=CAROL), joined(email=DAVE)])
    options = {"emails": [ALICE], "role": "admin", "purge": True, "purge_limit": "25%", "check_mode": check_mode}
    with pytest.raises(OptionError, match="purge would take access from 3 of 3 people"):
        roster_of(organization, manage_members=True, **options)
    with pytest.raises(OptionError, match="no member would have the system role Admin"):
        roster_of(organization, manage_members=True, emails=[CAROL], state="absent", check_mode=check_mode)
    assert organization.calls == ["invitations", "members"] * 2


def test_absent_ignores_roles_and_an_empty_roster():
    organization = Organization([invited()])
    assert roster_of(organization, emails=[], state="absent").outcomes == []
    report = roster_of(organization, invitations=[{"email": ALICE, "roles": ["Nobody's"]}], state="absent")
    assert [outcome.action for outcome in report.outcomes] == ["deleted"]


def test_purge_keeps_people_who_are_listed_by_any_spelling_of_roles():
    organization = Organization([invited(ADMIN, email=email, number=n) for n, email in enumerate((ALICE, BOB, CAROL))])
    roster = [
        {"email": ALICE, "roles": ["admin"]},
        {"email": ALICE, "roles": [ADMIN.id]},
        {"email": BOB, "role": "admin"},
    ]
    report = roster_of(organization, invitations=roster, purge=True)
    assert [outcome.action for outcome in report.outcomes] == ["unchanged", "unchanged", "deleted"]


# --- any organization ------------------------------------------------------------------------------------------------

names = st.sampled_from([spelling for role in ROLES for spelling in (role.id, role.name, role.name.upper())])
entries = st.builds(Entry, people, legacy_roles) | st.builds(
    Entry, people, st.none(), st.lists(names, min_size=1, max_size=2).map(tuple)
)
rosters = st.lists(entries, min_size=1, max_size=3, unique_by=lambda entry: entry.email)


@st.composite
def organizations(draw):
    """A way to have the same organization several times."""
    found, joined_now, shows_roles, may = draw(st.tuples(invitations, members, st.booleans(), st.booleans()))
    return lambda: Organization(found, joined_now, shows_roles=shows_roles, may_list_members=may)


def attempt(organization, roster, policy, check_mode):
    """What check mode and the real run have to agree on: the result less IDs and times, or the rejection."""
    try:
        report = ensure_present(organization, roster, policy, check_mode)
    except (ApiError, OptionError) as error:
        return str(error)
    result = roster_result(report, diff=True)
    actions = [(change["email"], change["action"]) for change in result.pop("changes")]
    return actions, result


@given(organizations(), rosters, policies)
def test_check_mode_predicts_the_real_run_and_changes_nothing(make, roster, policy):
    checked, real, untouched = make(), make(), make()
    assert attempt(checked, roster, policy, check_mode=True) == attempt(real, roster, policy, check_mode=False)
    assert (checked.invited, checked.joined) == (untouched.invited, untouched.joined)


# The clock of the host or that of the API is wrong.
wrong_clocks = st.builds(
    lambda whose, days: {whose: timedelta(days=days)}, st.sampled_from(["host", "api"]), st.integers(-30, 30)
)


@given(organizations(), rosters, policies, wrong_clocks)
def test_wrong_clock_sends_no_needless_email_and_takes_no_access(make, roster, policy, wrong):
    policy = replace(policy, resend=False)
    before, right, misdated = make(), make(), make()
    misdated.misdate(**wrong)
    for organization in (right, misdated):
        attempt(organization, roster, policy, check_mode=False)
    live = {each.email for each in before.invited.values() if not each.expired(NOW)}
    assert not live.intersection(misdated.emails).difference(right.emails)
    had = before.current.people(manage_members=True)
    assert had - misdated.current.people(True) <= had - right.current.people(True)


@given(organizations(), rosters, policies, wrong_clocks)
def test_person_gets_at_most_one_email_however_often_it_runs(make, roster, policy, wrong):
    organization = make()
    organization.misdate(**wrong)
    for _time in range(3):
        attempt(organization, roster, replace(policy, resend=False), check_mode=False)
    assert len(organization.emails) == len(set(organization.emails))


@given(organizations(), entries, policies)
def test_one_person_is_a_roster_of_one(make, entry, policy):
    policy = replace(policy, purge=False)
    try:
        one, many = (ensure_present(make(), [entry], policy, check_mode=False) for _time in range(2))
    except (ApiError, OptionError):
        return
    one, many = person_result(one, diff=True), roster_result(many, diff=True)
    assert (one["changed"], one["diff"], one["warnings"]) == (many["changed"], many["diff"], many["warnings"])
    assert many["summary"][one["action"]] == 1


# --- what a task returns ---------------------------------------------------------------------------------------------

FAILURE = ApiError("Could not do it", "no seats", "POST", "/v1/organizations", 400, "request-1")
ERROR = {"status": 400, "reason": "no seats", "request_id": "request-1", "method": "POST", "path": "/v1/organizations"}
SHOWN_DEVELOPER = [{"role_id": DEVELOPER.id, "role_name": "Developer", "role_type": "system"}]
MEMBER = {
    "user_id": USERS[BOB],
    "name": None,
    "email": BOB,
    "role": "developer",
    "assigned_roles": SHOWN_DEVELOPER,
    "joined_at": None,
}


def report_of(wanted, found=(), joined_now=(), policy=None, warnings=(), **failures):
    """The report of a plan in check mode, where the people with these names before the @ failed."""
    plan = plan_present(wanted, current(found, joined_now), policy or Policy())
    outcomes = [predict(person) for person in plan.people]
    outcomes = [
        replace(each, action="failed", changed=False, error=failures[name]) if name in failures else each
        for each in outcomes
        for name in [each.plan.email.split("@")[0]]
    ]
    return Report(plan, current(found, joined_now), outcomes, NOW, warnings)


def test_result_for_one_failed_person_has_the_error():
    result = person_result(report_of([desired(DEVELOPER)], alice=FAILURE), diff=False)
    assert (result["failed"], result["msg"], result["error"]) == (True, "Could not do it.", ERROR)
    assert "action" not in result


STATES = {
    "member": ("unchanged", {"member": joined()}, "member"),
    "invited": ("created", {"invitation": invited()}, "invited"),
    "expired": ("expired", {"invitation": expired()}, "expired"),
    "removed": ("removed", {"invitation": invited(), "member": joined()}, "absent"),
    "deleted": ("deleted", {"invitation": invited()}, "absent"),
    "never there": ("absent", {}, "absent"),
    "failed, a member": ("failed", {"member": joined()}, "member"),
    "failed, invited": ("failed", {"invitation": invited()}, "invited"),
    "failed, nothing": ("failed", {}, "absent"),
}


@pytest.mark.parametrize(("action", "has", "state"), STATES.values(), ids=STATES)
def test_state_says_where_the_person_is_now(action, has, state):
    plan = plan_absent([ALICE], current(), MANAGED)
    error = FAILURE if action == "failed" else None
    report = Report(plan, current(), [Outcome(plan.people[0], action, False, error=error, **has)], NOW)
    assert person_result(report, diff=False)["state"] == state


FOUND = [invited(BILLING, email=CAROL, number=3), invited(DEVELOPER)]
WANTED = [desired(DEVELOPER), desired(ADMIN, email=BOB), desired(DEVELOPER, email=CAROL), desired(ADMIN, email=DAVE)]


def test_result_for_a_roster_of_invitations():
    report = report_of(WANTED, FOUND, [joined(ADMIN, email=BOB)], dave=FAILURE)
    result = roster_result(report, diff=True)
    replaced, failed = result.pop("changes")
    assert (replaced["email"], replaced["action"]) == (CAROL, "replaced")
    assert set(replaced) == {"email", "action", "invitation"}
    assert failed == {
        "email": DAVE,
        "action": "failed",
        "invitation": failed["invitation"],
        "error": {"msg": "Could not do it.", **ERROR},
    }
    assert result == {
        "changed": True,
        "members": [BOB],
        "summary": {
            "created": 0,
            "unchanged": 1,
            "replaced": 1,
            "renewed": 0,
            "deleted": 0,
            "absent": 0,
            "member": 1,
            "expired": 0,
            "failed": 1,
        },
        "warnings": [],
        "diff": {"before": f"{CAROL}: Billing\n", "after": f"{CAROL}: Developer\n{DAVE}: Admin\n"},
        "failed": True,
        "msg": "1 of 4 people failed. Could not do it.",
        "error": ERROR,
    }


def test_people_who_keep_access_and_are_not_on_the_roster_are_named():
    now = ([invited(email=BOB), expired(email=DAVE, number=2)], [joined(email=CAROL), FOUNDER])
    report = report_of([desired(DEVELOPER)], *now, MANAGED)
    assert roster_result(report, diff=False)["not_listed"] == [BOB, CAROL, FOUNDER.email]
    purge = replace(MANAGED, purge=True, purge_exclude=frozenset([FOUNDER.email]))
    report = report_of([desired(DEVELOPER)], *now, purge, carol=FAILURE)
    assert roster_result(report, diff=False)["not_listed"] == [CAROL, FOUNDER.email]


def test_roster_of_people_who_lose_access_says_nothing_of_others():
    now = current([invited()], [FOUNDER])
    plan = plan_absent([ALICE], now, MANAGED)
    report = Report(plan, now, list(map(predict, plan.people)), NOW)
    assert roster_result(report, diff=False)["not_listed"] == []


def test_message_has_the_first_five_failures():
    people_now = [desired(DEVELOPER, email=f"{letter}@example.com") for letter in "abcdefg"]
    failures = {letter: replace(FAILURE, sentence=f"Could not invite {letter}") for letter in "abcdefg"}
    assert roster_result(report_of(people_now, **failures), diff=False)["msg"] == (
        "7 of 7 people failed. Could not invite a. Could not invite b. Could not invite c. Could not invite d."
        " Could not invite e. The rest is in changes."
    )


def test_warnings_of_the_task_come_first_and_are_bounded():
    emails = [f"person-{number}@example.com" for number in range(30)]
    report = report_of(
        [desired(BILLING, email=email) for email in emails],
        [],
        [joined(ADMIN, email=email) for email in emails],
        warnings=["First."],
    )
    warnings = roster_result(report, diff=False)["warnings"]
    assert (len(warnings), warnings[0], warnings[-1]) == (21, "First.", "11 more warnings are left out.")


def test_role_known_by_its_id_alone_is_returned_so():
    result = person_result(report_of([desired(Role(uid(9)))]), diff=False)
    assert result["invitation"]["assigned_roles"] == [{"role_id": uid(9), "role_name": None, "role_type": None}]
    assert (result["invitation"]["id"], result["invitation"]["created_at"]) == (None, None) != timestamp(NOW)
