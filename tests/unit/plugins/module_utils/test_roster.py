# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A roster from end to end, against an organization that does as it is told: check mode, the real run, the next run."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import Invitation, Member, Role
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._roster import (
    Entry,
    keep_absent,
    keep_absent_by_id,
    keep_present,
)
from ansible_collections.clickhouse.cloud.plugins.modules.invitation import result_of_one
from ansible_collections.clickhouse.cloud.plugins.modules.invitations import result_of_roster
from hypothesis import given
from hypothesis import strategies as st

from ..records import ADMIN, ALICE, BOB, CAROL, DAVE, DAY, NOW, ROLES, timestamp, uid
from ..scripted import Clock

PEOPLE = [ALICE, BOB, CAROL, DAVE]


class Organization:
    """Stands in for Cloud. It stores invitations as an organization with custom roles does, or as an older one."""

    def __init__(self, invitations=(), members=(), *, older=False, may_list_members=True):
        self.stored = {invitation.id: invitation for invitation in invitations}
        self.joined = list(members)
        self.older = older
        self.may_list_members = may_list_members
        self.emails = []
        self.calls = []
        self.client = SimpleNamespace(now=lambda: NOW, clock=Clock())

    def invitations(self):
        self.calls.append("invitations")
        return list(self.stored.values())

    def members_if_allowed(self):
        self.calls.append("members")
        return self.joined if self.may_list_members else None

    def roles(self):
        self.calls.append("roles")
        return list(ROLES)

    def invitation(self, invitation_id):
        return self.stored.get(invitation_id)

    def create(self, wish):
        self.emails.append(wish.email)
        same = [each for each in ROLES if each.name.lower() == wish.role] if wish.role else wish.assigned_roles
        invitation = Invitation(
            email=wish.email,
            role=wish.role or "developer",
            assigned_roles=None if self.older else tuple(sorted(same)),
            id=uid(100 + len(self.emails)),
            created_at=timestamp(NOW),
            expire_at=timestamp(NOW + 7 * DAY),
        )
        self.stored[invitation.id] = invitation
        return invitation

    def delete(self, invitation):
        return self.stored.pop(invitation.id, None) is not None


hours = st.integers(-10 * 24, 10 * 24).map(lambda number: timestamp(NOW + timedelta(hours=number)))
role_sets = st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True).map(tuple)
older_roles = st.sampled_from(["admin", "developer"])
stored = st.lists(
    st.builds(
        Invitation,
        email=st.sampled_from(PEOPLE),
        role=st.none() | older_roles,
        assigned_roles=st.none() | st.just(()) | role_sets,
        created_at=st.none() | hours,
        expire_at=st.none() | hours,
    ),
    max_size=6,
).map(lambda found: [each._replace(id=uid(number)) for number, each in enumerate(found)])
members = st.lists(st.builds(Member, st.sampled_from(PEOPLE), older_roles, role_sets), max_size=2)
names = st.sampled_from([spelling for role in ROLES for spelling in (role.id, role.name, role.name.upper())])
entries = st.builds(Entry, st.sampled_from(PEOPLE), older_roles, st.just(())) | st.builds(
    Entry, st.sampled_from(PEOPLE), st.none(), st.lists(names, min_size=1, max_size=2).map(tuple)
)
rosters = st.lists(entries, min_size=1, max_size=4, unique_by=lambda entry: entry.email)
renewals = st.none() | st.integers(0, 12 * 24).map(lambda number: timedelta(hours=number))


@st.composite
def organizations(draw):
    """A way to have the same organization, several times."""
    invitations, joined, older, may = draw(st.tuples(stored, members, st.booleans(), st.booleans()))
    return lambda: Organization(invitations, joined, older=older, may_list_members=may)


def forecast(result):
    """What check mode and the real run have to agree on."""
    changes = [(change["email"], change["action"]) for change in result["changes"]]
    return result["changed"], changes, result["members"], result["summary"], result["diff"], result["warnings"]


@given(organizations(), rosters, renewals, st.booleans())
def test_check_mode_foretells_the_real_run(make, roster, renew_before, purge):
    foretold = keep_present(make(), roster, renew_before, purge, check_mode=True)
    done = keep_present(make(), roster, renew_before, purge, check_mode=False)
    assert forecast(result_of_roster(foretold, NOW, True)) == forecast(result_of_roster(done, NOW, True))


@given(organizations(), rosters, renewals, st.booleans())
def test_check_mode_changes_nothing(make, roster, renew_before, purge):
    organization, untouched = make(), make()
    keep_present(organization, roster, renew_before, purge, check_mode=True)
    keep_absent(organization, PEOPLE, check_mode=True)
    assert organization.stored == untouched.stored
    assert organization.emails == []


