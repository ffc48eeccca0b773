#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invitation
short_description: Invite a person to ClickHouse Cloud, or revoke the invitation
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Keeps one person's invitation to a ClickHouse Cloud organization present or absent.
  - The API cannot change an invitation. For other roles or a new lifetime the module revokes it and sends another one,
    which is another email to the person.
  - Members are never changed or removed. Use M(clickhouse.cloud.membership) for access as a whole.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.cloud.person
  - clickhouse.cloud.cloud.writing
  - clickhouse.cloud.attributes
options:
  email:
    description:
      - Email address of the person. Case and surrounding whitespace make no difference. V(Bob <bob@example.com>), as
        mail clients write it, is understood.
      - Required for O(state=present).
    type: str
  invitation_id:
    description:
      - ID of the invitation to revoke, with O(state=absent), instead of O(email).
    type: str
  state:
    description:
      - V(present) invites the person, unless they have joined.
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
    roles: [Developer]

- name: Invite once, and do not send another email if the invitation expires
  clickhouse.cloud.invitation:
    email: bob@example.com
    roles: [Developer]
    renew_before: never

- name: Send the email again, because it got lost
  clickhouse.cloud.invitation:
    email: bob@example.com
    roles: [Developer]
    resend: true

- name: Invite with a key from a vault, to a given organization
  clickhouse.cloud.invitation:
    api_key: "{{ vault_clickhouse_key }}"
    api_secret: "{{ vault_clickhouse_secret }}"
    organization_id: "{{ clickhouse_organization_id }}"
    email: carol@example.com
    roles: [Developer]
  register: carol

- name: Report an email
  ansible.builtin.debug:
    msg: Carol got an email.
  when: carol.action in ['created', 'replaced', 'renewed']

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
    - What was done or, in check mode, would be.
    - V(created), V(unchanged), V(replaced) (other roles), V(renewed) (it had expired, was about to, or O(resend)),
      V(deleted), V(absent) (there was none), V(member) (the person has joined, nothing to do), V(expired) (left alone
      by O(renew_before=never)).
  returned: success
  type: str
  sample: created
invitation:
  description:
    - The invitation now; with RV(action=deleted), the revoked one. A predicted one has no ID and no times.
  returned: always, once everything was checked
  type: dict
  sample:
    id: 5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11
    email: alice@example.com
    role: developer
    assigned_roles:
      - role_id: 0d5cbd44-6ea1-4bb0-9f0e-1b2fd8a0f8f4
        role_name: Developer
        role_type: system
    created_at: "2026-11-23T12:00:00.000Z"
    expire_at: "2026-11-30T12:00:00.000Z"
    expired: false
  contains:
    id:
      description: ID of the invitation.
      type: str
    email:
      description: Email address of the person, normalised.
      type: str
    role:
      description: The legacy role, which has no meaning in an organization that has migrated to custom roles.
      type: str
    assigned_roles:
      description: The roles, empty if the API does not show them.
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
      description: When it was sent, as the API writes it.
      type: str
    expire_at:
      description: Until when it can be accepted, as the API writes it.
      type: str
    expired:
      description: Whether it has expired.
      type: bool
member:
  description:
    - The member with this email, V(null) if there is none. The API is asked only if a person without a live invitation
      is to be invited.
  returned: always, once everything was checked
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
      description: Email address of the person, normalised.
      type: str
    role:
      description: The legacy role, which has no meaning in an organization that has migrated to custom roles.
      type: str
    assigned_roles:
      description: The roles, empty if the API does not show them.
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
      description: When the person joined, as the API writes it.
      type: str
diff:
  description:
    - The plan, one line for each person with a change, sorted by email. Check mode and the real run show the same.
  returned: with C(--diff)
  type: dict
  sample:
    before: ""
    after: "alice@example.com: Developer\n"
  contains:
    before:
      description: Who has access now, and with which roles.
      type: str
    after:
      description: Who has access after the changes, and with which roles.
      type: str
api:
  description: How many API requests the task made, and how long it waited.
  returned: always, once it is known how to reach the API
  type: dict
  sample:
    requests: 3
    retries: 0
    waited: 0.0
  contains:
    requests:
      description: Requests sent, repeated ones included.
      type: int
    retries:
      description: Repeated requests among them.
      type: int
    waited:
      description: Seconds waited before requests were repeated.
      type: float
error:
  description: >-
    What failed, for C(rescue) blocks. RV(ignore:msg) says it in a sentence, with what to do about it.
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
      description: The API's own words, or the fault's.
      type: str
    request_id:
      description: The API's ID of the request, for its support.
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
