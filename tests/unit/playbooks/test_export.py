# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The access list that is exported says what the organization has, and applied to it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter import core as filters
from ansible_collections.clickhouse.cloud.plugins.filter.access_list import access_list
from ansible_collections.clickhouse.cloud.plugins.module_utils._module import ROSTER_OPTIONS
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import normalize_email
from ansible_collections.clickhouse.cloud.plugins.module_utils._reconcile import ensure_roster, read_policy
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Invitation, Member, Role, visible
from ansible_collections.clickhouse.cloud.plugins.modules.membership_info import info_result
from hypothesis import given
from hypothesis import strategies as st

from ..plugins.organization import Organization, moments
from ..plugins.records import ADMIN, BILLING, DAY, DEVELOPER, NOW, timestamp, uid

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parents[3] / "roles/access/templates"),
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)
ENVIRONMENT.filters.update(to_json=filters.to_json)


class Loader(yaml.SafeLoader):
    """Reads a file as Ansible does, and marks text in which it looks for no templates."""


class Unsafe(str):
    """Text in which Ansible looks for no templates."""

    __slots__ = ()


Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))


def export(memberships):
    """The file for these people, and what Ansible reads in it."""
    file = ENVIRONMENT.get_template("team.yml.j2").render(__access_list=access_list(memberships))
    return file, yaml.load(file, Loader)


def look_up(organization):
    """The people as the module membership_info returns them."""
    found = info_result(organization.invitations(), organization.members(), None, timedelta(days=2), NOW)
    return found["memberships"]


def apply(organization, variables, **options):
    """Apply an access list as the entry point roster does, and return what was planned."""
    entries = [{"role": None, "roles": None, **entry} for entry in variables["clickhouse_cloud_memberships"]]
    options = {
        **{name: option.get("default") for name, option in ROSTER_OPTIONS.items()},
        "memberships": entries,
        "purge_limit": "25%",
        "purge_exclude": variables.get("clickhouse_cloud_purge_exclude"),
        **options,
    }
    policy = read_policy(options, manage_members=True)
    return ensure_roster(organization, options, "memberships", policy, check_mode=False).outcomes


def member(email, *roles, number=1, **others):
    fields = {"role": "developer", "user_id": uid(number), "name": "Somebody", "joined_at": timestamp(NOW - DAY)}
    return Member(email, assigned_roles=roles, **{**fields, **others})


def invitation(email, *roles, number=1, left=6 * DAY, **others):
    fields = {"role": "developer", "id": uid(number), "created_at": timestamp(NOW - DAY)}
    return Invitation(email, assigned_roles=roles, expire_at=timestamp(NOW + left), **{**fields, **others})


DOTTED, COMMA, BRACE = (
    Role(uid(11), "Admin.", "custom"),
    Role(uid(12), "a, b", "custom"),
    Role(uid(13), "{{x}}", "custom"),
)


def test_list_holds_everybody_who_has_access_now():
    organization = Organization(
        [invitation("bob@example.com", DEVELOPER, number=2), invitation("dan@example.com", ADMIN, left=-DAY, number=3)],
        [member("alice@example.com", BILLING, ADMIN, name="Alice Müller"), member("eve@example.com", number=4)],
    )
    file, variables = export(look_up(organization))
    assert variables == {
        "clickhouse_cloud_memberships": [
            {"email": "alice@example.com", "roles": ["Admin", "Billing"], "comment": "Alice Müller"},
            {"email": "bob@example.com", "roles": ["Developer"]},
        ],
        "clickhouse_cloud_purge_exclude": ["dan@example.com", "eve@example.com"],
    }
    assert '  - "dan@example.com" # expired invitation\n  - "eve@example.com" # no roles\n' in file
    assert '    roles: ["Admin", "Billing"]\n    comment: "Alice Müller"\n' in file


def test_role_that_its_name_does_not_find_is_written_by_id():
    organization = Organization(members=[member("alice@example.com", ADMIN, COMMA)])
    file, variables = export(look_up(organization))
    (entry,) = variables["clickhouse_cloud_memberships"]
    assert entry["roles"] == ["Admin", COMMA.id]
    assert f'      - "{COMMA.id}" # "a, b"\n' in file


def test_legacy_role_is_written_as_such():
    organization = Organization(members=[replace(member("alice@example.com"), assigned_roles=None)])
    _file, variables = export(look_up(organization))
    (entry,) = variables["clickhouse_cloud_memberships"]
    assert entry == {"email": "alice@example.com", "role": "developer", "comment": "Somebody"}


def test_text_with_a_brace_is_no_template():
    _file, variables = export(look_up(Organization(members=[member("alice@example.com", BRACE, name="{% if %}")])))
    (entry,) = variables["clickhouse_cloud_memberships"]
    assert (entry["roles"], entry["comment"]) == (["{{x}}"], "{% if %}")
    assert isinstance(entry["roles"][0], Unsafe)
    assert isinstance(entry["comment"], Unsafe)


