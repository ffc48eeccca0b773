# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API's records look like: one organization, its roles, its invitations, its members."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Settings
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Role
from cast import ALICE, BOB

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

ORGANIZATION = "3d6f0a51-64a9-4a7e-8a57-3b7a5b0a3c10"
BELOW = f"/v1/organizations/{ORGANIZATION}"
KEY, SECRET = "key-of-the-tests", "secret/of+the=tests"
SETTINGS = Settings(
    api_key=KEY,
    api_secret=SECRET,
    api_url="https://api.example.com",
    timeout=30,
    retry_timeout=120,
    verify=True,
    key_advice="check the key, from the option api_key",
)


def uid(number):
    """A UUID to be recognised by its beginning."""
    return f"{number:08x}-aaaa-4bbb-8ccc-ddddddddeeee"


ADMIN = Role(uid(0xA1), "Admin", "system")
DEVELOPER = Role(uid(0xA2), "Developer", "system")
BILLING = Role(uid(0xA3), "Billing", "system")
ANALYST = Role(uid(0xA4), "Analyst", "custom")
ROLES = (ADMIN, DEVELOPER, BILLING, ANALYST)


def timestamp(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def role_record(role):
    return {"id": role.id, "name": role.name, "type": role.type}


def _roles(roles, role):
    if roles is None:
        return {"role": role}
    listed = [{"roleId": each.id, "roleName": each.name, "roleType": each.type} for each in roles]
    return {"role": role, "assignedRoles": listed}


def invitation_record(email=ALICE, roles=(DEVELOPER,), role="developer", number=1, age=DAY, left=6 * DAY):
    """An invitation, sent ``age`` ago, that lives for as long as ``left``; no roles as older organizations send it."""
    return {
        "id": uid(number),
        "email": email,
        **_roles(roles, role),
        "createdAt": timestamp(NOW - age),
        "expireAt": timestamp(NOW + left),
    }


def expired_record(**fields):
    """An invitation that nobody can join with any more."""
    return invitation_record(**{"age": 8 * DAY, "left": -DAY, **fields})


def member_record(email=BOB, roles=(DEVELOPER,), role="developer", name="Someone", user_id="user-1"):
    return {
        "userId": user_id,
        "name": name,
        "email": email,
        **_roles(roles, role),
        "joinedAt": timestamp(NOW - 30 * DAY),
    }


def invitation_result(record, expired=False):
    """The record as a module returns it."""
    return {
        "id": record["id"],
        "email": record["email"],
        **_roles_result(record),
        "created_at": record["createdAt"],
        "expire_at": record["expireAt"],
        "expired": expired,
    }


def member_result(record):
    """The record as a module returns it."""
    return {
        "user_id": record["userId"],
        "name": record["name"],
        "email": record["email"],
        **_roles_result(record),
        "joined_at": record["joinedAt"],
    }


def _roles_result(record):
    return {
        "role": record["role"],
        "assigned_roles": [
            {"role_id": role["roleId"], "role_name": role["roleName"], "role_type": role["roleType"]}
            for role in record.get("assignedRoles", [])
        ],
    }


def predicted_result(email=ALICE, roles=(), role=None):
    """An invitation that check mode predicts."""
    return {
        "id": None,
        "email": email,
        "role": role,
        "assigned_roles": [
            {"role_id": each.id, "role_name": each.name, "role_type": each.type} for each in sorted(roles, key=_by_id)
        ],
        "created_at": None,
        "expire_at": None,
        "expired": False,
    }


def _by_id(role):
    return role.id
