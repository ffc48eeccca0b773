# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles: found by name or ID, compared, described."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Desired, Role
from ansible_collections.clickhouse.cloud.plugins.module_utils._roles import (
    Match,
    RoleIndex,
    alike,
    describe,
    is_admin,
    label,
    match,
)
from cast import ALICE
from hypothesis import given
from hypothesis import strategies as st

from ..people import desired, invited, joined, unreadable_roles, without_roles
from ..records import ADMIN, ANALYST, BILLING, DEVELOPER, ROLES, uid

CUSTOM_ADMIN = Role(uid(0xB1), "Admin", "custom")
UNTYPED_ADMIN = Role(uid(0xB2), "Admin")

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
    "no roles": (desired(DEVELOPER), without_roles(invited()), Match.NO),
    "unreadable roles": (desired(DEVELOPER), unreadable_roles(invited()), Match.UNKNOWN),
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
    "legacy, no roles, which may be a frozen role's": (
        desired(role="developer"),
        without_roles(invited()),
        Match.UNKNOWN,
    ),
    "other legacy, no roles": (desired(role="admin"), without_roles(invited()), Match.NO),
    "legacy, unreadable roles": (desired(role="developer"), unreadable_roles(invited()), Match.UNKNOWN),
    "legacy, the assigned one has no type": (desired(role="admin"), invited(UNTYPED_ADMIN), Match.YES),
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
        (joined(Role(uid(1), "Admin", "CUSTOM")), False),
        (joined(Role(uid(1), "ADMIN")), False),
        (joined(UNTYPED_ADMIN), True),
        (joined(Role(uid(1), "Admin", "built-in")), True),
        (joined(role="admin"), True),
        (without_roles(joined(role="admin")), False),
        (joined(), False),
        (None, False),
    ],
    ids=[
        "assigned",
        "frozen legacy role",
        "custom role of that name",
        "custom role in capitals",
        "name in capitals",
        "no type",
        "unknown type",
        "legacy role",
        "no roles",
        "other legacy role",
        "nobody",
    ],
)
def test_administrator_has_the_system_role_admin(holder, admin):
    assert is_admin(holder) is admin


NAMESAKES = (Role(uid(0xC1), "Data team", "custom"), Role(uid(0xC2), "DATA TEAM", "custom"))
ROLE_NAMED_LIKE_AN_ID = Role(uid(0xC3), ADMIN.id, "custom")
STREET = Role(uid(5), "Straße", "custom")
TRAILING = Role(uid(6), "Admin ", "custom")
TWO_LINES = Role(uid(7), r"two\nlines", "custom")
NO_BREAK = Role(uid(8), r"no\xa0break", "custom")
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
    "exact name with a space at its end": (["Admin "], [ADMIN, TRAILING], [TRAILING]),
    "name with spaces around that no role has": ([" Admin "], [ADMIN, TRAILING], [ADMIN]),
    "two lines of an element": (["Admin\nDeveloper\n"], ROLES, [ADMIN, DEVELOPER]),
    "name with a line break": (["two\nlines"], [TWO_LINES], [TWO_LINES]),
    "name as it is printed": ([r"two\nlines"], [TWO_LINES], [TWO_LINES]),
    "name with an unprintable space": (["no\xa0break"], [NO_BREAK], [NO_BREAK]),
    "role listed twice": (["Admin"], [ADMIN, ADMIN], [ADMIN]),
    "ID before a name": ([ADMIN.id], (ROLE_NAMED_LIKE_AN_ID, ADMIN), [ADMIN]),
    "ID that is no UUID": (["a-plain-id"], [PLAIN_ID, Role(uid(6), "a-plain-id", "custom")], [PLAIN_ID]),
}


@pytest.mark.parametrize(("names", "roles", "found"), FOUND.values(), ids=FOUND)
def test_role_is_found_by(names, roles, found):
    assert RoleIndex(roles).resolve(names, "roles") == tuple(found)


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
        RoleIndex(roles).resolve([name], "bob: roles")
    assert str(caught.value) == f"bob: roles: {message}"


