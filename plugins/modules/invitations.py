#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: invitations
short_description: Keep a whole roster of people invited to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Invites everyone on a roster who has not joined yet, or revokes their invitations, in one task with as few
    requests as can be.
  - Every rule of M(clickhouse.cloud.invitation) holds for each person.
  - Everything is checked before the first invitation is sent or revoked. After that, one person's failure does not
    stop the others. The task then fails at the end, and its result says what was done and what was not. Running it
    again does only the rest.
  - Revoking an invitation never removes someone who has joined already.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.cloud.writing
  - clickhouse.cloud.attributes
options:
  invitations:
    description:
      - The roster. At least one of O(invitations) and O(emails) is needed; both together make one roster.
      - Someone who is listed twice with the same roles counts once; with different roles, the task fails before
        anything is sent.
    type: list
    elements: dict
    suboptions:
      email:
        description: Email address of the person. Upper and lower case and surrounding blanks make no difference.
        type: str
        required: true
      role:
        description: As O(role), for this person. Wins over the task's O(role) and O(roles).
        type: str
        choices: [admin, developer]
      roles:
        description: As O(roles), for this person. Wins over the task's O(role) and O(roles).
        type: list
        elements: str
  emails:
    description:
      - Short for entries of O(invitations) without roles of their own. Blank ones are dropped.
    type: list
    elements: str
  state:
    description:
      - V(present) has everyone listed invited, unless they have joined already.
      - V(absent) revokes the invitations of everyone listed. Roles make no difference then.
    type: str
    choices: [present, absent]
    default: present
  role:
    description:
      - Role for entries that name neither O(invitations[].role) nor O(invitations[].roles), in an organization that
        has no custom roles. The API calls it deprecated; prefer O(roles).
    type: str
    choices: [admin, developer]
  roles:
    description:
      - Names or IDs of system or custom roles for entries that name neither O(invitations[].role) nor
        O(invitations[].roles). They are looked for by ID, then by name, then by name in any case if only one role has
        it.
      - Giving names costs one more request for the whole roster than giving IDs.
    type: list
    elements: str
  purge:
    description:
      - With O(state=present), also revoke every invitation of people who are not listed. An empty roster is refused
        then.
    type: bool
    default: false
seealso:
  - module: clickhouse.cloud.invitation
  - module: clickhouse.cloud.invitation_info
"""

EXAMPLES = r"""
- name: Invite a team with the same role
  clickhouse.cloud.invitations:
    emails:
      - alice@example.com
      - bob@example.com
    roles: [Developer]

- name: Keep a reviewed roster, and nobody else, invited
  clickhouse.cloud.invitations:
    invitations:
      - email: alice@example.com
        roles: [Admin]
      - email: bob@example.com
      - email: carol@example.com
        roles: [Developer, Billing]
    roles: [Developer]
    purge: true

- name: Revoke the invitations of people who leave
  clickhouse.cloud.invitations:
    emails: [carol@example.com]
    state: absent
"""

RETURN = r"""
changes:
  description: One record for each person for whom something was done or, in check mode, would be.
  returned: always, once everything was checked
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
            role_name: Developer
            role_type: system
        created_at: "2026-11-23T12:00:00.000Z"
        expire_at: "2026-11-30T12:00:00.000Z"
        expired: false
  contains:
    email:
      description: Email address of the person.
      type: str
    action:
      description: What was done, as the C(action) that M(clickhouse.cloud.invitation) returns, or V(failed).
      type: str
    invitation:
      description:
        - The invitation as it now stands, or the one that was deleted, as M(clickhouse.cloud.invitation) returns it.
      type: dict
    error:
      description:
        - What went wrong, where the action is V(failed). The keys of RV(error), and C(msg), the message.
      type: dict
members:
  description: Email addresses of the people of the roster who have joined already.
  returned: always, once everything was checked
  type: list
  elements: str
  sample: [bob@example.com]
summary:
  description: How many people each action was taken for. Every action is there, V(failed) included.
  returned: always, once everything was checked
  type: dict
  sample:
    created: 1
    unchanged: 0
    replaced: 0
    renewed: 0
    deleted: 0
    absent: 0
    member: 1
    expired: 0
    failed: 0
