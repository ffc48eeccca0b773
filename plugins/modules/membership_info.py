#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: membership_info
short_description: List who has access to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Lists who has joined, who is invited, whose invitation has expired, and who has no access. Takes two requests,
    whatever the size of the organization.
  - An expired invitation that the API no longer lists cannot be distinguished from one that was never sent. Both are
    V(absent).
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.attributes.info_module
  - clickhouse.cloud.attributes
options:
  emails:
    description:
      - Return only these people. Each of them is in the result, with state V(absent) if they have no access. Empty
        elements are ignored; an empty list matches nobody.
    type: list
    elements: str
    aliases: [email]
  expires_within:
    description:
      - An invitation that expires within this duration, such as V(36h) or V(2d), has RV(memberships[].expires_soon).
    type: str
    default: 48h
notes:
  - The API key needs the permission C(control-plane:organization:view).
seealso:
  - module: clickhouse.cloud.membership
  - module: clickhouse.cloud.memberships
"""

EXAMPLES = r"""
- name: Show who has access
  clickhouse.cloud.membership_info:
  register: access

- name: Print one line per person
  ansible.builtin.debug:
    msg: "{{ item.email }}: {{ item.state }}, {{ item.roles | join(', ') }}"
  loop: "{{ access.memberships }}"
  loop_control:
    label: "{{ item.email }}"
"""

RETURN = r"""
memberships:
  description:
    - One record per person, sorted by email.
  returned: success
  type: list
  elements: dict
  sample:
    - email: bob@example.com
      state: invited
      roles: [Member]
      assigned_roles:
        - role_id: 0d5cbd44-6ea1-4bb0-9f0e-1b2fd8a0f8f4
          role_name: Member
          role_type: system
      name: null
      since: "2026-11-23T12:00:00.000Z"
      until: "2026-11-30T12:00:00.000Z"
      expires_soon: false
      user_id: null
      invitation_id: 5f0c6a52-6c52-4f0a-9a5e-0d6b1f7f2c11
      other_access: []
  contains:
    email:
      description: Normalised email address of the person.
      type: str
    state:
      description: V(member), V(invited), V(expired) or V(absent).
      type: str
    roles:
      description:
        - Names of the roles, sorted; the legacy role if the API does not show others.
        - A name is followed by the ID in parentheses if the name alone would not find this role again, for example
          because another role is printed alike.
      type: list
      elements: str
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
    name:
      description: Name of a member.
      type: str
    since:
      description: When the person joined or was invited, as returned by the API.
      type: str
    until:
      description: When the invitation expires or expired, as returned by the API.
      type: str
    expires_soon:
      description: Whether the invitation expires within O(expires_within).
      type: bool
    user_id:
      description: ID of a member.
      type: str
    invitation_id:
      description: ID of the invitation.
      type: str
    other_access:
      description: Further member accounts with this email, and open invitations beside what the record shows.
      type: list
      elements: dict
      contains:
        kind:
          description: V(member) or V(invitation).
          type: str
        id:
          description: User ID of the account, or ID of the invitation.
          type: str
        roles:
          description: Names of its roles, as in RV(memberships[].roles).
          type: list
          elements: str
        assigned_roles:
          description: Its roles, as in RV(memberships[].assigned_roles).
          type: list
          elements: dict
summary:
  description: Number of people per state, and of invitations that expire soon.
  returned: success
  type: dict
  sample:
    member: 12
    invited: 3
    expired: 1
    absent: 0
    expires_soon: 1
  contains:
    member:
      description: People who have joined.
      type: int
    invited:
      description: People with a valid invitation.
      type: int
    expired:
      description: People whose invitation has expired.
      type: int
    absent:
      description: People in O(emails) who have no access.
      type: int
    expires_soon:
      description: Invited people whose invitation expires within O(expires_within).
      type: int
organization_id:
  description: ID of the organization.
  returned: success
  type: str
  sample: 3d6f0a51-64a9-4a7e-8a57-3b7a5b0a3c10
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

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..module_utils import _module, _options, _records, _roles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime, timedelta

    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api

STATES = ("member", "invited", "expired", "absent")


def read(module: AnsibleModule, api: _api.CloudApi) -> dict[str, Any]:
    """Read who has access, and return the result."""
    emails = module.params["emails"]
    only = None if emails is None else _options.emails(emails)
    expires_within = _options.duration(module.params["expires_within"], "expires_within")
    if expires_within is None:
        raise _options.OptionError("expires_within: give a duration such as 48h or 2d.")
    invitations, members = api.invitations(), api.members()
    result = info_result(invitations, members, only, expires_within, api.client.now())
    return {**result, "organization_id": api.organization_id}


def info_result(
    invitations: Sequence[_records.Invitation],
    members: Sequence[_records.Member],
    only: Iterable[str] | None,
    expires_within: timedelta,
    now: datetime,
) -> dict[str, Any]:
    """The result for all people or for ``only`` these, sorted by email."""
    joined, invited = _roles.accounts_by_email(members), _records.by_email(invitations)
    alike = _roles.alike([*invitations, *members])
    emails = sorted({*joined, *invited} if only is None else set(only))
    records = [_record(email, joined[email], invited[email], expires_within, now, alike) for email in emails]
    states = Counter(record["state"] for record in records)
    summary = {state: states[state] for state in STATES}
    summary["expires_soon"] = sum(record["expires_soon"] for record in records)
    return {"changed": False, "memberships": records, "summary": summary}


def _record(
    email: str,
    accounts: Sequence[_records.Member],
    invitations: Sequence[_records.Invitation],
    expires_within: timedelta,
    now: datetime,
    alike: Collection[str],
) -> dict[str, Any]:
    """One person's record. A member's first account counts, then the invitation that expires last."""
    member, invitation = next(iter(accounts), None), _records.latest(invitations)
    holder = member or invitation
    waits = invitation if member is None else None
    state = _records.access_state(member, invitation, now)
    others: list[_records.Member | _records.Invitation] = [*accounts, *_records.live_only(invitations, now)]
    return {
        "email": email,
        "state": state,
        **_access(holder, alike),
        "name": member.name if member else None,
        "since": member.joined_at if member else waits and waits.created_at,
        "until": waits and waits.expire_at,
        "expires_soon": state == "invited" and waits is not None and waits.expires_within(expires_within, now),
        "user_id": member and member.user_id,
        "invitation_id": invitation and invitation.id,
        "other_access": [_other_access(other, alike) for other in others if other is not holder],
    }


def _access(holder: _records.Holder | None, alike: Collection[str]) -> dict[str, Any]:
    """The roles of a record."""
    assigned = _records.roles_as_result(holder) if holder else []
    return {"roles": _roles.labels(holder, alike), "assigned_roles": assigned}


def _other_access(other: _records.Member | _records.Invitation, alike: Collection[str]) -> dict[str, Any]:
    """A further account, or an open invitation beside what counts."""
    if isinstance(other, _records.Member):
        return {"kind": "member", "id": other.user_id, **_access(other, alike)}
    return {"kind": "invitation", "id": other.id, **_access(other, alike)}


def main() -> None:
    """Run the module."""
    module = _module.create_module(
        {
            "emails": {"type": "list", "elements": "str", "aliases": ["email"]},
            "expires_within": {"type": "str", "default": "48h"},
        },
        selects=("emails", "email"),
    )
    _module.run(module, read)


if __name__ == "__main__":
    main()