@given(organizations(), rosters, renewals, st.booleans())
def test_however_often_it_runs_a_person_gets_at_most_one_email(make, roster, renew_before, purge):
    organization = make()
    keep_present(organization, roster, renew_before, purge, check_mode=False)
    for _time in range(2):
        again = keep_present(organization, roster, renew_before, purge, check_mode=False)
        assert not result_of_roster(again, NOW, False)["changed"]
    assert len(organization.emails) == len(set(organization.emails))


@given(organizations(), entries, renewals)
def test_one_invitation_is_a_roster_of_one(make, entry, renew_before):
    kept = [keep_present(make(), [entry], renew_before, purge=False, check_mode=False) for _time in range(2)]
    one, many = result_of_one(kept[0], NOW, False), result_of_roster(kept[1], NOW, False)
    assert one["changed"] == many["changed"]
    assert many["summary"][one["action"]] == 1


@given(organizations(), st.lists(st.sampled_from(PEOPLE), max_size=6))
def test_absent_leaves_none_and_asks_for_nothing_else(make, emails):
    organization, untouched = make(), make()
    keep_absent(organization, emails, check_mode=False)
    assert list(organization.stored.values()) == [each for each in untouched.invitations() if each.email not in emails]
    assert organization.calls == ["invitations"]


class TestReads:
    """Reading is lazy, and no more than is needed."""

    FITTING = Invitation(ALICE, "admin", (ADMIN,), id=uid(1))

    @pytest.mark.parametrize(
        ("roles", "found", "calls"),
        [
            ((ADMIN.id,), [FITTING], ["invitations"]),
            (("Admin",), [FITTING], ["roles", "invitations"]),
            ((ADMIN.id,), [], ["invitations", "members"]),
            (("Admin",), [], ["roles", "invitations", "members"]),
        ],
    )
    def test_present(self, roles, found, calls):
        organization = Organization(found)
        keep_present(organization, [Entry(ALICE, None, roles)], timedelta(0), purge=False, check_mode=False)
        assert organization.calls == calls

    def test_a_refused_roster_reads_nothing(self):
        organization = Organization([self.FITTING])
        with pytest.raises(OptionError, match=r"^purge: the roster is empty"):
            keep_present(organization, [], timedelta(0), purge=True, check_mode=False)
        assert organization.calls == []
        assert list(organization.stored.values()) == [self.FITTING]


def test_without_the_right_to_list_members_people_are_invited_all_the_same():
    organization = Organization(members=[Member(ALICE, "admin", (ADMIN,))], may_list_members=False)
    kept = keep_present(organization, [Entry(ALICE, "admin")], timedelta(0), purge=False, check_mode=False)
    assert organization.emails == [ALICE]
    (warning,) = kept.warnings
    assert warning.startswith("The API key may not list members, so people who have joined already may be invited")


def test_purge_keeps_whoever_is_listed_by_any_spelling_of_roles():
    found = [Invitation(email, "admin", (ADMIN,), id=uid(number)) for number, email in enumerate([ALICE, BOB, CAROL])]
    organization = Organization(found)
    roster = [Entry(ALICE, None, ("admin",)), Entry(ALICE, None, (ADMIN.id,)), Entry(BOB, "admin")]
    kept = keep_present(organization, roster, timedelta(0), purge=True, check_mode=False)
    assert [outcome.action for outcome in kept.outcomes] == ["unchanged", "unchanged", "deleted"]
    assert [each.email for each in organization.stored.values()] == [ALICE, BOB]


def test_ids_of_roles_that_invitations_show_have_their_names():
    organization = Organization([Invitation(BOB, None, (ADMIN,), id=uid(1))])
    kept = keep_present(organization, [Entry(ALICE, None, (ADMIN.id,))], timedelta(0), purge=False, check_mode=True)
    assert kept.outcomes[0].invitation.assigned_roles == (Role(ADMIN.id, "Admin", "system"),)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("number", "action"), [(1, "deleted"), (2, "absent")])
def test_absent_by_id(number, action, check_mode):
    twin = Invitation(ALICE, id=uid(3))
    organization = Organization([Invitation(ALICE, id=uid(1)), twin])
    kept = keep_absent_by_id(organization, uid(number), check_mode)
    assert [outcome.action for outcome in kept.outcomes] == [action]
    assert len(organization.stored) == (1 if action == "deleted" and not check_mode else 2)
    assert twin.id in organization.stored


@pytest.mark.parametrize(("role", "roles"), [(None, None), ("admin", ["Admin"])])
def test_an_entry_takes_exactly_one_of_role_and_roles(role, roles):
    with pytest.raises(OptionError, match=r"^alice@example\.com: give exactly one of role and roles\.$"):
        Entry.of(ALICE, {"role": role, "roles": roles})
