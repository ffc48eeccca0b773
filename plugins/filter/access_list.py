# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that turns the people of an organization into an access list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..module_utils import _options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = r"""
name: access_list
short_description: Make an access list of the people in a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Makes an access list of the people that M(clickhouse.cloud.membership_info) returns.
    M(clickhouse.cloud.memberships) changes nothing if it applies that list to the same organization, with
    O(clickhouse.cloud.memberships#module:purge) or without, and with RV(_value.excluded) for
    O(clickhouse.cloud.memberships#module:purge_exclude).
  - The playbook C(clickhouse.cloud.export) writes it to a file.
options:
  _input:
    description: The RV(clickhouse.cloud.membership_info#module:memberships) of the whole organization.
    type: list
    elements: dict
    required: true
seealso:
  - module: clickhouse.cloud.membership_info
  - module: clickhouse.cloud.memberships
"""

EXAMPLES = r"""
- name: Look up who has access
  clickhouse.cloud.membership_info:
  register: access

- name: Show whom an access list cannot hold
  ansible.builtin.debug:
    msg: "{{ (access.memberships | clickhouse.cloud.access_list).excluded }}"
"""

RETURN = r"""
_value:
  description: The access list.
  type: dict
  contains:
    people:
      description: The entries of the list.
      type: list
      elements: dict
      contains:
        email:
          description: The person's address.
          type: str
        name:
          description: The person's name, or null.
          type: str
        role:
          description: The legacy role, if the API shows no others. Null if it does.
          type: str
        roles:
          description: The roles.
          type: list
          elements: dict
          contains:
            role:
              description: The name of the role or, if the name would not find it, its ID.
              type: str
            name:
              description: The name of a role that is written by its ID, else null.
              type: str
    excluded:
      description:
        - People who cannot be written as an entry that changes nothing, and people whose invitation has expired.
      type: list
      elements: dict
      contains:
        email:
          description: The person's address.
          type: str
        reason:
          description: Why they are not on the list.
          type: str
          sample: no roles
    impossible:
      description: People whose address no list can hold. Nothing that this collection does changes their access.
      type: list
      elements: dict
      contains:
        email:
          description: The address as the API has it.
          type: str
        reason:
          description: Why they are not on the list.
          type: str
    left_out:
      description: The first of these people, each with the reason.
      type: list
      elements: str
      sample: [bob@example.com (expired invitation)]
"""


_NAMED_AT_MOST = 20


def access_list(memberships: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Make an access list. The documentation above says what it takes and returns."""
    listed: dict[str, Any] = {"people": [], "excluded": [], "impossible": []}
    for person in memberships:
        email = person["email"]
        if not _can_be_written(email):
            listed["impossible"].append({"email": email, "reason": "address that no list can hold"})
        elif reason := _obstacle(person):
            listed["excluded"].append({"email": email, "reason": reason})
        elif person["state"] != "absent":
            listed["people"].append(_entry(person))
    left_out = [f"{each['email']} ({each['reason']})" for each in (*listed["excluded"], *listed["impossible"])]
    return {**listed, "left_out": _options.bounded(left_out, _NAMED_AT_MOST, "{} more")}


def _can_be_written(email: str) -> bool:
    """Whether an entry with this address is the same person's."""
    try:
        return _options.email(email) == email
    except _options.OptionError:
        return False


def _obstacle(person: Mapping[str, Any]) -> str | None:
    """Why a person cannot be written as an entry that changes nothing."""
    if person["state"] == "expired":
        return "expired invitation"
    invitations = [other for other in person.get("other_access") or () if other["kind"] == "invitation"]
    if person["state"] == "member" and invitations:
        return "member with an open invitation, which an entry would revoke"
    if any(_roles(other) != _roles(person) for other in invitations):
        return "invited twice with different roles, of which an entry would revoke one"
    if person["state"] != "absent" and not person["roles"]:
        return "no roles"
    if person["assigned_roles"]:
        identified = all(_options.is_uuid(role["role_id"]) for role in person["assigned_roles"])
    else:
        identified = all(role in ("admin", "developer") for role in person["roles"])
    return None if identified else "role that the API does not identify"


def _roles(record: Mapping[str, Any]) -> list[Any]:
    """The roles of a record, in whichever order the API has them."""
    return [record["roles"], sorted(str(role["role_id"]) for role in record["assigned_roles"])]


def _entry(person: Mapping[str, Any]) -> dict[str, Any]:
    """One person's entry. A role stands by its name where that is its label, and finds the role again."""
    roles = [
        {"role": role["role_name"], "name": None}
        if role["role_name"] in person["roles"]
        else {"role": role["role_id"], "name": role["role_name"] or ""}
        for role in person["assigned_roles"]
    ]
    roles.sort(key=lambda role: (role["name"] is not None, role["role"]))
    legacy_role = None if roles else person["roles"][0]
    return {"email": person["email"], "name": person["name"], "role": legacy_role, "roles": roles}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file, by name."""
        return {"access_list": access_list}
