#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invitations
short_description: Manage the invitations of a whole team
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Invites everybody on a roster who has not joined, or revokes their invitations, in one task.
  - Follows the rules of M(clickhouse.cloud.invitation) for each person. Never changes or removes a member. To manage
    members as well, use M(clickhouse.cloud.memberships).
  - Validates the whole roster before the first change. One person's failure does not stop the others; the task fails
    at the end and reports what was done. Run it again for the rest.
  - A loop over M(clickhouse.cloud.invitation) takes several requests per person and soon meets the rate limit. This
    module reads each list once.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.cloud.roster
  - clickhouse.cloud.cloud.writing
  - clickhouse.cloud.attributes
options:
  invitations:
    description:
      - The roster. At least one of O(invitations) and O(emails) is needed; both together make one roster.
      - A person who is listed twice with the same roles counts once. With different roles, the task fails before it
        changes anything, as for every mistake in the roster.
    type: list
    elements: dict
    suboptions:
      email:
        description: Email address of the person.
        type: str
        required: true
      role:
        description:
          - Legacy role of the person, V(admin) or V(developer). Overrides the task's O(role) and O(roles). Empty text
            counts as not given.
        type: str
      roles:
        description:
          - Names or IDs of the person's roles. Override the task's O(role) and O(roles). Empty text counts as not
            given, an empty list is an error.
        type: list
        elements: str
      comment:
        description: A note for readers of the roster. The module ignores it.
        type: str
  state:
    description:
      - V(present) invites everybody on the roster, unless they have joined.
      - V(absent) revokes the invitations of everybody on the roster. Roles are ignored.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - With O(state=present), also revoke every invitation whose email is not on the roster. Fails with an empty
        roster. Mutually exclusive with O(resend).
    type: bool
    default: false
  purge_limit:
    description:
      - Maximum number of people whose invitations O(purge) may revoke, as a count such as V(5) or as a percentage such
        as V(25%) of all people who are invited now. A percentage above V(0%) is rounded down, but to one person at
        least.
      - If the plan exceeds it, the task fails before it changes anything.
    type: str
    default: 100%
seealso:
  - module: clickhouse.cloud.invitation
  - module: clickhouse.cloud.invitation_info
  - module: clickhouse.cloud.memberships
"""

EXAMPLES = r"""
- name: Invite a team with the same role
  clickhouse.cloud.invitations:
    emails:
      - alice@example.com
      - bob@example.com
    roles: [Member]

- name: Invite the people on a reviewed roster, and revoke all other invitations
  clickhouse.cloud.invitations:
    invitations:
      - email: alice@example.com
        roles: [Admin]
      - email: bob@example.com
        comment: data platform
    roles: [Member]
    purge: true

- name: Revoke invitations
  clickhouse.cloud.invitations:
    emails: [carol@example.com]
    state: absent
"""

RETURN = r"""
changes:
  description:
    - One record per person for whom something was done, or would be done in check mode.
  returned: when the plan was made
  type: list
  elements: dict
  sample:
    - email: alice@example.com
      action: created
      invitation:
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
    email:
      description: Email address of the person.
      type: str
    action:
      description: The C(action) that M(clickhouse.cloud.invitation) returns, or V(failed).
      type: str
    invitation:
      description: The person's invitation, or the revoked one, as returned by M(clickhouse.cloud.invitation).
      type: dict
    error:
      description: Details, if the action is V(failed). It has the keys of RV(error), and the message as C(msg).
      type: dict
members:
  description: Email addresses of people on the roster who have joined.
  returned: when the plan was made
  type: list
  elements: str
  sample: [bob@example.com]
summary:
  description: Number of people per action; all keys are always present.
  returned: when the plan was made
  type: dict
  sample:
    created: 1
    unchanged: 0
    replaced: 0
    renewed: 0
    deleted: 0
    absent: 0
    member: 0
    expired: 0
    failed: 0
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
  description:
    - Structured details for C(rescue) blocks; RV(ignore:msg) has the explanation. With several failures, the first;
      RV(changes[].error) has one per person.
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

from ..module_utils import _module, _reconcile

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api


def reconcile(module: AnsibleModule, api: _api.CloudApi) -> dict[str, Any]:
    """Reconcile the invitations of a roster, and return the result."""
    options = module.params
    policy = _reconcile.read_policy(options, manage_members=False)
    report = _reconcile.ensure_roster(api, options, "invitations", policy, module.check_mode)
    return _reconcile.roster_result(report, module._diff)


def main() -> None:
    """Run the module."""
    module = _module.create_module(
        {
            "invitations": {"type": "list", "elements": "dict", "options": _module.ENTRY_OPTIONS},
            **_module.ROSTER_OPTIONS,
            "purge_limit": {"type": "str", "default": "100%"},
        },
        selects=("invitations", "emails"),
        mutually_exclusive=[("role", "roles")],
        required_one_of=[("invitations", "emails")],
    )
    _module.run(module, reconcile)


if __name__ == "__main__":
    main()
