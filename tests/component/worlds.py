# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random organizations, and random wishes about who is invited to them."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

PEOPLE = [f"{name}@example.com" for name in ("ann", "bob", "cat", "dan")]
ROLES = ["Admin", "Developer", "Billing", "Night shift"]
HOUR = 3600.0
DAY = 24 * HOUR


class World(NamedTuple):
    """An organization: its settings, and who is there."""

    settings: dict[str, Any]
    invitations: list[dict[str, Any]]
    members: list[dict[str, Any]]

    def build(self, simulator):
        """Make the simulator such an organization."""
        simulator.reset(**self.settings)
        simulator.add_role("Night shift")
        for invitation in self.invitations:
            simulator.invite(**invitation)
        for member in self.members:
            simulator.add_member(**member)


class Wish(NamedTuple):
    """A task of one of the writing modules."""

    module: str
    options: dict[str, Any]

    def options_in(self, simulator):
        """The options, with a number in place of an invitation's ID looked up."""
        number = self.options.get("invitation_id")
        if number is None:
            return self.options
        there = simulator.invitations
        unknown = "5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11"
        return {**self.options, "invitation_id": there[number]["id"] if number < len(there) else unknown}


def some(values, **sizes):
    """Lists of some of these values, each at most once."""
    return st.lists(st.sampled_from(values), unique=True, **sizes)


emails = st.sampled_from([*PEOPLE, "Ann@Example.com", "BOB@example.com"])
held_roles = some(ROLES, min_size=1, max_size=2)

# Without times in its records, nobody could tell here either which invitations a list leaves out as expired.
settings = st.fixed_dictionaries(
    {
        "organization_era": st.sampled_from(
            ["custom_roles_available", "legacy", "migrated_rejects", "migrated_frozen"]
        ),
        "timestamps": st.sampled_from(["milliseconds", "milliseconds", "offset", "nanoseconds", "missing", "garbage"]),
        "second_invitation": st.sampled_from(["reject", "allow"]),
        "second_invitation_status": st.sampled_from([409, 400]),
        "second_beside_expired": st.sampled_from(["allow", "reject"]),
        "member_invitation_status": st.sampled_from([409, 400]),
        "list_expired": st.booleans(),
        "members_forbidden": st.booleans(),
        "email_case": st.sampled_from(["lower", "as_sent"]),
        "invitation_lifetime": st.sampled_from([7 * DAY, 7 * DAY, 1 * DAY, 2 * HOUR]),
    }
).filter(lambda chosen: chosen["list_expired"] or chosen["timestamps"] in ("milliseconds", "offset", "nanoseconds"))

invitations = st.fixed_dictionaries(
    {
        "email": emails,
        "role_names": held_roles,
        "created_ago": st.sampled_from([0.0, 1 * DAY, 6 * DAY]),
        "expires_in": st.sampled_from([-40 * DAY, -60.0, 1 * HOUR, 1 * DAY, 7 * DAY]),
    }
)

worlds = st.builds(
    World,
    settings,
    st.lists(invitations, max_size=6),
    st.lists(
        st.fixed_dictionaries({"email": emails, "role_names": held_roles}),
        max_size=2,
        unique_by=lambda m: m["email"].lower(),
    ),
)

roles = st.one_of(
    st.sampled_from([{"role": "developer"}, {"role": "admin"}]),
    st.builds(lambda names: {"roles": names}, some([*ROLES, "ADMIN"], min_size=1, max_size=2)),
)
renewals = st.builds(
    lambda renew_before: {"renew_before": renew_before}, st.sampled_from(["0s", "0s", "never", "12h", "3d", "30d"])
)
entries = st.builds(lambda email, own: {"email": email, **own}, emails, st.one_of(st.just({}), roles))

present = st.builds(
    lambda email, roles, renewal: Wish("invitation", {"email": email, **roles, **renewal}), emails, roles, renewals
)
absent = st.builds(lambda email: Wish("invitation", {"email": email, "state": "absent"}), emails)
absent_by_id = st.builds(
    lambda number: Wish("invitation", {"invitation_id": number, "state": "absent"}), st.integers(0, 3)
)
roster = st.builds(
    lambda people, roles, renewal, purge: Wish(
        "invitations", {"invitations": people, "purge": purge, **roles, **renewal}
    ),
    st.lists(entries, min_size=1, max_size=5),
    roles,
    renewals,
    st.booleans(),
)
roster_absent = st.builds(
    lambda people: Wish("invitations", {"emails": people, "state": "absent"}), st.lists(emails, min_size=1, max_size=4)
)
wishes = st.one_of(present, roster, roster, absent, absent_by_id, roster_absent)
