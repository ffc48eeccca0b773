# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles: found by name or ID, compared, described."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import Desired, Role
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._roles import (
    Match,
    describe,
    is_admin,
    known_roles,
    match,
    resolve_roles,
)
from hypothesis import given
from hypothesis import strategies as st

from ..people import desired, invited, joined, without_roles
from ..records import ADMIN, ALICE, ANALYST, BILLING, DEVELOPER, ROLES, uid

CUSTOM_ADMIN = Role(uid(0xB1), "Admin", "custom")

MATCHES = {
    "by ID": (desired(DEVELOPER), invited(DEVELOPER), Match.YES),
    "by ID, whatever the frozen legacy role": (desired(DEVELOPER), invited(DEVELOPER, role="admin"), Match.YES),
    "in another order": (desired(DEVELOPER, ADMIN), invited(ADMIN, DEVELOPER), Match.YES),
    "other": (desired(DEVELOPER), invited(ADMIN), Match.NO),
    "more than desired": (desired(DEVELOPER), invited(ADMIN, DEVELOPER), Match.NO),
    "less than desired": (desired(DEVELOPER, ADMIN), invited(DEVELOPER), Match.NO),
    "of a member": (desired(DEVELOPER), joined(ADMIN), Match.NO),
    "no assigned roles shown": (desired(BILLING), invited(), Match.UNKNOWN),
    "no assigned roles shown, but the legacy role is the same": (desired(DEVELOPER), invited(), Match.YES),
    "no assigned roles shown, more than the legacy role desired": (desired(DEVELOPER, ADMIN), invited(), Match.UNKNOWN),
    "assigned roles tell nothing": (desired(DEVELOPER), without_roles(invited()), Match.UNKNOWN),
    "legacy": (desired(role="developer"), invited(), Match.YES),
    "other legacy": (desired(role="admin"), invited(), Match.NO),
    "legacy, not shown": (desired(role="admin"), invited(role=None), Match.UNKNOWN),
    "legacy, the assigned one agrees": (desired(role="developer"), invited(DEVELOPER), Match.YES),
    "other legacy, the assigned one agrees": (desired(role="admin"), invited(DEVELOPER), Match.NO),
    "legacy frozen, assigned as desired": (desired(role="admin"), invited(ADMIN), Match.YES),
    "legacy frozen, assigned otherwise": (desired(role="admin"), invited(DEVELOPER, role="admin"), Match.UNKNOWN),
    "legacy beside a custom role": (desired(role="developer"), invited(ANALYST), Match.UNKNOWN),
    "legacy beside two roles": (desired(role="developer"), invited(DEVELOPER, ADMIN), Match.UNKNOWN),
    "legacy, only another assigned role shown": (desired(role="admin"), invited(BILLING, role=None), Match.UNKNOWN),
    "legacy, assigned roles tell nothing": (desired(role="developer"), without_roles(invited()), Match.YES),
    "other legacy, assigned roles tell nothing": (desired(role="admin"), without_roles(invited()), Match.UNKNOWN),
    "legacy beside a custom role of its name": (desired(role="admin"), invited(CUSTOM_ADMIN), Match.UNKNOWN),
    "ID of the legacy role, assigned": (desired(ADMIN, role="admin"), invited(ADMIN), Match.YES),
}


@pytest.mark.parametrize(("wanted", "holder", "verdict"), MATCHES.values(), ids=MATCHES)
def test_roles_match(wanted, holder, verdict):
    assert match(wanted, holder) is verdict


@pytest.mark.parametrize(
    ("holder", "admin"),
    [
        (joined(ADMIN, BILLING), True),
        (joined(BILLING, role="admin"), False),
        (joined(CUSTOM_ADMIN, role="admin"), False),
        (joined(role="admin"), True),
        (joined(), False),
        (None, False),
    ],
    ids=["assigned", "frozen legacy role", "custom role of that name", "legacy role", "other legacy role", "nobody"],
)
def test_administrator_has_the_system_role_admin(holder, admin):
    assert is_admin(holder) is admin


NAMESAKES = (Role(uid(0xC1), "Data team", "custom"), Role(uid(0xC2), "DATA TEAM", "custom"))
ROLE_NAMED_LIKE_AN_ID = Role(uid(0xC3), ADMIN.id, "custom")
STREET = Role(uid(5), "Straße", "custom")
SHIFT = Role(uid(5), " Night \tshift ", "custom")
QUALITY = Role(uid(5), "Qualit\u00e9", "custom")
PLAIN_ID = Role("a-plain-id", "x", "system")

