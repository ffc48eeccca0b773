# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan, whatever the organization, the roster and the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import (
    Current,
    Invite,
    Policy,
    Remove,
    Revoke,
    Update,
    predict,
)
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import plan_absent, plan_present
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Invitation, Role, end_of
from ansible_collections.clickhouse.cloud.plugins.module_utils._roles import Match, match
from hypothesis import given
from hypothesis import strategies as st

from ..organization import Organization, durations, invitations, members, people, policies, rosters
from ..people import desired, invited, joined
from ..records import NOW, timestamp, uid


def changes(plan):
    return [change for person in plan.people for change in person.changes]


def make(organization, change):
    """Make a change in an organization that does as it is told."""
    if isinstance(change, Invite):
        organization.create_invitation(change.desired)
    elif isinstance(change, Revoke):
        organization.delete_invitation(change.invitation)
    elif isinstance(change, Update):
        organization.update_member(change.member, change.desired)
    else:
        organization.remove_member(change.member)


def applied(plan, found, joined):
    organization = Organization(found, joined)
    for change in changes(plan):
        make(organization, change)
    return organization.current


@given(rosters, invitations, members, policies)
def test_prediction_comes_true(roster, found, joined, policy):
    plan = plan_present(roster, Current(found, joined, NOW), policy)
    then = applied(plan, found, joined)
    for person in plan.people:
        predicted = predict(person)
        theirs = [each for each in then.invitations if each.email == person.email]
        member = next((each for each in then.members if each.email == person.email), None)
        if person.action == "replaced" and not person.invites:
            assert predicted.invitation in theirs
            assert Match.NO not in {match(person.desired, each) for each in theirs if not each.expired(NOW)}
        elif person.action in ("created", "replaced", "renewed"):
            assert [match(person.desired, each) for each in theirs] == [Match.YES]
            assert predicted.invitation.role == person.desired.role
        if person.action == "updated":
            assert match(person.desired, member) is Match.YES
            assert match(person.desired, predicted.member) is Match.YES
        if person.action in ("deleted", "removed", "absent"):
            assert theirs == []
            assert member is None or not policy.manage_members
        if not person.changes:
            assert theirs == [each for each in found if each.email == person.email]


@given(rosters, invitations, members, policies)
def test_invitation_modules_never_change_a_member(roster, found, joined, policy):
    policy = replace(policy, manage_members=False)
    now = Current(found, joined, NOW)
    emails = {member.email for member in joined}
    for plan in (plan_present(roster, now, policy), plan_absent(emails, now, policy)):
        assert not [change for change in changes(plan) if isinstance(change, (Update, Remove))]


@given(rosters, invitations, members, policies)
def test_both_families_plan_invitations_alike(roster, found, joined, policy):
    now = Current(found, joined, NOW)
    emails = {member.email for member in joined}
    by_family = []
    for manage_members in (False, True):
        plan = plan_present(roster, now, replace(policy, manage_members=manage_members))
        by_family.append([person for person in plan.people if person.email not in emails])
    assert by_family[0] == by_family[1]


@given(rosters, invitations, members, policies)
def test_each_person_is_planned_once_and_in_phases(roster, found, joined, policy):
    plan = plan_present(roster, Current(found, joined, NOW), policy)
    emails = [person.email for person in plan.people]
    assert len(emails) == len(set(emails))
    assert {desired.email for desired in roster} <= set(emails)
    assert [person.phase for person in plan.people] == sorted(person.phase for person in plan.people)


@given(rosters, invitations, members, policies)
def test_the_order_of_lists_makes_no_difference(roster, found, joined, policy):
    forward = plan_present(roster, Current(found, joined, NOW), policy)
    backward = plan_present(roster[::-1], Current(found[::-1], joined[::-1], NOW), policy)
    actions = [sorted((person.email, person.action) for person in plan.people) for plan in (forward, backward)]
    assert actions[0] == actions[1]


