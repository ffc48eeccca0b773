# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the API's JSON, written as the settings say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .records import Invitation, Member, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings import Settings


def record(item: Invitation | Member | Role, settings: Settings, roles: Mapping[str, Role]) -> dict[str, Any]:
    """The record of an item; ``roles`` are all roles by ID."""
    if isinstance(item, Role):
        return {"id": item.id, "name": item.name, "type": item.type}
    if isinstance(item, Member):
        return {
            "userId": item.user_id,
            "name": item.name,
            "email": item.email,
            **_roles(item, settings, roles),
            **_times(settings, joinedAt=item.joined_at),
        }
    return {
        "id": item.id,
        "email": item.email.lower() if settings.email_case == "lower" else item.email,
        **_roles(item, settings, roles),
        **_times(settings, createdAt=item.created_at, expireAt=item.expire_at),
    }


def _roles(item: Invitation | Member, settings: Settings, roles: Mapping[str, Role]) -> dict[str, Any]:
    era = settings.organization_era
    if era == "legacy":
        return {"role": item.role}
    assigned = [
        {"roleId": role.id, "roleName": role.name, "roleType": role.type}
        for role in map(roles.__getitem__, item.role_ids)
    ]
    return {"role": "developer" if era.startswith("migrated") else item.role, "assignedRoles": assigned}


def _times(settings: Settings, **times: float) -> dict[str, str]:
    if settings.timestamps == "missing":
        return {}
    return {name: _timestamp(seconds, settings.timestamps) for name, seconds in times.items()}


def _timestamp(seconds: float, style: str) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    if style == "garbage":
        return "soon"
    if style == "offset":
        return moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="milliseconds")
    digits = moment.isoformat(timespec="microseconds").removesuffix("+00:00")
    return f"{digits}123Z" if style == "nanoseconds" else f"{digits[:-3]}Z"
