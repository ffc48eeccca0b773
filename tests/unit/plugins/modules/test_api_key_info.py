# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module api_key_info: one request, the API keys by name."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import api_key_info

from ..records import ADMIN, ANALYST, DAY, NOW, timestamp, uid
from ..scripted import refusal

ALL = {
    "id": uid(0xF2).upper(),
    "name": "Nightly\u200b",
    "state": "enabled",
    "roles": ["developer"],
    "assignedRoles": [
        {"roleId": ANALYST.id, "roleName": "Analyst", "roleType": "custom"},
        {"roleId": ADMIN.id, "roleName": "Admin", "roleType": "system", "ofTheFuture": 1},
    ],
    "keySuffix": "a1B2",
    "createdAt": timestamp(NOW - DAY),
    "expireAt": timestamp(NOW),
    "usedAt": timestamp(NOW - DAY),
    "ipAccessList": [{"source": "192.0.2.0/24", "description": "CI", "ofTheFuture": {}}, {"source": "::/0"}, None],
    "ofTheFuture": [],
}
NOTHING = {"id": uid(0xF1)}


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_api_keys_are_shown_by_name(run, api, credentials, check_mode):
    api.api_keys(ALL, NOTHING)
    answer = run(api_key_info, credentials, check_mode=check_mode)
    nothing = dict.fromkeys(("name", "state", "key_suffix", "created_at", "expire_at", "used_at"))
    assert answer == {
        "changed": False,
        "api_keys": [
            {
                "id": uid(0xF1),
                **nothing,
                "assigned_roles": [],
                "role_names": [],
                "expired": False,
                "ip_access_list": [],
            },
            {
                "id": uid(0xF2),
                "name": "Nightly\\u200b",
                "state": "enabled",
                "assigned_roles": [ANALYST.as_result(), ADMIN.as_result()],
                "role_names": ["Admin", "Analyst"],
                "key_suffix": "a1B2",
                "created_at": ALL["createdAt"],
                "expire_at": ALL["expireAt"],
                "used_at": ALL["usedAt"],
                "expired": True,
                "ip_access_list": [
                    {"source": "192.0.2.0/24", "description": "CI"},
                    {"source": "::/0", "description": None},
                    {"source": None, "description": None},
                ],
            },
        ],
        "api": {"requests": 1, "retries": 0, "waited": 0.0},
    }


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"assignedRoles": []}, []),
        ({"roles": ["admin", "developer"], "assignedRoles": None}, ["admin, developer"]),
        ({"roles": "admin"}, []),
        ({"assignedRoles": [{}]}, ["unreadable role"]),
    ],
    ids=["none", "legacy", "odd legacy", "unreadable"],
)
def test_roles_of_a_key_are_named(run, api, credentials, fields, names):
    api.api_keys({**NOTHING, **fields})
    assert run(api_key_info, credentials)["api_keys"][0]["role_names"] == names


@pytest.mark.parametrize(
    ("expiry", "expired"),
    [(NOW, True), (NOW + DAY, False), (None, False), ("soon", False)],
    ids=["now", "tomorrow", "never", "garbage"],
)
def test_key_is_expired_from_its_expiry_on(run, api, credentials, expiry, expired):
    api.api_keys({**NOTHING, "expireAt": timestamp(expiry) if hasattr(expiry, "year") else expiry})
    assert run(api_key_info, credentials)["api_keys"][0]["expired"] is expired


def test_key_that_cannot_be_read_is_counted_in_a_warning(run, api, credentials):
    api.api_keys(NOTHING, {"name": "no ID"}, "odd")
    answer = run(api_key_info, credentials)
    assert len(answer["api_keys"]) == 1
    assert [warning for warning in answer["warnings"] if warning.startswith("2 records")]


def test_keys_that_the_key_may_not_list_are_a_failure_with_the_permission(run, api, credentials):
    api.api_keys(answer=refusal(403))
    answer = run(api_key_info, credentials)
    assert (answer["failed"], answer["error"]["status"]) == (True, 403)
    assert "control-plane:organization:view-api-keys" in answer["msg"]
