# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that turns the result of a writing module into what the role ``access`` shows and publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plugin_utils._addresses import addresses, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

DOCUMENTATION = r"""
name: access_result
short_description: Say in words what a roster module did
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Makes the result that the role C(clickhouse.cloud.access) shows and publishes of the result of
    M(clickhouse.cloud.invitations) or M(clickhouse.cloud.memberships).
positional: entry_point
options:
  _input:
    description: The result of the module, empty if it did not run.
    type: dict
    required: true
  entry_point:
    description: The entry point of the role that ran, V(invite), V(revoke), V(offboard) or V(roster).
    type: str
    required: true
  emails:
    description: The people who were named, a list or text with addresses.
    type: raw
    default: []
  people:
    description: The result of M(clickhouse.cloud.membership_info), empty if it did not run.
    type: dict
    default: {}
  exclude:
    description: People who may have access although they are not on the list.
    type: raw
    default: []
  failure:
    description: The result of the task that failed, empty if none did.
    type: dict
    default: {}
  check_mode:
    description: Whether the module ran in check mode.
    type: bool
    default: false
seealso:
  - module: clickhouse.cloud.invitations
  - module: clickhouse.cloud.memberships
"""

EXAMPLES = r"""
- name: Offboard people
  clickhouse.cloud.memberships:
    emails: "{{ leavers }}"
    state: absent
  register: offboarded

- name: Show in words what was done
  ansible.builtin.debug:
    msg: "{{ (offboarded | clickhouse.cloud.access_result('offboard', emails=leavers)).msg }}"
"""

RETURN = r"""
_value:
  description: The result.
  type: dict
  contains:
    check_mode:
      description: Whether the module ran in check mode.
      type: bool
    changed:
      description: Whether something was changed or, in check mode, would be.
      type: bool
    failed:
      description: Whether a task failed.
      type: bool
    msg:
      description: The message of the failure, or the sentence.
      type: str
    sentence:
      description: What was done in one sentence, empty if nothing was tried.
      type: str
      sample: 1 invited; 1 invitation revoked; 2 members removed.
    notes:
      description: Who was changed, and what to know of other people.
      type: list
      elements: str
    changes:
      description: The action for each person, by email. The people named are all in it.
      type: dict
      sample: {alice@example.com: created, bob@example.com: unchanged}
    members:
      description: People named who have joined, with the entry points V(invite) and V(revoke).
      type: list
      elements: str
    not_found:
      description: People named who had nothing, with the entry points V(revoke) and V(offboard).
      type: list
      elements: str
    not_listed:
      description: People who have access and are not on the list, with the entry point V(roster).
      type: list
      elements: str
    summary:
      description: A count of people per action.
      type: dict
"""

# What each action is called, of one person and of several, in the order of a sentence.
_WORDS = {
    "created": ("invited", "invited"),
    "replaced": ("invitation replaced", "invitations replaced"),
    "renewed": ("invitation sent again", "invitations sent again"),
    "updated": ("member changed", "members changed"),
    "deleted": ("invitation revoked", "invitations revoked"),
    "removed": ("member removed", "members removed"),
    "unchanged": ("unchanged", "unchanged"),
    "member": ("has joined already", "have joined already"),
    "expired": ("expired invitation left alone", "expired invitations left alone"),
    "absent": ("not found", "not found"),
    "failed": ("failed", "failed"),
}
# What a module did about a person who was named, but is not among its changes.
_IDLE = {"invite": "unchanged", "revoke": "absent", "offboard": "absent"}
_NAMES_AT_MOST = 20
_OFFBOARD = "the playbook clickhouse.cloud.offboard"
_KEYS_REMAIN = "An API key outlives its maker: check the keys that they made; the report lists all keys."


