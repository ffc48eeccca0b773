# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: the records of an organization, what is desired, and the API's timestamps. Pure."""

from __future__ import annotations

import enum
import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar, Union

from ._options import is_visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*(?:[Zz]|([+-]\d\d):?(\d\d))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Role:
    """A system role or a custom role. The ID is empty if the record cannot be read, name and type None if not known."""

    id: str
    name: str | None = None
    type: str | None = None

    def as_result(self) -> dict[str, Any]:
        """The role as a module returns it."""
        return {"role_id": self.id or None, "role_name": self.name, "role_type": self.type}


@dataclass(frozen=True)
class Desired:
    """The roles that a person is to have: ``assigned_roles``, or if that is None the legacy ``role``."""

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None


@dataclass(frozen=True)
class Invitation:
    """An invitation. A predicted one has no ID and no times.

    ``role`` is the API's legacy field. ``assigned_roles`` is None if the API does not send the field, as for older
    organizations; only then ``role`` tells the person's role. Empty means no roles.
    """

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None
    id: str | None = None
    created_at: str | None = None
    expire_at: str | None = None

    def expires_within(self, time: timedelta, now: datetime) -> bool:
        """Whether it expires within this time from now, or has expired. Without an expiry it never does."""
        expiry = parse_timestamp(self.expire_at)
        return expiry is not None and expiry - now <= time

    def expired(self, now: datetime) -> bool:
        """Whether nobody can join with it any longer."""
        return self.expires_within(timedelta(0), now)

    def lifetime(self) -> timedelta | None:
        """Its whole lifetime, None if the API does not tell."""
        created, expiry = parse_timestamp(self.created_at), parse_timestamp(self.expire_at)
        return expiry - created if created and expiry else None

    def as_result(self, now: datetime) -> dict[str, Any]:
        """The invitation as a module returns it."""
        return {**vars(self), "assigned_roles": roles_as_result(self), "expired": self.expired(now)}


@dataclass(frozen=True)
class Member:
    """A person who has joined. Roles are as those of an invitation."""

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None
    user_id: str | None = None
    name: str | None = None
    joined_at: str | None = None

    def as_result(self) -> dict[str, Any]:
        """The member as a module returns it."""
        return {**vars(self), "assigned_roles": roles_as_result(self)}


@dataclass(frozen=True)
class ApiKey:
    """An API key, without its secret. Roles are as those of an invitation."""

    id: str
    name: str | None = None
    state: str | None = None
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None
    key_suffix: str | None = None
    created_at: str | None = None
    expire_at: str | None = None
    used_at: str | None = None
    sources: tuple[tuple[str | None, str | None], ...] = ()

    def as_result(self, now: datetime) -> dict[str, Any]:
        """The API key as a module returns it, without the names of its roles."""
        fields = {name: value for name, value in vars(self).items() if name not in ("role", "sources")}
        expiry = parse_timestamp(self.expire_at)
        return {
            **fields,
            "assigned_roles": roles_as_result(self),
            "expired": expiry is not None and expiry <= now,
            "ip_access_list": [{"source": source, "description": words} for source, words in self.sources],
        }


# A person's record with roles, and any record with roles.
Holder = Union[Desired, Invitation, Member]
RoleHolder = Union[Holder, ApiKey]

_Record = TypeVar("_Record", Invitation, Member)

_END_OF_TIME = datetime.max.replace(tzinfo=timezone.utc)


class Deletion(enum.Enum):
    """The result of a DELETE. ``UNCLEAR``: the record is gone, and an ambiguous attempt of this call may be why."""

    DELETED = "deleted"
    ALREADY_GONE = "already gone"
    UNCLEAR = "unclear"


def roles_as_result(holder: RoleHolder) -> list[dict[str, Any]]:
    """The assigned roles as a module returns them."""
    return [role.as_result() for role in holder.assigned_roles or ()]


def visible(text: str) -> str:
    r"""The text with an escape for each character that is not printable or that nobody sees.

    ``Admin`` followed by a zero-width space becomes ``Admin\u200b``: harmless on a terminal, and another role than
    ``Admin``.
    """
    if is_visible(text):
        return text
    return "".join(each if is_visible(each) else each.encode("unicode_escape").decode() for each in text)


@functools.lru_cache
def parse_timestamp(text: str | None) -> datetime | None:
    """Parse an ISO 8601 timestamp with any number of fraction digits, UTC if it has no offset; None if it is none."""
    match = _TIMESTAMP.fullmatch(text.strip()) if text else None
    if not match:
        return None
    day, time, fraction, hours, minutes = match.groups()
    # The one form that Python 3.9 reads.
    iso = f"{day}T{time}.{fraction or '':0<6.6}{hours or '+00'}:{minutes or '00'}"
    try:
        return datetime.fromisoformat(iso).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def latest(invitations: Iterable[Invitation]) -> Invitation | None:
    """The invitation that expires last."""
    return max(invitations, key=end_of, default=None)


def live_only(invitations: Iterable[Invitation], now: datetime) -> list[Invitation]:
    """The invitations that people can join with."""
    return [invitation for invitation in invitations if not invitation.expired(now)]


def by_email(records: Iterable[_Record]) -> Mapping[str, Sequence[_Record]]:
    """Each person's records; none for other emails."""
    grouped = defaultdict(list)
    for record in records:
        grouped[record.email].append(record)
    return grouped


def access_state(member: Member | None, invitation: Invitation | None, now: datetime) -> str:
    """Where a person is: member, invited, expired or absent."""
    if member:
        return "member"
    if invitation is None:
        return "absent"
    return "expired" if invitation.expired(now) else "invited"


def end_of(invitation: Invitation) -> datetime:
    """When an invitation expires, never if the API does not tell."""
    return parse_timestamp(invitation.expire_at) or _END_OF_TIME
