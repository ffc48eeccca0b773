# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan, whatever the organization and whatever is wished for."""

from __future__ import annotations

from datetime import timedelta

from ansible_collections.clickhouse.cloud.plugins.module_utils._api import Desired, Invitation, Member
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import (
    fits,
    plan_absent,
    plan_present,
    resolve_roles,
)
from hypothesis import given
from hypothesis import strategies as st

from ..records import ALICE, BOB, CAROL, DAVE, DAY, NOW, ROLES, timestamp, uid

PEOPLE = [ALICE, BOB, CAROL, DAVE]
LIFETIME = 7 * DAY

people = st.sampled_from(PEOPLE)
role_sets = st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(tuple)
older_roles = st.sampled_from(["admin", "developer"])
moments = st.none() | st.integers(-10 * 24, 10 * 24).map(lambda hours: timestamp(NOW + timedelta(hours=hours)))

wishes = st.builds(Desired, people, older_roles) | st.builds(Desired, people, st.none(), role_sets)
rosters = st.lists(wishes, max_size=4, unique_by=lambda wish: wish.email)
invitations = st.lists(
    st.builds(
        Invitation,
        email=people,
        role=st.none() | older_roles,
        assigned_roles=st.none() | st.just(()) | role_sets,
        created_at=moments,
        expire_at=moments,
    ),
    max_size=8,
).map(lambda found: [each._replace(id=uid(number)) for number, each in enumerate(found)])
members = st.lists(st.builds(Member, people, older_roles, st.none() | role_sets), max_size=2)
renewals = st.none() | st.integers(0, 14 * 24).map(lambda hours: timedelta(hours=hours))


def carried_out(found, steps):
    """The invitations after the steps, as a server that does as it is told has them."""
    gone = {invitation.id for step in steps for invitation in step.delete}
    sent = [
        step.invitation._replace(id=uid(100 + number), created_at=timestamp(NOW), expire_at=timestamp(NOW + LIFETIME))
        for number, step in enumerate(steps)
        if step.wish
    ]
    return [invitation for invitation in found if invitation.id not in gone] + sent


@given(rosters, invitations, members, renewals)
def test_a_second_run_has_nothing_to_write(roster, found, joined, renew_before):
    steps = plan_present(roster, found, joined, renew_before, NOW)
    again = plan_present(roster, carried_out(found, steps), joined, renew_before, NOW)
    assert not any(step.writes for step in again)


@given(rosters, invitations, members, renewals)
def test_planning_is_deterministic_one_step_a_person_in_order(roster, found, joined, renew_before):
    steps = plan_present(roster, found, joined, renew_before, NOW)
    assert [step.email for step in steps] == [wish.email for wish in roster]
    assert steps == plan_present(roster, found, joined, renew_before, NOW)
    reversed_ = plan_present(roster, found[::-1], joined, renew_before, NOW)
    assert [step.action for step in steps] == [step.action for step in reversed_]


@given(rosters, invitations, members, renewals)
def test_nothing_is_written_over_what_cannot_be_compared(roster, found, joined, renew_before):
    for wish, step in zip(roster, plan_present(roster, found, joined, renew_before, NOW)):
        live = [each for each in found if each.email == wish.email and not each.expired(NOW)]
        if any(fits(wish, each) is not False for each in live):
            assert step.action in ("unchanged", "renewed")
            assert step.action == "unchanged" or renew_before


@given(rosters, invitations, members, renewals)
def test_a_live_invitation_that_fits_is_deleted_only_if_renewal_is_due(roster, found, joined, renew_before):
    for wish, step in zip(roster, plan_present(roster, found, joined, renew_before, NOW)):
        for invitation in step.delete:
            assert invitation.email == wish.email
            if fits(wish, invitation) and not invitation.expired(NOW):
                assert step.action == "renewed"
                assert invitation.expires_within(renew_before, NOW)


@given(rosters, invitations, members, renewals)
def test_whoever_is_written_to_has_neither_joined_nor_a_live_invitation_left(roster, found, joined, renew_before):
    for step in plan_present(roster, found, joined, renew_before, NOW):
        if step.wish:
            theirs = [each for each in found if each.email == step.email]
            assert sorted(step.delete, key=found.index) == theirs
            assert step.before in (None, *step.delete[-1:])
            assert step.before or step.email not in {member.email for member in joined}


@given(wishes, st.integers(1, 20 * 24), renewals)
def test_a_fresh_invitation_is_never_due_at_once(wish, hours, renew_before):
    fresh = Invitation(
        wish.email,
        wish.role,
        wish.assigned_roles,
        id=uid(1),
        created_at=timestamp(NOW),
        expire_at=timestamp(NOW + timedelta(hours=hours)),
    )
    (step,) = plan_present([wish], [fresh], [], renew_before, NOW)
    assert step.action == "unchanged"


@given(st.lists(people, unique=True), invitations)
def test_absent_leaves_none(emails, found):
    left = carried_out(found, plan_absent(emails, found))
    assert [each for each in left if each.email in emails] == []
    assert [each for each in found if each.email not in emails] == left


@given(rosters, invitations, members, renewals)
def test_a_diff_shows_a_change_just_where_there_is_one(roster, found, joined, renew_before):
    steps = plan_present(roster, found, joined, renew_before, NOW)
    for step in [*steps, *plan_absent(PEOPLE, found)]:
        diff = step.diff()
        if step.action in ("created", "deleted"):
            assert bool(diff["before"]) != bool(diff["after"])
        if step.action == "replaced":
            assert diff["before"] != diff["after"]
        if not step.writes:
            assert diff["before"] == diff["after"]


@given(st.lists(st.sampled_from(ROLES), min_size=1), st.randoms())
def test_roles_by_name_or_id_in_any_case_and_order_are_the_same_roles(roles, random):
    spellings = [random.choice([role.id, role.id.upper(), role.name, role.name.upper()]) for role in roles]
    random.shuffle(spellings)
    assert resolve_roles(spellings, ROLES, "") == resolve_roles([role.id for role in roles], ROLES, "")
