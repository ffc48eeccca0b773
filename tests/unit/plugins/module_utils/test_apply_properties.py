# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan that is applied, whatever fails on the way and however far the lists lag behind."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.clickhouse.cloud.plugins.module_utils._apply import apply
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import plan_absent, plan_present
from ansible_collections.clickhouse.cloud.plugins.module_utils._roles import Match, is_admin, match
from hypothesis import assume, given
from hypothesis import strategies as st

from ..organization import FAULTS, Faulty, invitations, members, people, policies, rosters
from ..records import NOW

faults = st.dictionaries(st.integers(1, 8), st.sampled_from(sorted(FAULTS)), max_size=3)
lags = st.sampled_from([0.0, 1.5])


def plan_for(organization, roster, policy, take):
    now = organization.current
    plan = plan_absent([each.email for each in roster], now, policy) if take else plan_present(roster, now, policy)
    try:
        plan.check(now)
    except OptionError:
        assume(False)
    return plan


def held_by(organization, email):
    """What a person has now."""
    found = [each for each in organization.invited.values() if each.email == email]
    return found, next((each for each in organization.joined.values() if each.email == email), None)


def has_access(person, organization, policy):
    """Whether the person has what is desired now."""
    found, member = held_by(organization, person.email)
    if member and policy.manage_members:
        return match(person.desired, member) is not Match.NO
    live = [each for each in found if not each.expired(NOW)]
    return member is not None or any(match(person.desired, each) is not Match.NO for each in live)


@given(rosters, invitations, members, policies, faults, lags, st.booleans())
def test_outcomes_are_true(roster, found, joined, policy, planned_faults, lag, take):
    organization = Faulty(found, joined, lag=lag, faults=planned_faults)
    plan = plan_for(organization, roster, policy, take)
    before = {person.email: held_by(organization, person.email) for person in plan.people}
    for outcome in apply(organization, plan):
        person = outcome.plan
        after = held_by(organization, person.email)
        if not outcome.changed:
            assert after == before[person.email]
        if outcome.error and "unknown" not in str(outcome.error):
            # The API may answer an update with the roles of before.
            assert outcome.member == after[1] or person.updates or not policy.manage_members
            assert outcome.invitation in (None, *after[0])
        if outcome.error or outcome.action == "expired":
            continue
        if person.desired:
            assert has_access(person, organization, policy)
        else:
            assert [each for each in after[0] if not each.expired(NOW)] == []
            assert after[0] == [] or outcome.warnings
            assert after[1] is None or not policy.manage_members


# What the API may say about every write for a person.
REJECTIONS = ["rejected", "denied", "conflict", "unprocessable"]
said_of = st.dictionaries(people, st.sampled_from([*REJECTIONS, *REJECTIONS, "lost before", "garbled after"]))


@given(rosters, invitations, members, policies, said_of, lags, st.booleans())
def test_everybody_has_an_outcome_whoever_is_rejected(roster, found, joined, policy, said, lag, take):
    policy = replace(policy, manage_members=True)
    organization = Faulty(found, joined, lag=lag, said=said)
    plan = plan_for(organization, roster, policy, take)
    outcomes = apply(organization, plan)
    assert [outcome.plan for outcome in outcomes] == list(plan.people)
    if not set(said.values()) <= set(REJECTIONS):
        return
    for outcome in outcomes:
        rejected = outcome.plan.changes and outcome.plan.email in said
        kept = outcome.plan.takes_admin and any(each.plan.makes_admin and each.error for each in outcomes)
        # An expired invitation that the API keeps is no access.
        assert outcome.error or outcome.warnings or not rejected
        assert outcome.error is None or rejected or kept, outcome.error


@given(rosters, invitations, members, policies, faults, lags)
def test_nobody_gets_two_invitations_at_once(roster, found, joined, policy, planned_faults, lag):
    organization = Faulty(found, joined, lag=lag, faults=planned_faults)
    plan = plan_for(organization, roster, policy, take=False)
    apply(organization, plan)
    for person in plan.people:
        theirs, _member = held_by(organization, person.email)
        assert len([each for each in theirs if each not in found]) <= 1


@given(rosters, invitations, members, policies, faults, lags, st.booleans())
def test_organization_keeps_an_administrator_whatever_fails(roster, found, joined, policy, planned_faults, lag, take):
    policy = replace(policy, manage_members=True)
    organization = Faulty(found, joined, lag=lag, faults=planned_faults)
    plan = plan_for(organization, roster, policy, take)
    apply(organization, plan)
    for _time, _invited, members_then in organization.history:
        assert not plan.admins or any(map(is_admin, members_then.values()))


@given(rosters, invitations, members, policies, faults, lags, st.booleans())
def test_next_run_does_the_rest_and_the_one_after_nothing(roster, found, joined, policy, planned_faults, lag, take):
    organization = Faulty(found, joined, lag=lag, faults=planned_faults)
    apply(organization, plan_for(organization, roster, policy, take))
    organization.faults, policy = {}, replace(policy, resend=False)
    outcomes = apply(organization, plan_for(organization, roster, policy, take))
    assert not [outcome.error for outcome in outcomes if outcome.error]
    assert not any(person.changes for person in plan_for(organization, roster, policy, take).people)


@given(rosters, invitations, members, policies, faults, lags, st.booleans())
def test_invitation_modules_never_touch_a_member(roster, found, joined, policy, planned_faults, lag, take):
    organization = Faulty(found, joined, lag=lag, faults=planned_faults)
    before = dict(organization.joined)
    apply(organization, plan_for(organization, roster, replace(policy, manage_members=False), take))
    assert organization.joined == before
