# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of the API that are simulated: a method and a path below ``/v1`` for each."""

from __future__ import annotations

_ORGANIZATION = "/organizations/<organization_id>"
_INVITATION = f"{_ORGANIZATION}/invitations/<invitation_id>"
_MEMBER = f"{_ORGANIZATION}/members/<user_id>"

ROUTES = {
    "list_organizations": ("GET", "/organizations"),
    "list_invitations": ("GET", f"{_ORGANIZATION}/invitations"),
    "create_invitation": ("POST", f"{_ORGANIZATION}/invitations"),
    "get_invitation": ("GET", _INVITATION),
    "delete_invitation": ("DELETE", _INVITATION),
    "list_members": ("GET", f"{_ORGANIZATION}/members"),
    "get_member": ("GET", _MEMBER),
    "update_member": ("PATCH", _MEMBER),
    "remove_member": ("DELETE", _MEMBER),
    "list_roles": ("GET", f"{_ORGANIZATION}/roles"),
}
OPERATIONS = tuple(ROUTES)
LISTS = tuple(operation for operation in OPERATIONS if operation.startswith("list_"))
WRITES = tuple(operation for operation, (method, _path) in ROUTES.items() if method != "GET")
