# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: roles resolved, compared and described. Pure."""

from __future__ import annotations

import enum
import functools
import re
from collections import defaultdict
from typing import TYPE_CHECKING
from unicodedata import name as character_name
from unicodedata import normalize

from ._options import OptionError, bounded, is_uuid
from ._records import Role, by_email, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ._records import Desired, Holder, Member, RoleHolder

# An escape, what separates names in a list of them, or an ID.
_UNLIKE_A_NAME = re.compile(r"[\\,]|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)

NAMED_IN_MESSAGE = 20
LONGEST_COMPARED = 1000


class Match(enum.Enum):
    """Whether a person has the desired roles."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class RoleIndex:
    """Roles, to be found by what users write: an ID or a name."""

    def __init__(self, roles: Iterable[Role]) -> None:
        self._by_id = {role.id: role for role in roles if role.id}
        self._by_name: dict[str, list[Role]] = defaultdict(list)
        self._ignoring_case: dict[str, list[Role]] = defaultdict(list)
        for role in self._by_id.values():
            self._by_name[role.name or ""].append(role)
            self._ignoring_case[(role.name or "").casefold()].append(role)

    def resolve(self, names: Iterable[str], option: str) -> tuple[Role, ...]:
        """Find roles by ID, then by exact name, then by name ignoring case if only one role has it.

        The index has all of the organization's roles. A text that is no role's name may hold several, one per line.

        :raises OptionError: for a name that is unknown or ambiguous.
        """
        texts = [[name] if visible(name) in self._by_name else name.splitlines() for name in names]
        return _sorted(self._find(line, option) for lines in texts for line in lines if line.strip())

    def resolve_exactly(self, names: Iterable[str]) -> tuple[Role, ...] | None:
        """Find roles by ID or exact name; None if one is not found so, and the list of all roles has to tell.

        An unknown ID is used unchanged.
        """
        found = []
        for name in names:
            role_id = name.strip().lower()
            same = [self._by_id.get(role_id, Role(role_id))] if is_uuid(role_id) else self._by_name.get(visible(name))
            if same is None or len(same) != 1:
                return None
            found += same
        return _sorted(found)

    def system_role(self, legacy_role: str | None) -> tuple[Role, ...] | None:
        """The system role that a legacy role names; None unless there is exactly one."""
        found = tuple(role for role in self._by_id.values() if is_system_role(role, legacy_role))
        return found if len(found) == 1 else None

    @functools.cached_property
    def names(self) -> str:
        """The names of the roles, as a message lists them."""
        names = sorted(map(label, self._by_id.values()))
        return ", ".join(bounded(names, NAMED_IN_MESSAGE, "and {} more")) or "none"

    def _find(self, text: str, option: str) -> Role:
        name = visible(text) if visible(text) in self._by_name else visible(text.strip())
        role_id = name.lower() if is_uuid(name) else name
        if role_id in self._by_id:
            return self._by_id[role_id]
        same = self._by_name.get(name) or self._ignoring_case.get(name.casefold(), [])
        if len(same) == 1:
            return same[0]
        if same:
            choices = ", ".join(f"{role.name} ({role.id})" for role in same)
            raise OptionError(
                f"{option}: several roles have the name {name[:100]!r}: {choices}; give the ID of one of them."
            )
        raise OptionError(f"{option}: the organization has no role {name[:100]!r}; its roles are: {self.names}.")


def match(desired: Desired, holder: Holder) -> Match:
    """Whether a person has the desired roles.

    A migrated organization freezes ``role`` and assigns by ``assignedRoles`` alone, so only a missing ``assignedRoles``
    falls back to ``role``.
    """
    assigned = holder.assigned_roles
    if assigned is None:
        if desired.role is None:
            return Match.YES if _amounts_to(desired, holder.role) else Match.UNKNOWN
        return Match.YES if holder.role == desired.role else Match.NO if holder.role else Match.UNKNOWN
    if not all(role.id for role in assigned):
        return Match.UNKNOWN
    if desired.assigned_roles is not None:
        return Match.YES if _role_ids(desired) == _role_ids(holder) else Match.NO
    if _amounts_to(holder, desired.role):
        return Match.YES
    # Without the list of roles, roles that do not amount to a legacy role cannot be compared with one.
    different = _amounts_to(holder, holder.role) if assigned else holder.role != desired.role
    return Match.NO if different else Match.UNKNOWN


def label(role: Role, alike: Collection[str] = ()) -> str:
    """A role's name, with its ID if the name would not find this role again, or if its ID is among those ``alike``."""
    name = role.name or ""
    if not name:
        return role.id or "unreadable role"
    finds_itself = name == " ".join(name.split()) and not _UNLIKE_A_NAME.search(name) and not _mixes_scripts(name)
    return name if finds_itself and role.id not in alike else f"{name} ({role.id or 'without ID'})"


def alike(holders: Iterable[RoleHolder]) -> frozenset[str]:
    """The IDs of roles whose names are printed like that of another one."""
    ids = defaultdict(set)
    for role in {role for holder in holders for role in holder.assigned_roles or ()}:
        # Of a long name, the beginning: normalizing can take quadratic time.
        ids[" ".join(normalize("NFKC", (role.name or "")[:LONGEST_COMPARED]).split())].add(role.id)
    return frozenset().union(*(same for same in ids.values() if len(same) > 1))


def labels(holder: RoleHolder | None, alike: Collection[str] = ()) -> list[str]:
    """A person's roles by label, sorted; the legacy role if the API does not show others."""
    if holder is None or holder.assigned_roles is None:
        return [holder.role] if holder and holder.role else []
    return sorted(label(role, alike) for role in holder.assigned_roles)


def describe(holder: Holder | None, alike: Collection[str] = ()) -> str:
    """A person's roles in words."""
    return ", ".join(labels(holder, alike)) or "no roles"


def role_set(holder: Holder | None) -> set[str]:
    """A person's roles, to be compared: by ID or, if the API does not show them, the legacy role."""
    if holder is None:
        return set()
    return {holder.role or ""} if holder.assigned_roles is None else _role_ids(holder)


def is_system_role(role: Role, legacy_role: str | None) -> bool:
    """Whether it is the system role that the legacy role names. A missing type does not hide it."""
    return (role.type or "").lower() != "custom" and role.name == (legacy_role or "").capitalize()


def is_admin(holder: Holder | None) -> bool:
    """Whether a person has the system role Admin or, if the API does not show assigned roles, the legacy role admin."""
    if holder is None:
        return False
    if holder.assigned_roles is None:
        return holder.role == "admin"
    return any(is_system_role(role, "admin") for role in holder.assigned_roles)


def accounts_by_email(members: Iterable[Member]) -> Mapping[str, Sequence[Member]]:
    """Each person's accounts, the one that counts first: of two, the one that is an administrator.

    A person can be a member twice: single sign-on makes an account of its own beside one with a password.
    """
    return by_email(sorted(members, key=is_admin, reverse=True))


def _sorted(roles: Iterable[Role]) -> tuple[Role, ...]:
    return tuple(sorted({role.id: role for role in roles}.values(), key=lambda role: role.id))


def _role_ids(holder: Holder) -> set[str]:
    return {role.id for role in holder.assigned_roles or ()}


def _amounts_to(holder: Holder, role: str | None) -> bool:
    """Whether the only assigned role is the system role that the legacy field names."""
    assigned = set(holder.assigned_roles or ())
    return len(assigned) == 1 and all(is_system_role(each, role) for each in assigned)


def _mixes_scripts(text: str) -> bool:
    """Whether it mixes Latin letters with others, such as a Cyrillic A, that may be printed alike."""
    scripts = {character_name(each, "").split(" ")[0] for each in text if each.isalpha() and not text.isascii()}
    return "LATIN" in scripts and len(scripts) > 1
