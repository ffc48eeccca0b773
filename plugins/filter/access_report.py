# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that turns results of the membership modules into a report on who has access."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = r"""
name: access_report
short_description: Report who has access to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Adds to the people that M(clickhouse.cloud.membership_info) returns how much time their invitation has left, and
    how they differ from an access list.
  - The playbook C(clickhouse.cloud.report) uses it for the report that it shows and writes.
positional: changes
options:
  _input:
    description: The RV(clickhouse.cloud.membership_info#module:memberships) of the whole organization.
    type: list
    elements: dict
    required: true
  changes:
    description:
      - The RV(clickhouse.cloud.memberships#module:changes) of the access list, applied in check mode with
        O(clickhouse.cloud.memberships#module:purge). Without it, people are not compared with a list.
    type: list
    elements: dict
    default: []
  now:
    description: The time at which the report is made, as ISO 8601 text. The current time by default.
    type: str
seealso:
  - module: clickhouse.cloud.membership_info
  - module: clickhouse.cloud.memberships
"""

EXAMPLES = r"""
- name: Look up who has access
  clickhouse.cloud.membership_info:
  register: access

- name: Compare it with the access list
  clickhouse.cloud.memberships:
    memberships: "{{ team }}"
    purge: true
    purge_limit: 100%
  check_mode: true
  register: plan

- name: Show who has access, but is not on the list
  ansible.builtin.debug:
    msg: "{{ report.people | selectattr('differs', 'eq', 'not_listed') | map(attribute='email') | join(', ') }}"
  vars:
    report: "{{ access.memberships | clickhouse.cloud.access_report(plan.changes) }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    made_at:
      description: When the report was made, in UTC.
      type: str
      sample: "2026-11-26T12:00:00Z"
    summary:
      description:
        - How many people are in each state, V(member), V(invited), V(expired) and V(absent), how many invitations
          expire soon (V(expires_soon)), and how many people differ from the access list (V(differs)).
      type: dict
      sample: {absent: 0, differs: 1, expired: 0, expires_soon: 0, invited: 1, member: 2}
    people:
      description:
        - The people, sorted by email, each as M(clickhouse.cloud.membership_info) returns them, with the keys below.
        - People who are on the list, but have nothing yet, are among them, with the state V(absent).
      type: list
      elements: dict
      contains:
        differs:
          description:
            - How the person differs from the access list. V(not_listed), V(other_roles), V(nothing_yet), or null if
              they do not differ.
          type: str
        listed_roles:
          description: Names of the roles on the access list, if they are others than the person's. Null if not.
          type: list
          elements: str
        time_left:
          description: How much of an invitation's lifetime is left, in percent, or null if that is unknown.
          type: int
        remarks:
          description: All of that in words.
          type: list
          elements: str
          sample: [expires in 5 hours, not on the list]
"""

# What each action of `memberships` in check mode says about a person. The others say that the person does not differ:
# an expired invitation that would be renewed is a matter of time, not of the list.
_DIFFERS = {
    "created": "nothing_yet",
    "deleted": "not_listed",
    "removed": "not_listed",
    "replaced": "other_roles",
    "updated": "other_roles",
}
_STATES = ("member", "invited", "expired", "absent")
_NOBODY: dict[str, Any] = {
    "state": "absent",
    "roles": [],
    "assigned_roles": [],
    "name": None,
    "since": None,
    "until": None,
    "expires_soon": False,
    "user_id": None,
    "invitation_id": None,
}


def access_report(
    memberships: Iterable[Mapping[str, Any]], changes: Iterable[Mapping[str, Any]] = (), now: str | None = None
) -> dict[str, Any]:
    """Report who has access. The documentation above says what it takes and returns."""
    moment = datetime.now(timezone.utc) if now is None else _parse(now)
    if moment is None:
        raise AnsibleFilterError(f"access_report: now is not ISO 8601 text such as 2026-11-26T12:00:00Z: {now!r}")
    differing = {change["email"]: change for change in changes if change["action"] in _DIFFERS}
    current = {person["email"]: person for person in memberships}
    people = [
        _describe({**_NOBODY, "email": email, **current.get(email, {})}, differing.get(email), moment)
        for email in sorted({*current, *differing})
    ]
    states = [person["state"] for person in people]
    summary = {
        **{state: states.count(state) for state in _STATES},
        "expires_soon": sum(bool(person["expires_soon"]) for person in people),
        "differs": len(differing),
    }
    return {"made_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "summary": summary, "people": people}


def _describe(person: dict[str, Any], change: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """One person, with the keys that the report adds."""
    since, until = _parse(person["since"]), _parse(person["until"])
    remarks = []
    time_left = None
    if person["state"] == "invited" and until:
        remarks.append(f"expires in {_words(until - now)}")
        if since and since < until:
            time_left = round(100 * min(max((until - now) / (until - since), 0), 1))
    elif person["state"] == "expired":
        remarks.append(f"expired {_words(now - until)} ago" if until else "expired")

    differs = _DIFFERS[change["action"]] if change else None
    listed_roles = _roles(change) if change and differs in ("other_roles", "nothing_yet") else None
    names = f": {', '.join(listed_roles)}" if listed_roles else ""
    if differs == "not_listed":
        remarks.append("not on the list")
    elif differs == "nothing_yet":
        remarks.append(f"nothing yet, on the list{names}")
    elif differs == "other_roles":
        remarks.append(f"other roles on the list{names}")
    return {**person, "differs": differs, "listed_roles": listed_roles, "time_left": time_left, "remarks": remarks}


def _roles(change: Mapping[str, Any]) -> list[str]:
    """Names of the roles that a person would have after a change."""
    holder = change.get("member" if change["action"] == "updated" else "invitation") or {}
    names = [role.get("role_name") or role["role_id"] for role in holder.get("assigned_roles") or ()]
    return sorted(names) or [role for role in [holder.get("role")] if role]


def _parse(text: str | None) -> datetime | None:
    """Parse an ISO 8601 timestamp, UTC if it has no offset; None if it is none."""
    try:
        time = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or timezone.utc).astimezone(timezone.utc)


def _words(span: timedelta) -> str:
    """A span of time in its largest unit, rounded down: ``3 days``."""
    seconds = max(span.total_seconds(), 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' * (count > 1)}"
    return "less than a minute"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file, by name."""
        return {"access_report": access_report}
