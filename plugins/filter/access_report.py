# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that turns results of the membership modules into a report on who has access."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils import _options, _records, _roles
from ..plugin_utils._addresses import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

DOCUMENTATION = r"""
name: access_report
short_description: Report who has access to a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Adds to the people that M(clickhouse.cloud.membership_info) returns how they differ from an access list, who is an
    administrator, and how much time invitations have left; and to API keys what a review asks about.
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
  not_listed:
    description: The RV(clickhouse.cloud.memberships#module:not_listed) of the same task.
    type: list
    elements: str
    default: []
  exclude:
    description: People who may have access although they are not on the list, as a list or text. A remark says so.
    type: raw
    default: []
  entries:
    description: The access list itself, for the comments in it.
    type: list
    elements: dict
    default: []
  api_keys:
    description: The RV(clickhouse.cloud.api_key_info#module:api_keys). Without it, the report has no keys.
    type: list
    elements: dict
  unused_for:
    description: A key that was last used longer ago than this duration is remarked on.
    type: str
    default: 90d
  organization_id:
    description: The organization, for the report to name.
    type: str
  revision:
    description: The revision of the access list, for the report to name.
    type: str
  plan_error:
    description: Why the access list cannot be applied, if it cannot, so that people were not compared with it.
    type: str
  keys_error:
    description: Why API keys could not be listed, if they could not.
    type: str
  now:
    description: The time at which the report is made, as ISO 8601 text. The current time by default.
    type: str
seealso:
  - module: clickhouse.cloud.membership_info
  - module: clickhouse.cloud.memberships
  - module: clickhouse.cloud.api_key_info
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
    sentence:
      description: The counts in words.
      type: str
      sample: 2 members (1 administrator); 1 invited; 3 API keys; 1 differs from the list.
    organization_id:
      description: ID of the organization.
      type: str
    list:
      description: With which list people were compared, in words.
      type: str
      sample: the access list of 12 people
    notes:
      description: Sentences on what the report does not show.
      type: list
      elements: str
    msg:
      description: RV(_value.sentence) and RV(_value.notes).
      type: str
    listed:
      description: How many people are on the access list, or V(null) if people were not compared with one.
      type: int
    summary:
      description:
        - How many people are in each state, V(member), V(invited), V(expired) and V(absent), how many members are
          administrators (V(administrators)), how many invitations expire soon (V(expires_soon)), how many people differ
          from the access list (V(differs)), and how many API keys there are (V(api_keys)).
      type: dict
      sample: {absent: 0, administrators: 1, api_keys: 3, differs: 1, expired: 0, expires_soon: 0, invited: 1}
    people:
      description:
        - The people, each as M(clickhouse.cloud.membership_info) returns them, with the keys below. People who differ
          from the list come first, then members, invited people and others; administrators come before others.
        - People who are on the list, but have nothing yet, are among them, with the state V(absent).
      type: list
      elements: dict
      contains:
        administrator:
          description: Whether one of the person's accounts or invitations has the system role Admin.
          type: bool
        comment:
          description: The comment on the access list, or null.
          type: str
        differs:
          description:
            - How the person differs from the access list. V(not_listed), V(other_roles), V(other_access) (an open
              invitation of a member), V(nothing_yet), or null if they do not differ.
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
    api_keys:
      description:
        - The API keys, each as M(clickhouse.cloud.api_key_info) returns them, with the keys below. Those of
          administrators come first. Null if they are not known.
      type: list
      elements: dict
      contains:
        administrator:
          description: Whether the key has the system role Admin.
          type: bool
        remarks:
          description: What a review asks about.
          type: list
          elements: str
          sample: [never expires, never used, no IP list]
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
    "other_access": [],
}
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def access_report(
    memberships: Sequence[Mapping[str, Any]],
    changes: Iterable[Mapping[str, Any]] | None = None,
    now: str | None = None,
    not_listed: Iterable[str] = (),
    exclude: str | Iterable[object] | None = None,
    entries: Iterable[object] | None = None,
    api_keys: Iterable[Mapping[str, Any]] | None = None,
    unused_for: str = "90d",
    organization_id: str | None = None,
    revision: str | None = None,
    plan_error: str | None = None,
    keys_error: str | None = None,
) -> dict[str, Any]:
    """Report who has access. The documentation above says what it takes and returns."""
    moment = datetime.now(timezone.utc) if now is None else _records.parse_timestamp(now)
    if moment is None:
        raise AnsibleFilterError(f"access_report: now is not ISO 8601 text such as 2026-11-26T12:00:00Z: {now!r}")
    if not isinstance(memberships, list) or not all("state" in person for person in memberships):
        raise AnsibleFilterError("access_report takes the memberships that membership_info returns.")
    differing = {change["email"]: change for change in changes or () if change["action"] in _DIFFERS}
    comments = _comments(entries or ())
    excluded = {*addresses(exclude)}.difference(comments, differing) if changes is not None else set()
    for email in {*not_listed}.difference(excluded, comments):
        differing.setdefault(email, {"email": email, "action": "removed"})
    current = {person["email"]: person for person in memberships}
    alike = _alike([*current.values(), *map(_holder, differing.values())])
    people = [
        {
            **_describe({**_NOBODY, "email": email, **current.get(email, {})}, differing.get(email), alike, moment),
            "comment": comments.get(email),
        }
        for email in sorted({*current, *differing})
    ]
    for person in people:
        if person["email"] in excluded:
            person["remarks"].append("excluded from purge, not on the list")
    people.sort(key=lambda each: (each["differs"] is None, _STATES.index(each["state"]), not each["administrator"]))
    keys = None if api_keys is None else [_describe_key(key, unused_for, moment) for key in api_keys]
    states = [person["state"] for person in people]
    summary = {
        **{state: states.count(state) for state in _STATES},
        "administrators": sum(person["administrator"] and person["state"] == "member" for person in people),
        "expires_soon": sum(bool(person["expires_soon"]) for person in people),
        "differs": len(differing),
    }
    listed = None if changes is None else len(comments)
    sentence = _sentence(summary, keys, listed)
    notes = []
    if plan_error:
        reason = plan_error.replace("Nothing was changed: ", "")
        notes.append(f"Not compared with the access list: {reason}")
    if keys_error:
        notes.append(f"API keys are not shown. {keys_error}")
    return {
        "made_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "organization_id": organization_id,
        "list": _list_in_words(listed, revision),
        "listed": listed,
        "sentence": sentence,
        "notes": notes,
        "msg": " ".join([sentence, *notes]),
        "summary": summary if keys is None else {**summary, "api_keys": len(keys)},
        "people": people,
        "api_keys": keys and sorted(keys, key=lambda key: not key["administrator"]),
    }


def _comments(entries: Iterable[object]) -> dict[str, str | None]:
    """The comment on the access list for each person on it."""
    comments = {}
    for entry in entries:
        if isinstance(entry, dict):
            for email in addresses([entry.get("email")]):
                # One line that is harmless on a terminal, as the texts of the API are.
                comments[email] = _records.visible(" ".join(str(entry.get("comment") or "").split())) or None
    return comments


def _list_in_words(listed: int | None, revision: str | None) -> str:
    """Say with which list people were compared."""
    if listed is None:
        return "no access list"
    return f"the access list of {_count(listed, 'person', 'people')}{f', revision {revision}' if revision else ''}"


def _sentence(summary: Mapping[str, int], keys: Sequence[object] | None, listed: int | None) -> str:
    """Say the counts in words."""
    texts = [
        f"{_count(summary['member'], 'member')} ({_count(summary['administrators'], 'administrator')})",
        f"{summary['invited']} invited" if summary["invited"] else "",
        f"{_count(summary['expires_soon'], 'invitation')} about to expire" if summary["expires_soon"] else "",
        _count(summary["expired"], "expired invitation") if summary["expired"] else "",
        f"{summary['absent']} on the list with nothing yet" if summary["absent"] else "",
        _count(len(keys), "API key") if keys is not None else "",
    ]
    if listed is not None:
        texts.append(
            f"{summary['differs'] or 'nobody'} {'differ' if summary['differs'] > 1 else 'differs'} from the list"
        )
    return f"{'; '.join(filter(None, texts))}."


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def _describe(
    person: dict[str, Any], change: Mapping[str, Any] | None, alike: frozenset[str], now: datetime
) -> dict[str, Any]:
    """One person, with the keys that the report adds."""
    since, until = _records.parse_timestamp(person["since"]), _records.parse_timestamp(person["until"])
    remarks = []
    time_left = None
    if person["state"] == "invited" and until:
        remarks.append(f"expires in {_words(until - now)}")
        if since and since < until:
            time_left = round(100 * min(max((until - now) / (until - since), 0), 1))
    elif person["state"] == "expired":
        remarks.append(f"expired {_words(now - until)} ago" if until else "expired")
    for other in person["other_access"]:
        kind = "second account" if other["kind"] == "member" else "open invitation"
        remarks.append(f"{kind}: {', '.join(other['roles']) or 'no roles'}")
    differs, listed_roles = _difference(person, change, alike)
    names = f": {', '.join(listed_roles)}" if listed_roles else ""
    if differs:
        words = {
            "not_listed": "not on the list",
            "nothing_yet": f"nothing yet, on the list{names}",
            "other_roles": f"other roles on the list{names}",
            "other_access": "open invitation that is not on the list",
        }
        remarks.append(words[differs])
    holders = [person, *person["other_access"]]
    return {
        **person,
        "administrator": any(map(_is_admin, holders)),
        "differs": differs,
        "listed_roles": listed_roles,
        "time_left": time_left,
        "remarks": remarks,
    }


def _difference(
    person: Mapping[str, Any], change: Mapping[str, Any] | None, alike: frozenset[str]
) -> tuple[str | None, list[str] | None]:
    """How a person differs from the list, and the roles on it if they are others."""
    if change is None:
        return None, None
    differs = _DIFFERS[change["action"]]
    if differs == "not_listed":
        return differs, None
    listed = _holder(change)
    invited_too = any(other["kind"] == "invitation" for other in person["other_access"])
    if differs == "other_roles" and invited_too and listed["assigned_roles"] and _ids(listed) == _ids(person):
        return "other_access", None
    labels = sorted(_roles.label(role, alike) for role in _roles_of(listed))
    return differs, labels or [role for role in [listed.get("role")] if role]


def _holder(change: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record that a person would have after a change."""
    holder = change.get("member" if change["action"] == "updated" else "invitation") or {}
    return {"assigned_roles": [], **holder}


