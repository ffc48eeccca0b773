# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of the API that are simulated: a method, a path below ``/v1`` and a permission for each."""

from __future__ import annotations

_ORGANIZATION = "/organizations/<organization_id>"
_INVITATION = f"{_ORGANIZATION}/invitations/<invitation_id>"
_MEMBER = f"{_ORGANIZATION}/members/<user_id>"

VIEW, VIEW_KEYS, VIEW_ACTIVITIES, MANAGE = "view", "view-api-keys", "view-activities", "manage"
PERMISSIONS = (VIEW, VIEW_KEYS, VIEW_ACTIVITIES, MANAGE)

ROUTES = {
    "list_organizations": ("GET", "/organizations", ""),
    "list_invitations": ("GET", f"{_ORGANIZATION}/invitations", VIEW),
    "create_invitation": ("POST", f"{_ORGANIZATION}/invitations", MANAGE),
    "get_invitation": ("GET", _INVITATION, VIEW),
    "delete_invitation": ("DELETE", _INVITATION, MANAGE),
    "list_members": ("GET", f"{_ORGANIZATION}/members", VIEW),
    "get_member": ("GET", _MEMBER, VIEW),
    "update_member": ("PATCH", _MEMBER, MANAGE),
    "remove_member": ("DELETE", _MEMBER, MANAGE),
    "list_roles": ("GET", f"{_ORGANIZATION}/roles", MANAGE),
    "list_keys": ("GET", f"{_ORGANIZATION}/keys", VIEW_KEYS),
    "get_key": ("GET", f"{_ORGANIZATION}/keys/<key_id>", VIEW_KEYS),
    "list_activities": ("GET", f"{_ORGANIZATION}/activities", VIEW_ACTIVITIES),
}
# The part of a path below the organization, by operation.
COLLECTION = {operation: "".join(path.split("/")[3:4]) for operation, (_method, path, _permission) in ROUTES.items()}
COLLECTIONS = tuple(dict.fromkeys(filter(None, COLLECTION.values())))
OPERATIONS = tuple(ROUTES)
LISTS = tuple(operation for operation in OPERATIONS if operation.startswith("list_"))
WRITES = tuple(operation for operation, (method, *_more) in ROUTES.items() if method != "GET")
