#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invitation_info
short_description: List invitations to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Lists the invitations to a ClickHouse Cloud organization, or gets one by its ID.
  - The API's reference does not say whether expired invitations are listed.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.attributes.info_module
  - clickhouse.cloud.attributes
options:
  invitation_id:
    description:
      - ID of the one invitation to get. Mutually exclusive with O(emails) and O(status).
    type: str
  emails:
    description:
      - Return only these people's invitations. Empty elements are ignored; an empty list matches nobody.
    type: list
    elements: str
    aliases: [email]
  status:
    description:
      - Return only invitations that can still be accepted (V(pending)), or only those that cannot (V(expired)).
    type: str
    choices: [all, pending, expired]
    default: all
  members:
    description:
      - Also return RV(members), filtered by O(emails) as well. This takes one more request.
    type: bool
    default: false
notes:
  - The API key needs the permission C(control-plane:organization:view).
seealso:
  - module: clickhouse.cloud.invitation
  - module: clickhouse.cloud.invitations
  - module: clickhouse.cloud.membership_info
"""

EXAMPLES = r"""
- name: List the invitations that nobody has accepted yet
  clickhouse.cloud.invitation_info:
    status: pending
  register: pending

- name: Show when they expire
  ansible.builtin.debug:
    msg: "{{ item.email }} until {{ item.expire_at }}"
  loop: "{{ pending.invitations }}"
  loop_control:
    label: "{{ item.email }}"

- name: Get one invitation
  clickhouse.cloud.invitation_info:
    invitation_id: 5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11
"""

RETURN = r"""
invitations:
  description:
    - The matching invitations, sorted by email.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11
      email: alice@example.com
      role: developer
      assigned_roles:
        - role_id: 0d5cbd44-6ea1-4bb0-9f0e-1b2fd8a0f8f4
          role_name: Member
          role_type: system
      created_at: "2026-11-23T12:00:00.000Z"
      expire_at: "2026-11-30T12:00:00.000Z"
      expired: false
  contains:
    id:
      description: ID of the invitation.
      type: str
    email:
      description: Normalised email address of the person.
      type: str
    role:
      description: Legacy role. It has no meaning in an organization that has migrated to custom roles.
      type: str
    assigned_roles:
      description: The roles; empty if there are none, or if the API does not show them.
      type: list
      elements: dict
      contains:
        role_id:
          description: ID of the role.
          type: str
        role_name:
          description: Name of the role.
          type: str
        role_type:
          description: V(system) or V(custom).
          type: str
    created_at:
      description: When it was sent, as returned by the API.
      type: str
    expire_at:
      description: When it expires, as returned by the API.
      type: str
    expired:
      description: Whether it has expired.
      type: bool
members:
  description:
    - The members, sorted by email.
  returned: with O(members=true)
  type: list
  elements: dict
  sample:
    - user_id: 8c1f8c0a-3a6e-4f57-9e0e-55a2c1d4b7f3
      name: Bob
      email: bob@example.com
      role: admin
      assigned_roles:
        - role_id: 7a1e9f6c-23a5-4c0e-8d0a-0c1f5f0f3b52
          role_name: Admin
          role_type: system
      joined_at: "2026-10-01T08:30:00.000Z"
  contains:
    user_id:
      description: ID of the person.
      type: str
    name:
      description: Name of the person.
      type: str
    email:
      description: Normalised email address of the person.
      type: str
    role:
      description: Legacy role. It has no meaning in an organization that has migrated to custom roles.
      type: str
    assigned_roles:
      description: The roles; empty if there are none, or if the API does not show them.
      type: list
      elements: dict
      contains:
        role_id:
          description: ID of the role.
          type: str
        role_name:
          description: Name of the role.
          type: str
        role_type:
          description: V(system) or V(custom).
          type: str
    joined_at:
      description: When the person joined, as returned by the API.
      type: str
api:
  description: Number of API requests that the task sent, and how long it waited.
  returned: when the connection settings are valid
  type: dict
  sample:
    requests: 3
    retries: 0
    waited: 0.0
  contains:
    requests:
      description: Requests sent, including retries.
      type: int
    retries:
      description: Retries among them.
      type: int
    waited:
      description: Seconds waited before retries.
      type: float
error:
  description: Structured details for C(rescue) blocks; RV(ignore:msg) has the explanation.
  returned: failure
  type: dict
  sample:
    status: 403
    reason: FORBIDDEN
    request_id: 0d4bb0f2-54b5-4a4e-a4a4-5b8a4d5a9b8e
    method: GET
    path: /v1/organizations/3d6f0a51-64a9-4a7e-8a57-3b7a5b0a3c10/invitations
  contains:
    status:
      description: HTTP status, V(null) if there was no response.
      type: int
    reason:
      description: The API's error text, or the exception's.
      type: str
    request_id:
      description: Request ID to quote to ClickHouse support.
      type: str
    method:
      description: HTTP method of the failed request.
      type: str
    path:
      description: Path of the failed request.
      type: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils import _module, _options

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api, _records


def read(module: AnsibleModule, api: _api.CloudApi) -> dict[str, Any]:
    """Read what the task selects, and return the result."""
    options = module.params
    emails = None if options["emails"] is None else set(_options.emails(options["emails"]))
    if options["invitation_id"] is not None:
        invitation = api.invitation(_options.uuid(options["invitation_id"], "invitation_id"))
        invitations = [invitation] if invitation else []
    else:
        invitations = api.invitations()
    members = api.members() if options["members"] else None
    return info_result(invitations, members, emails, options["status"], api.client.now())


def info_result(
    invitations: Iterable[_records.Invitation],
    members: Iterable[_records.Member] | None,
    emails: Collection[str] | None,
    status: str,
    now: datetime,
) -> dict[str, Any]:
    """The result for all people or for those with these emails, sorted by email."""
    result: dict[str, Any] = {
        "changed": False,
        "invitations": [
            invitation.as_result(now)
            for invitation in sorted(invitations, key=lambda each: (each.email, each.created_at or "", each.id or ""))
            if (emails is None or invitation.email in emails)
            and (status == "all" or invitation.expired(now) == (status == "expired"))
        ],
    }
    if members is not None:
        ordered = sorted(members, key=lambda each: each.email)
        result["members"] = [member.as_result() for member in ordered if emails is None or member.email in emails]
    return result


def main() -> None:
    """Run the module."""
    module = _module.create_module(
        {
            "invitation_id": {"type": "str"},
            "emails": {"type": "list", "elements": "str", "aliases": ["email"]},
            "status": {"type": "str", "choices": ["all", "pending", "expired"], "default": "all"},
            "members": {"type": "bool", "default": False},
        },
        selects=("invitation_id", "emails", "email"),
        mutually_exclusive=[("invitation_id", "emails"), ("invitation_id", "status")],
    )
    _module.run(module, read)


if __name__ == "__main__":
    main()