diff:
  description:
    - The change to be made for each person for whom something is, the same in check mode and in the real run.
  returned: with C(--diff)
  type: list
  elements: dict
  sample:
    - before_header: alice@example.com
      after_header: alice@example.com
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
  description:
    - What went wrong, for C(rescue) blocks. RV(ignore:msg) says it in a sentence, with what to do about it.
    - Where it went wrong with some people, what did with the first of them; RV(changes[].error) has everyone's.
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

from ..module_utils import _module, _options, _plan, _roster

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api, _errors

WARNINGS_AT_MOST = 20


def keep_roster(module: AnsibleModule, cloud: _api.CloudApi) -> dict[str, Any]:
    """Keep everyone's invitation as the task says, and return the result."""
    options = module.params
    people = _options.each(_person, enumerate(options["invitations"] or ()))
    people += [{"email": email} for email in _options.emails(options["emails"] or [])]
    if options["state"] == "absent":
        if options["purge"]:
            raise _options.OptionError("purge: it goes with state=present only.")
        kept = _roster.keep_absent(cloud, [person["email"] for person in people], module.check_mode)
    else:
        entries = _options.each(lambda person: _roster.Entry.of(person["email"], person, options), people)
        renew_before = _options.duration(options["renew_before"], "renew_before")
        kept = _roster.keep_present(cloud, entries, renew_before, options["purge"], module.check_mode)
    return result_of_roster(kept, cloud.client.now(), module._diff)


def _person(numbered: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """Someone of the roster, with their email checked and normalised."""
    number, person = numbered
    return {**person, "email": _options.email(person["email"] or "", f"invitations[{number}].email")}


def result_of_roster(kept: _roster.Result, now: datetime, diff: bool) -> dict[str, Any]:
    """The result for a whole roster: a record for each person for whom something was done, or was to be."""
    outcomes = kept.outcomes
    actions = [outcome.action for outcome in outcomes]
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "changes": [_change(outcome, now) for outcome in outcomes if outcome.step.writes],
        "members": [outcome.step.email for outcome in outcomes if outcome.action == "member"],
        "summary": {action: actions.count(action) for action in (*_plan.ACTIONS, "failed")},
        "warnings": _options.bounded(kept.warnings, WARNINGS_AT_MOST, "{} more warnings are left out."),
    }
    if diff:
        result["diff"] = [
            {"before_header": outcome.step.email, "after_header": outcome.step.email, **outcome.step.diff()}
            for outcome in outcomes
            if outcome.step.writes
        ]
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
        return {**result, "failed": True, "msg": _message(errors, len(outcomes)), "error": errors[0].as_result()}
    return result


def _change(outcome: _plan.Outcome, now: datetime) -> dict[str, Any]:
    change = {
        "email": outcome.step.email,
        "action": outcome.action,
        "invitation": outcome.invitation.as_result(now) if outcome.invitation else None,
    }
    if outcome.error:
        change["error"] = {"msg": str(outcome.error), **outcome.error.as_result()}
    return change


def _message(errors: Sequence[_errors.ApiError], people: int) -> str:
    failures = [str(error) for error in errors]
    told = _options.bounded(failures, _options.SENTENCES_IN_MESSAGE, "The rest is in changes.")
    return " ".join([f"{len(errors)} of {people} people failed.", *told])


def main() -> None:
    """Run the module."""
    person = {"email": {"type": "str", "required": True}, **_module.ROLE_OPTIONS}
    module = _module.create_module(
        {
            "invitations": {"type": "list", "elements": "dict", "options": person},
            "emails": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **_module.ROLE_OPTIONS,
            "purge": {"type": "bool", "default": False},
            "renew_before": {"type": "str", "default": "0s"},
        },
        mutually_exclusive=[("role", "roles")],
        required_one_of=[("invitations", "emails")],
    )
    _module.run(module, keep_roster)


if __name__ == "__main__":
    main()