def access_result(
    result: Mapping[str, Any],
    entry_point: str,
    emails: str | Sequence[object] | None = None,
    people: Mapping[str, Any] | None = None,
    exclude: str | Sequence[object] | None = None,
    failure: Mapping[str, Any] | None = None,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Describe a result. The documentation above says what it takes and returns."""
    summary, people = result.get("summary") or {}, people or {}
    states = {person["email"]: person["state"] for person in people.get("memberships") or ()}
    joined = {*(result.get("members") or ()), *(email for email, state in states.items() if state == "member")}
    changes = {change["email"]: change["action"] for change in result.get("changes") or ()}
    named = addresses(emails) if summary and entry_point in _IDLE else []
    changes = {**{email: _idle(email, entry_point, joined, states) for email in named}, **changes}
    done = {
        "check_mode": check_mode,
        "changed": bool(result.get("changed")),
        "changes": changes,
        "members": [email for email in changes if email in joined and entry_point in ("invite", "revoke")],
        "not_found": [email for email, action in changes.items() if action == "absent" and email not in joined],
        "not_listed": list(result.get("not_listed") or ()),
        "summary": dict(summary),
        "sentence": _sentence(summary, entry_point, check_mode),
    }
    notes = list(_notes(done, entry_point, states, set(addresses(exclude))))
    if entry_point == "revoke" and "msg" in people:
        notes.append(f"Who of them has joined, and keeps access, is not known: {people['msg']}")
    msg = failure.get("msg", "") if failure else done["sentence"]
    return {**done, "failed": bool(failure), "msg": str(msg), "notes": notes}


def _idle(email: str, entry_point: str, joined: set[str], states: Mapping[str, str]) -> str:
    """What the module did about a person who was named and for whom nothing was due."""
    if entry_point == "invite" and email in joined:
        return "member"
    return "expired" if entry_point == "invite" and states.get(email) == "expired" else _IDLE[entry_point]


def _sentence(summary: Mapping[str, int], entry_point: str, check_mode: bool) -> str:
    """Say in one sentence what was done: ``1 invited; 2 members removed``."""
    if not summary:
        return ""
    counts = [
        f"{summary[action]} {_words(action, summary[action], entry_point)}" for action in _WORDS if summary.get(action)
    ]
    prefix = "Check mode, nothing was done: " if check_mode else ""
    return f"{prefix}{'; '.join(counts) or 'Nobody was named'}."


def _words(action: str, count: int, entry_point: str) -> str:
    """Name an action, of one person or of several."""
    if action == "absent" and entry_point == "revoke":
        return "without an invitation"
    return _WORDS[action][count != 1]


def _notes(done: Mapping[str, Any], entry_point: str, states: Mapping[str, str], allowed: set[str]) -> Iterator[str]:
    """Yield who was changed, and what else to know."""
    idle = ("unchanged", "member", "expired", "absent")
    changed = {email: _words(action, 1, entry_point) for email, action in done["changes"].items() if action not in idle}
    yield from _each(list(changed), lambda email: f"{email}: {changed[email]}")
    if entry_point == "revoke":
        yield from _each(done["members"], f"{{}} has joined and keeps access; {_OFFBOARD} takes it away.".format)
    having = [email for email, state in states.items() if state in ("member", "invited")]
    yield from _each(done["not_found"], lambda email: _missing(email, having) if states else f"{email} is not invited.")
    if surplus := [email for email in done["not_listed"] if email not in allowed]:
        verb = "have access and are" if len(surplus) > 1 else "has access and is"
        yield f"{len(surplus)} {verb} not on the list: {', '.join(_each(surplus, str))}."
    if entry_point == "offboard" and done["summary"].get("removed"):
        yield _KEYS_REMAIN


def _missing(email: str, having: Iterable[str]) -> str:
    """Say that somebody had nothing, and who has nearly the same address."""
    near = nearest(email, having)
    advice = f"did you mean {near}?" if near else "if that is unexpected, check the address."
    return f"{email} is neither invited nor a member; {advice}"


def _each(emails: Sequence[str], say: Callable[[str], str]) -> list[str]:
    """Say something of the first people, and how many more there are."""
    more = len(emails) - _NAMES_AT_MOST
    return [*map(say, emails[:_NAMES_AT_MOST]), *([f"and {more} more"] if more > 0 else [])]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file, by name."""
        return {"access_result": access_result}
