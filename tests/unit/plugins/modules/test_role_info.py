# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module role_info: one request, the roles by name."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import role_info

from ..records import ADMIN, ANALYST, DEVELOPER
from ..scripted import refusal


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_roles_are_shown_by_name(run, api, credentials, check_mode):
    api.roles(DEVELOPER, ANALYST, ADMIN)
    assert run(role_info, credentials, check_mode=check_mode) == {
        "changed": False,
        "roles": [
            {"role_id": ADMIN.id, "role_name": "Admin", "role_type": "system"},
            {"role_id": ANALYST.id, "role_name": "Analyst", "role_type": "custom"},
            {"role_id": DEVELOPER.id, "role_name": "Developer", "role_type": "system"},
        ],
        "api": {"requests": 1, "retries": 0, "waited": 0.0},
    }


def test_roles_that_the_key_may_not_list_are_a_failure(run, api, credentials):
    api.roles(answer=refusal(403))
    answer = run(role_info, credentials)
    assert (answer["failed"], answer["error"]["status"]) == (True, 403)
