#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invitation
short_description: Keep one person's invitation to a ClickHouse Cloud organization present or absent
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Invites a person to a ClickHouse Cloud organization, or revokes the invitation.
  - The API cannot change an invitation. Other roles, or a new lifetime, mean that the invitation is revoked and
    another one is sent, which is another email to the person.
  - Revoking an invitation never removes someone who has joined already.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.cloud.writing
  - clickhouse.cloud.attributes
options:
  email:
    description:
      - Email address of the person. Upper and lower case and surrounding blanks make no difference.
      - Required for O(state=present).
    type: str
  invitation_id:
    description:
      - ID of the invitation to revoke, with O(state=absent), instead of O(email).
    type: str
  state:
    description:
      - V(present) has the person invited, unless they have joined already.
      - V(absent) leaves the person without any invitation. It neither asks about members nor removes one.
    type: str
    choices: [present, absent]
    default: present
  role:
    description:
      - Role in an organization that has no custom roles. The API calls it deprecated; prefer O(roles).
      - O(state=present) takes exactly one of O(role) and O(roles).
    type: str
    choices: [admin, developer]
  roles:
    description:
      - Names or IDs of system or custom roles. They are looked for by ID, then by name, then by name in any case if
        only one role has it.
      - Giving a name costs one more request than giving an ID.
    type: list
    elements: str
seealso:
  - module: clickhouse.cloud.invitation_info
  - module: clickhouse.cloud.invitations
"""

EXAMPLES = r"""
- name: Invite a colleague
  clickhouse.cloud.invitation:
    email: alice@example.com
    roles: [Developer]

- name: Invite with the older role, and leave the invitation alone once it has expired
  clickhouse.cloud.invitation:
    email: bob@example.com
    role: developer
    renew_before: never

- name: Invite with a key from a vault, to an organization that is named
  clickhouse.cloud.invitation:
    api_key: "{{ vault_clickhouse_key }}"
    api_secret: "{{ vault_clickhouse_secret }}"
    organization_id: "{{ clickhouse_organization_id }}"
    email: carol@example.com
    roles: [Developer]
  register: carol

- name: Say so if that sent an email
  ansible.builtin.debug:
    msg: Carol was sent an email.
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
    - What was done, or in check mode would be.
    - V(created), V(unchanged), V(replaced) (other roles), V(renewed) (it had expired or was about to), V(deleted),
      V(absent) (was not there), V(member) (the person has joined already, so there is nothing to do), V(expired)
      (left as it is by O(renew_before=never)).
  returned: success
  type: str
  sample: created
invitation:
  description:
    - The invitation as it now stands; with RV(action=deleted) the one that was deleted.
    - In check mode a predicted one has neither ID nor times.
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
      description: Email address of the person, in lower case as the API stores it.
      type: str
    role:
      description: The older role, which says nothing once the organization has moved to custom roles.
      type: str
    assigned_roles:
      description: The roles that the person has on joining; empty where the API does not tell.
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
      description: Whether it can no longer be accepted.
      type: bool
member:
  description:
    - The person as a member of the organization; V(null) if they have not joined. The API is asked only if someone
      without a live invitation is to be invited.
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
      description: Email address of the person.
      type: str
    role:
      description: The older role, as in RV(invitation.role).
      type: str
    assigned_roles:
      description: The person's roles, as in RV(invitation.assigned_roles).
      type: list
      elements: dict
    joined_at:
      description: When the person joined, as the API writes it.
      type: str
diff:
  description: The change to be made, the same in check mode and in the real run.
  returned: with C(--diff)
  type: dict
  sample:
    before: {}
    after: {email: alice@example.com, roles: [Developer]}
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
      description: How many of them were repetitions.
      type: int
    waited:
      description: Seconds spent waiting to try again.
      type: float
error:
  description: What went wrong, for C(rescue) blocks. RV(ignore:msg) says it in a sentence, with what to do about it.
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
      description: HTTP status; V(null) where no answer came, or none was asked for.
      type: int
    reason:
      description: The API's own words, or the fault's.
      type: str
    request_id:
      description: The API's ID of the request, for its support.
      type: str
    method:
      description: HTTP method of the request that failed.
      type: str
    path:
      description: Path of the request that failed.
      type: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils import _module, _options, _roster

if TYPE_CHECKING:
    from datetime import datetime

    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api


def keep_invitation(module: AnsibleModule, cloud: _api.CloudApi) -> dict[str, Any]:
    """Keep one invitation as the task says, and return the result."""
    options = module.params
    if options["state"] == "absent" and options["invitation_id"] is not None:
        invitation_id = _options.uuid(options["invitation_id"], "invitation_id")
        kept = _roster.keep_absent_by_id(cloud, invitation_id, module.check_mode)
    elif options["state"] == "absent":
        kept = _roster.keep_absent(cloud, [_options.email(options["email"] or "")], module.check_mode)
    else:
        entry = _roster.Entry.of(_options.email(options["email"] or ""), options)
        renew_before = _options.duration(options["renew_before"], "renew_before")
        kept = _roster.keep_present(cloud, [entry], renew_before, purge=False, check_mode=module.check_mode)
    return result_of_one(kept, cloud.client.now(), module._diff)


def result_of_one(kept: _roster.Result, now: datetime, diff: bool) -> dict[str, Any]:
    """The result for one person."""
    outcome = kept.outcomes[0]
    result = {
        "changed": outcome.changed,
        "invitation": outcome.invitation.as_result(now) if outcome.invitation else None,
        "member": outcome.member.as_result() if outcome.member else None,
        "warnings": list(kept.warnings),
    }
    if diff:
        result["diff"] = outcome.step.diff()
    if outcome.error:
        return {**result, "failed": True, "msg": str(outcome.error), "error": outcome.error.as_result()}
    return {**result, "action": outcome.action}


def main() -> None:
    """Run the module."""
    module = _module.create_module(
        {
            "email": {"type": "str"},
            "invitation_id": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **_module.ROLE_OPTIONS,
            "renew_before": {"type": "str", "default": "0s"},
        },
        mutually_exclusive=[("email", "invitation_id"), ("role", "roles")],
        required_if=[
            ("state", "present", ("email",)),
            ("state", "present", ("role", "roles"), True),
            ("state", "absent", ("email", "invitation_id"), True),
        ],
    )
    _module.run(module, keep_invitation)


if __name__ == "__main__":
    main()
