# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the API's JSON, written as the settings say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .records import ORGANIZATION_ID, ApiKey, Invitation, Member, Role, stable_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings


# What an organization, its system roles and its founder date from.
EPOCH = 1704164645.678


def record(item: ApiKey | Invitation | Member | Role, settings: Settings, roles: Mapping[str, Role]) -> dict[str, Any]:
    """The record of an item, with a field of the future in some; ``roles`` are all roles by ID."""
    if isinstance(item, Role):
        return _role(item, settings)
    if isinstance(item, ApiKey):
        times = {"createdAt": item.created_at, "expireAt": item.expire_at, "usedAt": item.used_at}
        assigned = _roles(item, settings, roles)
        return {
            "id": item.id,
            "name": item.name,
            "state": item.state,
            "roles": [assigned.pop("role")],
            **assigned,
            "keySuffix": item.suffix,
            **_times(settings, **{name: time for name, time in times.items() if time is not None}),
            "ipAccessList": [{"source": source, "description": ""} for source in item.sources],
            "ofTheFuture": {"since": 2027},
        }
    if isinstance(item, Member):
        return {
            "userId": item.user_id,
            "name": item.name,
            "email": item.email,
            **_roles(item, settings, roles),
            **_times(settings, joinedAt=item.joined_at),
            "ofTheFuture": None,
        }
    return {
        "id": item.id,
        "email": item.email.lower() if settings.email_case == "lower" else item.email,
        **_roles(item, settings, roles),
        **_times(settings, createdAt=item.created_at, expireAt=item.expire_at),
    }


def _role(role: Role, settings: Settings) -> dict[str, Any]:
    tenant = {"tenantId": ORGANIZATION_ID}
    policy = {
        "id": stable_id(f"policy of {role.id}"),
        "roleId": role.id,
        **tenant,
        "allowDeny": "ALLOW",
        "permissions": ["control-plane:organization:view"],
        "resources": [f"organization/{ORGANIZATION_ID}"],
    }
    return {
        "id": role.id,
        **tenant,
        "ownerId": ORGANIZATION_ID,
        "name": role.name,
        "type": role.type,
        "actors": [],
        "policies": [policy],
        **_times(settings, createdAt=EPOCH, updatedAt=EPOCH),
        "ofTheFuture": [],
    }


def _roles(item: ApiKey | Invitation | Member, settings: Settings, roles: Mapping[str, Role]) -> dict[str, Any]:
    era = settings.organization_era
    if era == "legacy":
        return {"role": item.role}
    assigned = [
        {"roleId": role.id, "roleName": role.name, "roleType": role.type}
        for role in map(roles.__getitem__, item.role_ids)
    ]
    role = {"role": "developer" if era.startswith("migrated") else item.role}
    if assigned or settings.no_roles == "empty":
        return {**role, "assignedRoles": assigned}
    return role if settings.no_roles == "missing" else {**role, "assignedRoles": None}


def _times(settings: Settings, **times: float) -> dict[str, str]:
    if settings.timestamps == "missing":
        return {}
    return {name: timestamp(seconds, settings.timestamps) for name, seconds in times.items()}


def timestamp(seconds: float, style: str) -> str:
    """A time as a style of the setting ``timestamps`` writes it."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    if style == "garbage":
        return "soon"
    if style == "offset":
        return moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="milliseconds")
    digits = moment.isoformat(timespec="microseconds").removesuffix("+00:00")
    return f"{digits}123Z" if style == "nanoseconds" else f"{digits[:-3]}Z"
