# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of a roster, as Ansible reads them. What the modules do with them is in test_options.py."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitations, memberships
from cast import ALICE

from ..records import DEVELOPER, invitation_record

NO_ROLES = f"{ALICE}: no roles given; add, for example, roles: [Developer]."
BLANK = f"{ALICE}: roles: an entry is blank"


@pytest.fixture(params=[invitations, memberships], ids=["invitations", "memberships"])
def read(request, run, credentials):
    """Run the module with one entry, and return the result."""
    module = request.param
    option = module.__name__.rpartition(".")[2]
    return lambda entry, **task: run(module, {**credentials, option: [entry], **task}, check_mode=True)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"email": ALICE, "rolle": "admin"}, "rolle. Supported parameters include: comment, email, role, roles."),
        ({"mail": ALICE}, "email"),
        (ALICE, "dict"),
        ({"email": "alice"}, "[0].email: 'alice' is not a single valid email address such as alice@example.com."),
        ({"email": ALICE, "role": "Owner"}, f"{ALICE}: role is the legacy role, admin or developer, not 'Owner'"),
        ({"email": ALICE, "role": "admin", "roles": ["Admin"]}, f"{ALICE}: give roles or the legacy role, not both."),
        ({"email": ALICE, "roles": []}, NO_ROLES),
        ({"email": ALICE, "roles": [""]}, BLANK),
        ({"email": ALICE, "roles": " "}, BLANK),
        ({"email": ALICE, "roles": "Admin,"}, BLANK),
        ({"email": ALICE, "roles": ["Admin", " "]}, BLANK),
    ],
    ids=str,
)
def test_mistake_is_named_before_any_request(read, entry, words):
    answer = read(entry, roles=["Admin"])
    assert answer["failed"]
    assert words in answer["msg"]


NOT_GIVEN = pytest.mark.parametrize(
    "own", [{}, {"roles": None}, {"roles": ""}, {"role": None}, {"role": " "}, {"comment": 5}], ids=str
)


@NOT_GIVEN
def test_null_and_empty_text_are_not_given(run, api, credentials, own):
    api.invitations(invitation_record(roles=[DEVELOPER]))
    options = {"invitations": [{"email": ALICE, **own}], "roles": [DEVELOPER.id]}
    answer = run(invitations, {**credentials, **options})
    assert answer["summary"]["unchanged"] == 1


@NOT_GIVEN
def test_roles_that_are_given_nowhere_are_a_mistake(read, own):
    assert read({"email": ALICE, **own})["msg"] == NO_ROLES
    assert read({"email": ALICE, **own}, roles="")["msg"] == NO_ROLES
