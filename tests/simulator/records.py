# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an organization holds: roles, invitations, members, and the emails that were sent."""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SYSTEM_ROLES = (
    "Admin",
    "Billing",
    "Member",
    "Org API reader",
    "Developer",  # of an older organization
    "Service admin",
    "Service read only",
    "SQL console admin",
    "SQL console read only",
)
ORGANIZATION_ID = "00000000-0000-4000-8000-00000000c10d"
LEGACY_ROLES = ("admin", "developer")

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


@dataclasses.dataclass(frozen=True, eq=False)
class Role:
    """A role that a person can have; ``type`` is ``system`` or ``custom``."""

    id: str
    name: str
    type: str


@dataclasses.dataclass(frozen=True, eq=False)
class ApiKey:
    """An API key. Times are seconds since the epoch, ``None`` for never."""

    id: str
    name: str
    role_ids: tuple[str, ...]
    suffix: str
    created_at: float
    expire_at: float | None = None
    used_at: float | None = None
    state: str = "enabled"
    sources: tuple[str, ...] = ("0.0.0.0/0",)

    @property
    def role(self) -> str:
        """The legacy role."""
        return "admin" if ADMIN in self.role_ids else "developer"


@dataclasses.dataclass(frozen=True, eq=False)
class Invitation:
    """An invitation. Times are seconds since the epoch; the email has the case in which it was sent."""

    id: str
    email: str
    role: str
    role_ids: tuple[str, ...]
    created_at: float
    expire_at: float

    def is_expired(self, now: float) -> bool:
        """Whether it has expired at a time."""
        return self.expire_at <= now


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """A person who has joined. The ID belongs to the person: it is the same after they left and joined again."""

    user_id: str
    name: str
    email: str
    role: str
    role_ids: tuple[str, ...]
    joined_at: float


@dataclasses.dataclass(frozen=True)
class Email:
    """An email that the creation of an invitation sent; ``role`` is the one in the request."""

    email: str
    invitation_id: str
    role: str | None
    role_ids: tuple[str, ...]
    time: float


@dataclasses.dataclass(frozen=True)
class People:
    """Everybody at one moment. Immutable: a write replaces it by another."""

    invitations: Mapping[str, Invitation] = dataclasses.field(default_factory=dict)
    members: Mapping[str, Member] = dataclasses.field(default_factory=dict)

    def with_invitations(self, invitations: Iterable[Invitation]) -> People:
        """These people and more invitations; one with a known ID replaces the earlier."""
        added = {invitation.id: invitation for invitation in invitations}
        return dataclasses.replace(self, invitations={**self.invitations, **added})

    def without_invitations(self, is_gone: Callable[[Invitation], bool]) -> People:
        """These people without some of the invitations."""
        kept = {i.id: i for i in self.invitations.values() if not is_gone(i)}
        return dataclasses.replace(self, invitations=kept)

    def with_members(self, members: Iterable[Member]) -> People:
        """These people and more members; one with a known ID replaces the earlier."""
        added = {member.user_id: member for member in members}
        return dataclasses.replace(self, members={**self.members, **added})

    def without_member(self, user_id: str) -> People:
        """These people without one of the members."""
        kept = {known: member for known, member in self.members.items() if known != user_id}
        return dataclasses.replace(self, members=kept)

    def invitations_of(self, email: str) -> list[Invitation]:
        """A person's invitations, oldest first; the case of the email does not matter."""
        return [i for i in self.invitations.values() if i.email.lower() == email.lower()]

    def member(self, email: str) -> Member | None:
        """The member with an email, whatever its case."""
        return next((m for m in self.members.values() if m.email.lower() == email.lower()), None)


def stable_id(name: str) -> str:
    """A version 4 UUID that is the same in every run."""
    return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, version=4))


ADMIN = stable_id("Admin")
DEVELOPER = stable_id("Developer")
MEMBER = stable_id("Member")
ORG_API_READER = stable_id("Org API reader")


def complete_roles(role: str | None, role_ids: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The legacy role and the role IDs, each derived from the other where only one is given.

    ``ValueError`` for a legacy role that does not exist.
    """
    if role not in (None, *LEGACY_ROLES):
        raise ValueError(f"role is admin or developer, not {role!r}.")
    if role and not role_ids:
        role_ids = (ADMIN if role == "admin" else DEVELOPER,)
    return role or ("admin" if ADMIN in role_ids else "developer"), role_ids


def is_email(text: str) -> bool:
    """Whether a text can be an email address."""
    return len(text) <= 254 and text.isprintable() and bool(_EMAIL.fullmatch(text))


def stored_email(email: str, form: str) -> str:
    """An email in the form in which the organization stores it: a value of the setting ``email_form``."""
    if form == "as_sent":
        return email
    local, _at, domain = email.rpartition("@")
    convert = _to_ascii if form == "punycode" else _to_unicode
    stored = f"{local}@{'.'.join(map(convert, domain.split('.')))}"
    return unicodedata.normalize("NFD" if form == "nfd" else "NFC", stored)


@functools.lru_cache(1024)
def _to_ascii(label: str) -> str:
    try:
        return label.encode("idna").decode()
    except UnicodeError:
        return label


@functools.lru_cache(1024)
def _to_unicode(label: str) -> str:
    try:
        return label.encode().decode("idna")
    except UnicodeError:
        return label
