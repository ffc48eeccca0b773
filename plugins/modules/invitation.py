#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invitation
short_description: Manage an invitation to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Invites a person to a ClickHouse Cloud organization, or revokes the invitation.
  - The API cannot update an invitation. To change its roles or extend it, the module revokes it and sends a new one, so
    the person gets another email.
  - Never changes or removes a member. To manage members as well, use M(clickhouse.cloud.membership).
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.cloud.person
  - clickhouse.cloud.cloud.writing
  - clickhouse.cloud.attributes
options:
  email:
    description:
      - Email address of the person. Case and surrounding whitespace are ignored. V(Bob <bob@example.com>) is
        accepted, too.
      - For several people in one task, use M(clickhouse.cloud.invitations).
      - Required for O(state=present).
    type: str
  invitation_id:
    description:
      - ID of the invitation to revoke with O(state=absent), instead of O(email).
    type: str
  state:
    description:
      - V(present) invites the person unless they have joined.
      - V(absent) revokes every invitation of the person.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: clickhouse.cloud.invitation_info
  - module: clickhouse.cloud.invitations
  - module: clickhouse.cloud.membership
"""

EXAMPLES = r"""
- name: Invite a colleague
  clickhouse.cloud.invitation:
    email: alice@example.com
    roles: [Member]

- name: Invite once, and do not send another email if the invitation expires
  clickhouse.cloud.invitation:
    email: bob@example.com
    roles: [Member]
    renew_before: never

- name: Resend an email that got lost
  clickhouse.cloud.invitation:
    email: bob@example.com
    roles: [Member]
    resend: true

- name: Invite with a vaulted key, to a given organization
  clickhouse.cloud.invitation:
    api_key: "{{ vault_clickhouse_key }}"
    api_secret: "{{ vault_clickhouse_secret }}"
    organization_id: "{{ clickhouse_organization_id }}"
    email: carol@example.com
    roles: [Member]
  register: carol

- name: Report an email
  ansible.builtin.debug:
    msg: Carol got an email.
  when: carol.action in ['created', 'renewed']

- name: Revoke an invitation
  clickhouse.cloud.invitation:
    email: alice@example.com
    state: absent

- name: Revoke an invitation by its ID
  clickhouse.cloud.invitation:
    invitation_id: 5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11
    state: absent
"""

RETURN = r"""
action:
  description:
    - What was done, or would be done in check mode.
    - One of V(created), V(unchanged), V(replaced) (it had other roles; a second
      one with other roles is only revoked), V(renewed) (it had expired or was about to, or
      O(resend=true)), V(deleted), V(absent) (there was none), V(member) (the person has joined, so there is nothing to
      do) and V(expired) (left alone by O(renew_before=never)).
  returned: success
  type: str
  sample: created
invitation:
  description:
    - The invitation; with RV(action=deleted), the revoked one. In check mode, a new invitation has neither an ID nor
      timestamps.
  returned: when the plan was made
  type: dict
  sample:
    id: 5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11
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
member:
  description:
    - The member with this email, or V(null). Members are only listed if a person without a valid invitation is to be
      invited.
  returned: when the plan was made
  type: dict
  sample:
    user_id: 8c1f8c0a-3a6e-4f57-9e0e-55a2c1d4b7f3
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
diff:
  description:
    - The plan, one line per person with a change, sorted by email. Check mode and the real run show the same.
  returned: with C(--diff)
  type: dict
  sample:
    before: ""
    after: "alice@example.com: Member\n"
  contains:
    before:
      description: The current access of these people.
      type: str
    after:
      description: Their access after the changes.
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

from ..module_utils import _module, _options, _reconcile

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api


def reconcile(module: AnsibleModule, api: _api.CloudApi) -> dict[str, Any]:
    """Reconcile one person's invitation, and return the result."""
    options = module.params
    policy = _reconcile.read_policy(options, manage_members=False)
    if options["state"] == "present":
        report = _reconcile.ensure_present(api, [_options.entry(options)], policy, module.check_mode)
    elif options["invitation_id"] is not None:
        invitation_id = _options.uuid(options["invitation_id"], "invitation_id")
        report = _reconcile.ensure_revoked(api, invitation_id, module.check_mode)
    else:
        report = _reconcile.ensure_absent(api, [_options.email(options["email"])], policy, module.check_mode)
    return _reconcile.person_result(report, module._diff)


def main() -> None:
    """Run the module."""
    module = _module.create_module(
        {
            "email": {"type": "str"},
            "invitation_id": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **_module.ROLE_OPTIONS,
            **_module.WRITING_OPTIONS,
        },
        selects=("email", "invitation_id"),
        mutually_exclusive=[("email", "invitation_id"), ("role", "roles")],
        required_if=[
            ("state", "present", ("email",)),
            ("state", "present", ("role", "roles"), True),
            ("state", "absent", ("email", "invitation_id"), True),
        ],
    )
    _module.run(module, reconcile)


if __name__ == "__main__":
    main()