FOUND = {
    "exact name": (["Admin"], ROLES, [ADMIN]),
    "name in another case": (["aDMIN"], ROLES, [ADMIN]),
    "ID": ([ADMIN.id], ROLES, [ADMIN]),
    "ID in capitals": ([ADMIN.id.upper()], ROLES, [ADMIN]),
    "several, sorted by ID": (["Developer", "Admin"], ROLES, [ADMIN, DEVELOPER]),
    "one role, named three times": (["Admin", ADMIN.id, "admin"], ROLES, [ADMIN]),
    "exact name before another case": (["DATA TEAM"], NAMESAKES, [NAMESAKES[1]]),
    "case folded as Unicode does": (["STRASSE"], [STREET], [STREET]),
    "accent typed as a combining one": (["Qualite\u0301"], [QUALITY], [QUALITY]),
    "blanks as messages print them": (["night shift"], [SHIFT], [SHIFT]),
    "role listed twice": (["Admin"], [ADMIN, ADMIN], [ADMIN]),
    "ID before a name": ([ADMIN.id], (ROLE_NAMED_LIKE_AN_ID, ADMIN), [ADMIN]),
    "ID that is no UUID": (["a-plain-id"], [PLAIN_ID, Role(uid(6), "a-plain-id", "custom")], [PLAIN_ID]),
}


@pytest.mark.parametrize(("names", "roles", "found"), FOUND.values(), ids=FOUND)
def test_role_is_found_by(names, roles, found):
    assert resolve_roles(names, roles, "roles") == tuple(found)


@pytest.mark.parametrize(
    ("name", "roles", "message"),
    [
        ("Owner", ROLES, "the organization has no role 'Owner'; its roles are: Admin, Analyst, Billing, Developer."),
        ("Owner", [], "the organization has no role 'Owner'; its roles are: none."),
        (uid(9), [ADMIN], f"the organization has no role '{uid(9)}'; its roles are: Admin."),
        (
            "data team",
            NAMESAKES,
            (
                f"several roles have the name 'data team': Data team ({uid(0xC1)}), DATA TEAM ({uid(0xC2)});"
                " give the ID of one of them."
            ),
        ),
        (
            "Admin",
            [ADMIN, CUSTOM_ADMIN],
            (
                f"several roles have the name 'Admin': Admin ({ADMIN.id}), Admin ({uid(0xB1)});"
                " give the ID of one of them."
            ),
        ),
    ],
    ids=["unknown name", "unknown name, no roles", "unknown ID", "name in two cases", "name of two roles"],
)
def test_unknown_or_ambiguous_role_is_rejected(name, roles, message):
    with pytest.raises(OptionError) as caught:
        resolve_roles([name], roles, "bob: roles")
    assert str(caught.value) == f"bob: roles: {message}"


@given(st.lists(st.sampled_from(ROLES), min_size=1), st.randoms())
def test_names_and_ids_in_any_case_and_order_resolve_to_the_same_roles(roles, random):
    spellings = [random.choice([role.id, role.id.upper(), role.name, role.name.upper()]) for role in roles]
    random.shuffle(spellings)
    assert resolve_roles(spellings, ROLES, "") == resolve_roles([role.id for role in roles], ROLES, "")


def test_ids_take_names_from_invitations_and_members():
    ids = [DEVELOPER.id.upper(), BILLING.id, uid(9)]
    seen = known_roles(ids, [invited(DEVELOPER, ANALYST), invited(), without_roles(invited()), joined(BILLING)])
    assert resolve_roles(ids, seen, "roles") == (Role(uid(9)), DEVELOPER, BILLING)


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (invited(DEVELOPER, ADMIN), "Admin, Developer"),
        (invited(DEVELOPER, role="admin"), "Developer"),
        (joined(role="admin"), "admin"),
        (without_roles(invited(role="admin")), "admin"),
        (invited(role=None), "no role"),
        (Desired(ALICE, None, (Role(uid(9)),)), uid(9)),
        (desired(Role(uid(9), "Night\x1b[31m\nshift")), "Night [31m shift"),
    ],
    ids=["assigned", "not the frozen one", "legacy", "roles tell nothing", "none", "only an ID known", "unprintable"],
)
def test_roles_are_described(holder, text):
    assert describe(holder) == text