def test_organization_without_people_gives_an_empty_list():
    assert export([])[1] == {"clickhouse_cloud_memberships": []}


@pytest.mark.parametrize(
    ("records", "excluded", "reason"),
    [
        ([member("eve@example.com")], ["eve@example.com"], "no roles"),
        ([invitation("eve@example.com")], ["eve@example.com"], "no roles"),
        ([invitation("eve@example.com", ADMIN, left=-DAY)], ["eve@example.com"], "expired invitation"),
        (
            [member("eve@example.com", DEVELOPER), invitation("eve@example.com", ADMIN)],
            ["eve@example.com"],
            "member with an open invitation",
        ),
        (
            [invitation("eve@example.com", DEVELOPER), invitation("eve@example.com", ADMIN, number=2)],
            ["eve@example.com"],
            "invited twice with different roles",
        ),
        ([member("eve@example.com", Role(None, "Ops", "custom"))], ["eve@example.com"], "role that the API does not"),
        ([member("eve {x}@example.com", DEVELOPER)], None, '#   "eve {x}@example.com"'),
        ([member("eve\\u200b@example.com", DEVELOPER)], None, '#   "eve\\\\u200b@example.com"'),
    ],
)
def test_people_whom_an_entry_would_change_are_left_to_purge_exclude(records, excluded, reason):
    organization = Organization(
        [each for each in records if isinstance(each, Invitation)],
        [each for each in records if isinstance(each, Member)],
    )
    file, variables = export(look_up(organization))
    assert variables["clickhouse_cloud_memberships"] == []
    assert variables.get("clickhouse_cloud_purge_exclude") == excluded
    assert reason in file


@pytest.mark.parametrize(
    "text", ["yes", "1", "#", "a: b", '"', "\\", "ü", "😀", "- x", "null", "a # b", "'", "x" * 300]
)
def test_file_keeps_text_as_it_is(text):
    _file, variables = export(
        look_up(Organization(members=[member("a@example.com", Role(uid(1), text, ""), name=text)]))
    )
    (entry,) = variables["clickhouse_cloud_memberships"]
    assert (entry["roles"], entry["comment"]) in (([text], text), ([uid(1)], text))


@given(st.text(), st.text())
def test_file_is_yaml_whatever_the_texts(name, role):
    person = {"email": "a@example.com", "state": "member", "name": name, "roles": [role], "other_access": []}
    roles = [{"role_id": uid(1), "role_name": role}, {"role_id": uid(2), "role_name": name}]
    _file, variables = export([{**person, "assigned_roles": roles}, {**person, "email": name}])
    assert len(variables["clickhouse_cloud_memberships"]) == 1


# --- any organization -------------------------------------------------------------------------------------------------

NAMES = (
    "Admin",
    "Admin.",
    "admin",
    "Ops",
    "Ops ",
    " Ops",
    "Admin\u200b",
    "\u0410dmin",
    uid(0xA1),
    "a\nb",
    "a, b",
    "{{x}}",
    "",
    None,
)
names = st.sampled_from(NAMES) | st.sampled_from(NAMES) | st.text(max_size=20)
roles = st.lists(st.tuples(names, st.sampled_from(["custom", "system", None])), min_size=1, max_size=5).map(
    lambda found: [
        ADMIN,
        *(Role(uid(number + 1), name and visible(name), kind) for number, (name, kind) in enumerate(found)),
    ]
)
ADDRESSES = (
    "a@example.com",
    "b@example.com",
    "a..b@docomo.example",
    "x@a_b.example.com",
    "it\u2019s@example.com",
    "A B@example.com",
)
addresses = st.sampled_from(ADDRESSES) | st.text(max_size=12).map("{}@example.com".format)


@st.composite
def organizations(draw):
    """An organization with any roles and any people in any state."""
    known = draw(roles)
    sets = st.none() | st.lists(st.sampled_from([*known, Role(None, "Ops", None)]), max_size=3, unique=True).map(tuple)
    legacy = st.sampled_from(["admin", "developer", "owner", None])
    emails = addresses.map(visible).map(normalize_email)
    people = st.lists(st.tuples(emails, legacy, sets, moments, moments), max_size=4)
    invited = [
        Invitation(email, role, given, uid(number + 50), created, ends)
        for number, (email, role, given, created, ends) in enumerate(draw(people))
    ]
    joined = [
        Member(email, role, given, uid(number + 70), draw(st.none() | st.text(max_size=9).map(visible)), since)
        for number, (email, role, given, since, _) in enumerate(draw(people))
    ]
    organization = Organization(invited, joined)
    organization.roles = lambda: known
    return organization


@given(organizations(), st.booleans())
def test_export_and_then_roster_writes_nothing(organization, purge):
    file, variables = export(look_up(organization))
    organization.calls.clear()
    if variables["clickhouse_cloud_memberships"]:
        outcomes = apply(organization, variables, purge=purge)
        assert not [outcome for outcome in outcomes if outcome.changed], file
        assert set(organization.calls) <= {"invitations", "members", "roles"}
