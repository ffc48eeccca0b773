# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random organizations, and random tasks of the writing modules for them."""

from __future__ import annotations

from typing import Any, NamedTuple

from cast import ALICE, BOB, CAROL, DAVE
from component.harness import DAY
from hypothesis import strategies as st

PEOPLE = [ALICE, BOB, CAROL, DAVE]
ROLES = ["Admin", "Developer", "Billing", "Night shift"]
HOUR = 3600.0
UNKNOWN_ID = "5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11"


class Organization(NamedTuple):
    """An organization: the simulator's settings, and who is in it."""

    settings: dict[str, Any]
    invitations: list[dict[str, Any]]
    members: list[dict[str, Any]]

    def build(self, simulator):
        """Make the simulator this organization."""
        simulator.reset(**self.settings)
        simulator.add_role("Night shift")
        for invitation in self.invitations:
            simulator.invite(**invitation)
        for member in self.members:
            simulator.add_member(**member)
            if not member["role_names"]:
                simulator.update_member(member["email"])


class Task(NamedTuple):
    """A task of one of the writing modules."""

    module: str
    options: dict[str, Any]

    def options_in(self, simulator):
        """The options, with IDs in place of the numbers of an invitation and of a member."""
        options = dict(self.options)
        for option, records, key in (
            ("invitation_id", simulator.invitations, "id"),
            ("user_id", simulator.members, "userId"),
        ):
            if option in options:
                number = options[option]
                options[option] = records[number][key] if number < len(records) else UNKNOWN_ID
        return options


def some(values, **sizes):
    """Lists of some of these values, each at most once."""
    return st.lists(st.sampled_from(values), unique=True, **sizes)


emails = st.sampled_from([*PEOPLE, "Alice@Example.com", "BOB@example.com"])

# Without times in its records, the tests could not tell which invitations a list leaves out as expired.
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
        "last_admin": st.sampled_from(["reject", "allow"]),
        "last_admin_status": st.sampled_from([400, 403]),
        "list_expired": st.booleans(),
        "patch_stale_reads": st.sampled_from([0, 0, 1, 3, 20]),
        "email_case": st.sampled_from(["lower", "as_sent"]),
        "invitation_lifetime": st.sampled_from([7 * DAY, 7 * DAY, 1 * DAY, 2 * HOUR]),
    }
).filter(lambda chosen: chosen["list_expired"] or chosen["timestamps"] in ("milliseconds", "offset", "nanoseconds"))

organizations = st.builds(
    Organization,
    settings,
    st.lists(
        st.fixed_dictionaries(
            {
                "email": emails,
                "role_names": some(ROLES, min_size=1, max_size=2),
                "created_ago": st.sampled_from([0.0, 1 * DAY, 6 * DAY]),
                "expires_in": st.sampled_from([-40 * DAY, -60.0, 1 * HOUR, 1 * DAY, 7 * DAY]),
            }
        ),
        max_size=6,
    ),
    st.lists(
        st.fixed_dictionaries({"email": emails, "role_names": some(ROLES, max_size=2)}),
        max_size=4,
        unique_by=lambda member: member["email"].lower(),
    ),
)

roles = st.one_of(
    st.sampled_from([{"role": "developer"}, {"role": "admin"}]),
    st.builds(lambda names: {"roles": names}, some([*ROLES, "ADMIN"], min_size=1, max_size=2)),
)
renewals = st.sampled_from([*[{}] * 4, {"renew_before": "never"}, *({"renew_before": t} for t in ("12h", "3d", "30d"))])
purges = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"purge": st.just(True), "purge_limit": st.sampled_from(["100%", "100%", "25%", "1"])}),
)
entries = st.lists(
    st.builds(lambda email, own: {"email": email, **own}, emails, st.one_of(st.just({}), roles)), min_size=1, max_size=5
)


def _options(*parts):
    """Options that are made up of these strategies' parts."""
    return st.builds(lambda *dicts: {name: value for each in dicts for name, value in each.items()}, *parts)


def _one(module, ids):
    email = emails.map(lambda email: {"email": email})
    absent = st.just({"state": "absent"})
    options = st.one_of(
        _options(email, roles, renewals),
        _options(email, absent),
        _options(st.integers(0, 3).map(lambda number: {ids: number}), absent),
    )
    return st.builds(Task, st.just(module), options)


def _roster(module, more):
    options = st.one_of(
        _options(entries.map(lambda people: {module: people}), roles, renewals, purges, more),
        _options(st.lists(emails, min_size=1, max_size=4).map(lambda people: {"emails": people, "state": "absent"})),
    )
    return st.builds(Task, st.just(module), options)


exclusions = st.one_of(st.just({}), some(PEOPLE, max_size=2).map(lambda people: {"purge_exclude": people}))
tasks = st.one_of(
    _one("invitation", "invitation_id"),
    _roster("invitations", st.just({})),
    _one("membership", "user_id"),
    _roster("memberships", exclusions),
)
