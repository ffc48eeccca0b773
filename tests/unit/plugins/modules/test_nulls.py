# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A null in place of people must not select everybody, nor nobody in silence."""

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

from ..records import ALICE

ABSENT = {"state": "absent"}


@pytest.mark.parametrize(
    ("module", "option", "others"),
    [
        (invitation, "email", {"role": "admin"}),
        (invitation, "email", ABSENT),
        (invitation, "invitation_id", ABSENT),
        (invitations, "invitations", ABSENT),
        (invitations, "emails", ABSENT),
        (invitations, "emails", {"invitations": [{"email": ALICE}], "role": "admin"}),
        (invitation_info, "invitation_id", {}),
        (invitation_info, "emails", {}),
        (invitation_info, "email", {}),
        (membership, "email", ABSENT),
        (membership, "user_id", ABSENT),
        (memberships, "memberships", ABSENT),
        (memberships, "emails", ABSENT),
        (memberships, "purge_exclude", {"emails": [ALICE], "role": "admin", "purge": True}),
        (membership_info, "emails", {}),
        (membership_info, "email", {}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)).rpartition(".")[2],
)
def test_null_is_rejected_by_name_before_any_request(run, credentials, module, option, others):
    answer = run(module, {**credentials, **others, option: None}, check_mode=True)
    assert answer["failed"]
    assert answer["msg"].startswith(f"{option}: it is ")
    assert answer["error"]["reason"] == "refused by the module"