@given(rosters, invitations, members, policies)
def test_live_invitation_is_given_up_only_for_other_roles_or_a_renewal(roster, found, joined, policy):
    for person in plan_present(roster, Current(found, joined, NOW), policy).people:
        live = [each for each in found if each.email == person.email and not each.expired(NOW)]
        if person.desired is None or not live or not person.changes or person.action == "updated":
            continue
        verdicts = {match(person.desired, each) for each in live}
        if not person.invites:
            # One of them is kept, and those with other roles are revoked.
            assert set(person.changes) == {Revoke(each) for each in live if match(person.desired, each) is Match.NO}
            assert match(person.desired, person.live) is Match.YES
            continue
        if person.action == "replaced":
            last = max(end_of(each) for each in live if match(person.desired, each) is Match.NO)
            assert verdicts == {Match.NO} or end_of(person.live) < last
        else:
            assert Match.YES in verdicts
            due = policy.renew_before is not None and person.live.expires_within(policy.renew_before, NOW)
            assert policy.resend or due
        # The one that the person can join with is revoked last, right before the new one is sent.
        assert person.changes[-2] == Revoke(person.live)


@given(rosters, invitations, members, policies)
def test_only_people_without_any_invitation_left_are_invited(roster, found, joined, policy):
    plan = plan_present(roster, Current(found, joined, NOW), policy)
    for person in plan.people:
        if any(isinstance(change, Invite) for change in person.changes):
            theirs = {each.id for each in found if each.email == person.email}
            assert {change.invitation.id for change in person.changes[:-1]} == theirs
            assert person.live or person.email not in {member.email for member in joined}


@given(rosters.filter(bool), st.integers(1, 20 * 24), st.none() | durations)
def test_fresh_invitation_is_never_due_at_once(roster, hours, renew_before):
    wanted = roster[0]
    end = timestamp(NOW + timedelta(hours=hours))
    fresh = Invitation(wanted.email, wanted.role, wanted.assigned_roles, uid(1), timestamp(NOW), end)
    (person,) = plan_present([wanted], Current([fresh], [], NOW), Policy(renew_before)).people
    assert person.action == "unchanged"


@given(st.lists(people), invitations, members)
def test_absent_leaves_nothing_and_touches_nobody_else(emails, found, joined):
    plan = plan_absent(emails, Current(found, joined, NOW), Policy(manage_members=True))
    then = applied(plan, found, joined)
    assert list(then.invitations) == [each for each in found if each.email not in emails]
    assert list(then.members) == [each for each in joined if each.email not in emails]


@given(rosters, invitations, members, policies)
def test_purge_leaves_listed_and_excluded_people_only(roster, found, joined, policy):
    policy = replace(policy, purge=True, manage_members=True)
    now = Current(found, joined, NOW)
    then = applied(plan_present(roster, now, policy), found, joined)
    listed = {desired.email for desired in roster}
    have = {each.email for each in (*then.invitations, *then.members)}
    had = {each.email for each in (*found, *joined)}
    assert have == listed | (had & policy.purge_exclude)


@given(rosters, invitations, members, policies)
def test_diff_has_lines_for_changes_alone(roster, found, joined, policy):
    plan = plan_present(roster, Current(found, joined, NOW), policy)
    changed = {person.email for person in plan.people if person.changes}
    shown = {side: [line.split(": ")[0] for line in text.splitlines()] for side, text in plan.diff().items()}
    assert set(shown["before"]) | set(shown["after"]) == changed
    for emails in shown.values():
        assert emails == sorted(set(emails))


NAMES = (
    "Billing",
    "Billing",
    "billing",
    "Billing ",
    "\u0392illing",
    "Billing, Admin",
    "Admin",
    "",
    "\u00e9",
    "e\u0301",
)
looking_alike = st.lists(
    st.sampled_from([Role(uid(0xB0 + number), name, "custom") for number, name in enumerate(NAMES)]),
    min_size=1,
    unique=True,
)


@given(looking_alike, looking_alike, st.booleans())
def test_different_roles_never_make_an_empty_diff(has, wanted, has_joined):
    holder = joined(*has) if has_joined else invited(*has)
    now = Current(*([], [holder]) if has_joined else ([holder], None), NOW)
    plan = plan_present([desired(*wanted)], now, Policy(manage_members=has_joined))
    diff = plan.diff()
    assert (diff["before"] == diff["after"]) == (set(has) == set(wanted))