def _roles_of(holder: Mapping[str, Any]) -> tuple[_records.Role, ...]:
    assigned = holder.get("assigned_roles") or ()
    return tuple(_records.Role(role["role_id"], role.get("role_name"), role.get("role_type")) for role in assigned)


def _ids(holder: Mapping[str, Any]) -> set[str | None]:
    return {role.id for role in _roles_of(holder)}


def _alike(holders: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The IDs of roles whose names are printed alike."""
    return _roles.alike([_records.Desired("", None, _roles_of(holder)) for holder in holders])


def _is_admin(holder: Mapping[str, Any]) -> bool:
    """Whether it has the system role Admin or, if the API shows no assigned roles, the legacy role."""
    roles = _roles_of(holder)
    names = holder.get("roles") or holder.get("role_names") or []
    return any(_roles.is_system_role(role, "admin") for role in roles) or (not roles and "admin" in names)


def _describe_key(key: Mapping[str, Any], unused_for: str, now: datetime) -> dict[str, Any]:
    """One API key, with the keys that the report adds."""
    return {**key, "administrator": _is_admin(key), "remarks": list(_remarks_on_key(key, unused_for, now))}


def _remarks_on_key(key: Mapping[str, Any], unused_for: str, now: datetime) -> Iterator[str]:
    """Yield what a review asks about."""
    if key["state"] == "disabled":
        yield "disabled"
    if key["expired"]:
        yield "expired"
    elif not key["expire_at"]:
        yield "never expires"
    used, limit = _records.parse_timestamp(key["used_at"]), _options.duration(unused_for, "unused_for")
    if not key["used_at"]:
        yield "never used"
    elif used and limit is not None and now - used > limit:
        yield f"not used for {_words(now - used)}"
    sources = [each["source"] for each in key["ip_access_list"]]
    if not sources:
        yield "no IP list"
    elif any(source in _EVERYWHERE for source in sources):
        yield "IP list allows every address"


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
