# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization in memory, which does as it is told, in place of the API; and strategies for any organization."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import Current, Policy
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Client
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Deletion, Desired, Invitation, Member
from clock import Clock
from hypothesis import strategies as st

from .people import USERS
from .records import DAY, NOW, ROLES, SETTINGS, timestamp, uid

PEOPLE = tuple(USERS)


class Organization:
    """It shows assigned roles, or as an older one only the legacy role. ``calls`` has what it was asked, in order.

    The list named ``spoilt`` has a record that cannot be read.
    """

    def __init__(self, invitations=(), members=(), *, shows_roles=True, may_list_members=True, may_list_roles=True):
        self.invited = {invitation.id: invitation for invitation in invitations}
        self.joined = {member.user_id: member for member in members}
        self.shows_roles = shows_roles
        self.may_list_members = may_list_members
        self.may_list_roles = may_list_roles
        self.emails = []
        self.calls = []
        self.unreadable = Counter()
        self.spoilt = None
        self.client = Client(SETTINGS, Clock(NOW.timestamp()))

    def misdate(self, host=timedelta(0), api=timedelta(0)):
        """Have the clocks of the host and of the API be wrong by so much."""
        self.client.clock.passed = host.total_seconds()
        self.client.clock_offset = api - host

    @property
    def current(self):
        return Current(tuple(self.invited.values()), tuple(self.joined.values()), NOW)

    def invitations(self):
        return self._list("invitations", self.invited.values())

    def members(self):
        return self._list("members", self.joined.values(), self.may_list_members)

    def members_if_allowed(self):
        return self.members() if self.may_list_members else None

    def roles(self):
        return self._list("roles", ROLES, self.may_list_roles)

    def invitation(self, invitation_id):
        self.calls.append("invitation")
        return self.invited.get(invitation_id)

    def create_invitation(self, desired):
        self.calls.append(f"invite {desired.email}")
        self.emails.append(desired.email)
        invitation = Invitation(
            email=desired.email,
            role=desired.role or "developer",
            assigned_roles=self._assigned(desired),
            id=uid(100 + len(self.emails)),
            created_at=timestamp(NOW),
            expire_at=timestamp(NOW + 7 * DAY),
        )
        self.invited[invitation.id] = invitation
        return invitation

    def delete_invitation(self, invitation):
        self.calls.append(f"revoke {invitation.email}")
        return Deletion.DELETED if self.invited.pop(invitation.id, None) else Deletion.ALREADY_GONE

    def update_member(self, member, desired):
        self.calls.append(f"update {member.email}")
        role = desired.role or member.role
        self.joined[member.user_id] = replace(member, role=role, assigned_roles=self._assigned(desired))
        return member

    def remove_member(self, member):
        self.calls.append(f"remove {member.email}")
        return Deletion.DELETED if self.joined.pop(member.user_id, None) else Deletion.ALREADY_GONE

    def _list(self, name, records, allowed=True):
        self.calls.append(name)
        if not allowed:
            raise ApiError(f"Could not list the {name}", "FORBIDDEN", "GET", status=403)
        self.unreadable[name] = int(name == self.spoilt)
        return list(records)

    def _assigned(self, desired):
        by_role = (each for each in ROLES if each.name.lower() == desired.role)
        return tuple(desired.assigned_roles or by_role) if self.shows_roles else None


people = st.sampled_from(PEOPLE)
role_sets = st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(tuple)
legacy_roles = st.sampled_from(["admin", "developer"])
durations = st.integers(0, 14 * 24).map(lambda hours: timedelta(hours=hours))
moments = st.none() | st.integers(-10 * 24, 10 * 24).map(lambda hours: timestamp(NOW + timedelta(hours=hours)))

rosters = st.lists(
    st.builds(Desired, people, legacy_roles) | st.builds(Desired, people, st.none(), role_sets),
    max_size=4,
    unique_by=lambda desired: desired.email,
)
invitations = st.lists(
    st.builds(
        Invitation,
        email=people,
        role=st.none() | legacy_roles,
        assigned_roles=st.none() | st.just(()) | role_sets,
        created_at=moments,
        expire_at=moments,
    ),
    max_size=4,
).map(lambda found: [replace(each, id=uid(number)) for number, each in enumerate(found)])
members = st.lists(
    st.builds(Member, people, st.none() | legacy_roles, st.none() | st.just(()) | role_sets),
    max_size=4,
    unique_by=lambda member: member.email,
).map(lambda found: [replace(each, user_id=USERS[each.email]) for each in found])
policies = st.builds(
    Policy,
    renew_before=st.none() | durations,
    resend=st.booleans(),
    manage_members=st.booleans(),
    purge=st.booleans(),
    purge_exclude=st.frozensets(people, max_size=2),
)


def failure(method, status=None, *, ambiguous=False, transient=False):
    return ApiError("Could not do it", "a fault", method, status=status, ambiguous=ambiguous, transient=transient)


# Whether the call takes effect all the same, and the error: of its status, ambiguous, transient.
FAULTS = {
    "lost before": (False, {"ambiguous": True, "transient": True}),
    "lost after": (True, {"ambiguous": True, "transient": True}),
    "garbled before": (False, {"status": 200, "ambiguous": True}),
    "garbled after": (True, {"status": 200, "ambiguous": True}),
    "rejected": (False, {"status": 400}),
    "conflict": (False, {"status": 409}),
    "unprocessable": (False, {"status": 422}),
    "denied": (False, {"status": 403}),
    "unauthorized": (False, {"status": 401}),
    "throttled": (False, {"status": 429, "transient": True}),
    "out of reach": (False, {"transient": True}),
}


class Faulty(Organization):
    """An organization whose lists lag by so many seconds.

    ``faults`` are those of calls, by their number; ``said`` are those that every write for a person meets, by email.
    """

    def __init__(self, invitations=(), members=(), *, lag=0.0, faults=None, said=None):
        super().__init__(invitations, members)
        self.lag = lag
        self.faults = faults or {}
        self.said = said or {}
        self.number = 0
        self.history = [(-1e9, dict(self.invited), dict(self.joined))]

    def invitations(self):
        return self._call("GET", lambda: list(self._shown(1).values()))

    def members(self):
        return self._call("GET", lambda: list(self._shown(2).values()))

    def create_invitation(self, desired):
        return self._call("POST", lambda: super(Faulty, self).create_invitation(desired), desired.email)

    def delete_invitation(self, invitation):
        return self._call("DELETE", lambda: super(Faulty, self).delete_invitation(invitation), invitation.email)

    def update_member(self, member, desired):
        return self._call("PATCH", lambda: super(Faulty, self).update_member(member, desired), member.email)

    def remove_member(self, member):
        return self._call("DELETE", lambda: super(Faulty, self).remove_member(member), member.email)

    def _call(self, method, call, email=None):
        self.number += 1
        assert self.number < 1000, "it does not end"
        self.client.clock.passed += 0.01
        fault = self.said.get(email) or self.faults.get(self.number)
        takes_effect, error = FAULTS.get(fault, (True, None))
        result = call() if takes_effect else None
        self.history.append((self.client.clock.passed, dict(self.invited), dict(self.joined)))
        if error:
            raise failure(method, **error)
        return result

    def _shown(self, part):
        """What the lists showed some time ago."""
        until = self.client.clock.passed - self.lag
        return next(state for state in reversed(self.history) if state[0] <= until)[part]
