#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: memberships
short_description: Manage who has access to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Gives everybody on a roster access with their roles, or takes it away, whether they are invited or have joined, in
    one task. With O(purge=true), the roster is the organization's access list as code.
  - Follows the rules of M(clickhouse.cloud.membership) for each person.
  - Grants access before it takes any. Invitations and additional roles come first, then demotions, then removals.
  - Validates the roster and the plan before the first change. A plan that leaves no member with the system role Admin
    fails, and so does one that exceeds O(purge_limit).
  - One person's failure does not stop the others; the task fails at the end and reports what was done. Run it again for
    the rest.
  - Verifies new roles of members after the last change, for up to 30 seconds. If the API does not show them by then,
    the task warns.
  - A removed person can come back through single sign-on, without an invitation. Remove them from your identity
    provider, too.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.cloud.roster
  - clickhouse.cloud.cloud.writing
  - clickhouse.cloud.attributes
options:
  memberships:
    description:
      - The roster. At least one of O(memberships) and O(emails) is needed; both together make one roster.
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
      - V(present) gives everybody on the roster access with their roles.
      - V(absent) takes all access from everybody on the roster. Roles are ignored.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - With O(state=present), also remove every member and revoke every invitation whose email is not on the roster.
        Fails with an empty roster. Mutually exclusive with O(resend).
    type: bool
    default: false
  purge_limit:
    description:
      - Maximum number of people from whom O(purge) may take access, as a count such as V(5) or as a percentage such as
        V(25%) of all members and invited people. A percentage above V(0%) is rounded down, but to one person at least.
      - If the plan exceeds it, the task fails before it changes anything, so that a roster that lost half of its lines
        does not cost half of the team their access.
    type: str
    default: 25%
  purge_exclude:
    description:
      - Email addresses of people whom O(purge) leaves alone although they are not on the roster, such as break-glass
        accounts. The task warns about an address that nobody has.
    type: list
    elements: str
seealso:
  - module: clickhouse.cloud.membership
  - module: clickhouse.cloud.membership_info
  - module: clickhouse.cloud.role_info
"""

EXAMPLES = r"""
- name: Give these people access, and nobody else
  clickhouse.cloud.memberships:
    memberships:
      - email: alice@example.com
        roles: [Admin]
      - email: bob@example.com
        comment: data platform
    roles: [Member]
    purge: true
    purge_exclude: [break-glass@example.com]

- name: Offboard people
  clickhouse.cloud.memberships:
    emails: [carol@example.com, dave@example.com]
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
      member: null
  contains:
    email:
      description: Email address of the person.
      type: str
    action:
      description: The C(action) that M(clickhouse.cloud.membership) returns, or V(failed).
      type: str
    invitation:
      description: The person's invitation, or the revoked one, as returned by M(clickhouse.cloud.membership).
      type: dict
    member:
      description: The member, or the removed one, as returned by M(clickhouse.cloud.membership).
      type: dict
    error:
      description: Details, if the action is V(failed). It has the keys of RV(error), and the message as C(msg).
      type: dict
summary:
  description: Number of people per action; all keys are always present.
  returned: when the plan was made
  type: dict
  sample:
    created: 1
    unchanged: 0
    replaced: 0
    renewed: 0
    updated: 0
    deleted: 0
    removed: 0
    absent: 0
    expired: 0
    failed: 0
not_listed:
  description:
    - Email addresses of all who have access and are not on the roster, sorted.
    - With O(purge), those who keep it, for example because of O(purge_exclude). Empty with O(state=absent).
  returned: when the plan was made
  type: list
  elements: str
  sample: [break-glass@example.com]
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
    """Reconcile the access of a roster, and return the result."""
    options = module.params
    policy = _reconcile.read_policy(options, manage_members=True)
    report = _reconcile.ensure_roster(api, options, "memberships", policy, module.check_mode)
    return _reconcile.roster_result(report, module._diff)


def main() -> None:
    """Run the module."""
    module = _module.create_module(
        {
            "memberships": {"type": "list", "elements": "dict", "options": _module.ENTRY_OPTIONS},
            **_module.ROSTER_OPTIONS,
            "purge_limit": {"type": "str", "default": "25%"},
            "purge_exclude": {"type": "list", "elements": "str"},
        },
        selects=("memberships", "emails", "purge_exclude"),
        mutually_exclusive=[("role", "roles")],
        required_one_of=[("memberships", "emails")],
    )
    _module.run(module, reconcile)


if __name__ == "__main__":
    main()
