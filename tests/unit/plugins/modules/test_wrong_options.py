# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wrong option is rejected by its name before any request. A null selects neither everybody nor nobody in silence."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import (
    invitation,
    invitation_info,
    invitations,
    membership,
    membership_info,
    memberships,
)
from cast import ALICE, BOB

from ..records import uid

ABSENT = {"state": "absent"}
ADMIN = {"role": "admin"}
BOTH = {"role": "admin", "roles": ["Admin"]}
NO_ADDRESS = "is not a single valid email"
NO_ROLES = "no roles given; add, for example, roles: [Developer]."
ENTRY = {"email": ALICE}
LISTED = {"emails": [ALICE], **ADMIN}
ONE_PERSON = [
    (ADMIN, "email"),
    ({"email": "alice", **ADMIN}, f"email: 'alice' {NO_ADDRESS}"),
    ({"email": ALICE}, "role"),
    ({"email": ALICE, **BOTH}, "role|roles"),
    ({"email": ALICE, "role": "owner"}, "role"),
    ({"email": ALICE, "roles": []}, NO_ROLES),
    ({"email": ALICE, **ADMIN, "renew_before": "soon"}, "renew_before: 'soon' is not a duration"),
    ({"email": ALICE, **ADMIN, "state": "gone"}, "state"),
    ({"email": "alice@", **ABSENT}, f"email: 'alice@' {NO_ADDRESS}"),
]
A_ROSTER = [
    ({**LISTED, **BOTH}, "mutually exclusive"),
    ({"emails": ["bob"], **ADMIN}, f"emails: 'bob' {NO_ADDRESS}"),
    ({**LISTED, "renew_before": "1w"}, "renew_before: '1w' is not a duration"),
    ({**LISTED, "purge_limit": "101%"}, "purge_limit: '101%' is neither a count"),
    ({**LISTED, "purge": True, "resend": True}, "resend and purge are mutually exclusive"),
    ({**LISTED, "purge": True, **ABSENT}, "purge requires state=present."),
    ({**LISTED, "purge": True, "emails": []}, "purge: the roster is empty"),
]
WRONG = {
    invitation: [
        *ONE_PERSON,
        (ABSENT, "email, invitation_id"),
        ({**ABSENT, "invitation_id": "5"}, "invitation_id: '5' is not a UUID"),
        ({**ABSENT, "email": ALICE, "invitation_id": uid(5)}, "email|invitation_id"),
    ],
    membership: [
        *ONE_PERSON,
        (ABSENT, "email, user_id"),
        ({**ADMIN, "user_id": uid(5)}, "email"),
        ({**ABSENT, "user_id": "5"}, "user_id: '5' is not a UUID"),
        ({**ABSENT, "email": ALICE, "user_id": uid(5)}, "email|user_id"),
    ],
    invitations: [*A_ROSTER, ({}, "invitations, emails"), ({**LISTED, "purge_exclude": [BOB]}, "purge_exclude")],
    memberships: [
        *A_ROSTER,
        ({}, "memberships, emails"),
        ({**LISTED, "purge_exclude": ["bob"]}, f"purge_exclude: 'bob' {NO_ADDRESS}"),
    ],
    invitation_info: [
        ({"invitation_id": "5"}, "invitation_id: '5' is not a UUID"),
        ({"invitation_id": uid(5), "emails": [ALICE]}, "mutually exclusive"),
        ({"invitation_id": uid(5), "status": "pending"}, "mutually exclusive"),
        ({"emails": ["alice"]}, f"emails: 'alice' {NO_ADDRESS}"),
        ({"status": "gone"}, "status"),
    ],
    membership_info: [
        ({"emails": ["bob"]}, f"emails: 'bob' {NO_ADDRESS}"),
        ({"expires_within": "soon"}, "expires_within: 'soon' is not a duration"),
        ({"expires_within": "never"}, "expires_within: give a duration such as 48h or 2d."),
    ],
}
NULL = {
    invitation: [("email", ADMIN), ("email", ABSENT), ("invitation_id", ABSENT)],
    invitations: [
        ("invitations", ABSENT),
        ("emails", ABSENT),
        ("emails", {"invitations": [{"email": ALICE}], **ADMIN}),
    ],
    invitation_info: [("invitation_id", {}), ("emails", {}), ("email", {})],
    membership: [("email", ABSENT), ("user_id", ABSENT)],
    memberships: [("memberships", ABSENT), ("emails", ABSENT), ("purge_exclude", {**LISTED, "purge": True})],
    membership_info: [("emails", {}), ("email", {})],
}


def cases(table):
    return [
        pytest.param(module, *row, id=f"{module.__name__.rpartition('.')[2]}-{row}"[:90])
        for module, rows in table.items()
        for row in rows
    ]


@pytest.mark.parametrize(("module", "options", "words"), cases(WRONG))
def test_wrong_option_is_rejected_by_name_before_any_request(run, credentials, module, options, words):
    answer = run(module, {**credentials, **options})
    assert answer["failed"]
    assert words in answer["msg"]


@pytest.mark.parametrize(("module", "option", "others"), cases(NULL))
def test_null_is_rejected_by_name_before_any_request(run, credentials, module, option, others):
    answer = run(module, {**credentials, **others, option: None}, check_mode=True)
    assert answer["failed"]
    assert answer["msg"].startswith(f"{option}: it is ")
    assert answer["error"]["reason"] == "refused by the module"
