# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: roles resolved, compared and described. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING
from unicodedata import normalize

from ._api import Role
from ._errors import printable
from ._options import OptionError, is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._api import Desired, Holder


class Match(enum.Enum):
    """Whether a person has the desired roles."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def resolve_roles(names: Iterable[str], roles: Sequence[Role], option: str) -> tuple[Role, ...]:
    """Find roles by ID, then by exact name, then by name ignoring case if only one role has it.

    :raises OptionError: for a name that is unknown or ambiguous.
    """
    found = {role.id: role for role in (_find_role(name, roles, option) for name in names)}
    return tuple(sorted(found.values(), key=lambda role: role.id))


def known_roles(ids: Iterable[str], holders: Iterable[Holder]) -> list[Role]:
    """The roles with these IDs, with names as far as invitations and members show them."""
    roles = {role_id.lower(): Role(role_id.lower()) for role_id in ids}
    if roles:
        roles.update((role.id, role) for holder in holders for role in holder.assigned_roles or ())
    return list(roles.values())


def match(desired: Desired, holder: Holder) -> Match:
    """Whether a person has the desired roles.

    A migrated organization freezes ``role`` and assigns by ``assignedRoles`` alone. So ``role`` is compared only if
    ``assignedRoles`` is missing or agrees with it.
    """
    assigned = holder.assigned_roles
    if desired.assigned_roles and assigned:
        return Match.YES if _role_ids(desired) == _role_ids(holder) else Match.NO
    if desired.role is None:
        return Match.YES if assigned is None and _amounts_to(desired, holder.role) else Match.UNKNOWN
    if assigned:
        if _amounts_to(holder, desired.role):
            return Match.YES
        return Match.NO if _amounts_to(holder, holder.role) else Match.UNKNOWN
    if holder.role == desired.role:
        return Match.YES
    return Match.NO if assigned is None and holder.role else Match.UNKNOWN


def describe(holder: Holder) -> str:
    """A person's roles in words."""
    return ", ".join(role_names(holder)) or "no role"


def role_names(holder: Holder) -> list[str]:
    """A person's roles by name, sorted; the legacy role if no others are known."""
    if holder.assigned_roles:
        return _names(holder.assigned_roles)
    return [holder.role] if holder.role else []


def _find_role(name: str, roles: Sequence[Role], option: str) -> Role:
    role_id = name.lower() if is_uuid(name) else name
    same = [role for role in roles if role.id == role_id]
    same = same or [role for role in roles if role.name == name]
    same = same or [role for role in roles if _plain(role.name) == _plain(name)]
    if len({role.id for role in same}) == 1:
        return same[0]
    if same:
        choices = ", ".join(f"{role.name} ({role.id})" for role in same)
        raise OptionError(f"{option}: several roles have the name {name!r}: {choices}; give the ID of one of them.")
    raise OptionError(f"{option}: the organization has no role {name!r}; its roles are: {list_roles(roles)}.")


def _plain(name: str | None) -> str:
    """A name as messages print it, ignoring case and the form of accents."""
    return normalize("NFC", printable(name) or "").casefold()


def list_roles(roles: Iterable[Role]) -> str:
    """The names of roles, as a message lists them."""
    return ", ".join(_names(roles)) or "none"


def _names(roles: Iterable[Role]) -> list[str]:
    return sorted(printable(role.name) or role.id for role in roles)


def _role_ids(holder: Holder) -> set[str]:
    return {role.id for role in holder.assigned_roles or ()}


def role_set(holder: Holder | None) -> set[str]:
    """A person's roles, to be compared: by ID or, if the API does not show them, the legacy role."""
    if holder is None:
        return set()
    return {holder.role or ""} if holder.assigned_roles is None else _role_ids(holder)


def _amounts_to(holder: Holder, role: str | None) -> bool:
    """Whether the only assigned role is the system role that the legacy field names."""
    assigned = set(holder.assigned_roles or ())
    return len(assigned) == 1 and all(is_system_role(each, role) for each in assigned)


def is_system_role(role: Role, legacy_role: str | None) -> bool:
    return role.type == "system" and (role.name or "").casefold() == legacy_role


def is_admin(holder: Holder | None) -> bool:
    """Whether a person has the system role Admin or, if no assigned roles are known, the legacy role admin."""
    if holder is None:
        return False
    if holder.assigned_roles:
        return any(is_system_role(role, "admin") for role in holder.assigned_roles)
    return holder.role == "admin"