@given(st.lists(st.sampled_from(ROLES), min_size=1), st.randoms())
def test_names_and_ids_in_any_case_and_order_resolve_to_the_same_roles(roles, random):
    spellings = [random.choice([role.id, role.id.upper(), role.name, role.name.upper()]) for role in roles]
    random.shuffle(spellings)
    index = RoleIndex(ROLES)
    assert index.resolve(spellings, "") == index.resolve([role.id for role in roles], "")


HELD = (ADMIN, DEVELOPER, CUSTOM_ADMIN, Role(uid(0xC3), BILLING.id, "custom"))
FOUND_EXACTLY = {
    "name": (["Developer"], (DEVELOPER,)),
    "ID": ([DEVELOPER.id.upper()], (DEVELOPER,)),
    "ID that nobody has, although a role is named so": ([BILLING.id], (Role(BILLING.id),)),
    "name that nobody has": (["Billing"], None),
    "name in another case": (["developer"], None),
    "name of two roles": (["Admin"], None),
    "name with spaces around": ([" Developer"], None),
    "two lines": (["Developer\nDeveloper"], None),
}


@pytest.mark.parametrize(("names", "found"), FOUND_EXACTLY.values(), ids=FOUND_EXACTLY)
def test_role_that_people_have_is_found_exactly(names, found):
    assert RoleIndex(HELD).resolve_exactly(names) == found


def test_long_list_of_roles_is_cut_in_a_message():
    roles = [Role(uid(number), f"team {number:04}", "custom") for number in range(1000)]
    with pytest.raises(OptionError, match=r"team 0019, and 980 more\.$"):
        RoleIndex(roles).resolve(["x"], "roles")


LABELS = {
    "plain": ("Admin", "Admin"),
    "full stop at its end": ("Admin.", "Admin."),
    "space at its end": ("Admin ", "Admin  (ID)"),
    "two spaces": ("Night  shift", "Night  shift (ID)"),
    "escape": (r"Admin\u200b", r"Admin\u200b (ID)"),
    "ID": (uid(3), f"{uid(3)} (ID)"),
    "label of another role": (f"Admin ({uid(3)})", f"Admin ({uid(3)}) (ID)"),
    "comma": ("Admin, Billing", "Admin, Billing (ID)"),
    "Cyrillic A": ("\u0410dmin", "\u0410dmin (ID)"),
    "full-width A": ("\uff21dmin", "\uff21dmin (ID)"),
    "other script": ("\u7ba1\u7406\u8005", "\u7ba1\u7406\u8005"),
    "accent": ("Qualit\u00e9", "Qualit\u00e9"),
    "no name": (None, "ID"),
}


@pytest.mark.parametrize(("name", "text"), LABELS.values(), ids=LABELS)
def test_label_has_the_id_unless_the_name_finds_the_role(name, text):
    assert label(Role(uid(0xD), name, "custom")) == text.replace("ID", uid(0xD))


def test_long_names_are_compared_in_linear_time():
    roles = [Role(uid(number), "a" + "\u0300\u0316" * 50_000 + str(number)) for number in (1, 2)]
    assert alike([joined(*roles)]) == {role.id for role in roles}


def test_roles_that_are_printed_alike_are_told_apart():
    accents = [Role(uid(1), "e\u0301"), Role(uid(2), "\xe9"), Role(uid(3), "Ops."), Role(uid(4), "Ops\u2024")]
    holders = [joined(ADMIN, BILLING), invited(CUSTOM_ADMIN, TRAILING), joined(*accents)]
    same = alike(holders)
    assert same == {ADMIN.id, CUSTOM_ADMIN.id, TRAILING.id, *(role.id for role in accents)}
    assert describe(holders[0], same) == f"Admin ({ADMIN.id}), Billing"


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (invited(DEVELOPER, ADMIN), "Admin, Developer"),
        (invited(DEVELOPER, role="admin"), "Developer"),
        (joined(role="admin"), "admin"),
        (without_roles(invited(role="admin")), "no roles"),
        (unreadable_roles(invited()), "unreadable role"),
        (invited(role=None), "no roles"),
        (Desired(ALICE, None, (Role(uid(9)),)), uid(9)),
    ],
    ids=["assigned", "not the frozen one", "legacy", "none", "unreadable", "not shown", "only an ID known"],
)
def test_roles_are_described(holder, text):
    assert describe(holder) == text
