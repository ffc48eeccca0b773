# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated organization: what it holds and the rules it keeps. Knows no HTTP."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from .settings import Settings, is_seconds, parse_rate_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ORGANIZATION_ID = "00000000-0000-4000-8000-00000000c10d"
ORGANIZATION_NAME = "Simulated organization"
SYSTEM_ROLES = ("Admin", "Billing", "Member", "Org API reader", "Developer")
PERMISSION = "control-plane:organization:manage"
MIGRATED = "Organization has migrated to Custom Roles. Use 'assignedRoleIds' instead of 'role'."

_REASONS = {
    400: "BAD_REQUEST",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")

P = ParamSpec("P")
T = TypeVar("T")


class Rejection(Exception):
    """The organization rejects a call: an HTTP status and the words of the error."""

    def __init__(self, status: int, words: str = "") -> None:
        self.status = status
        self.words = ": ".join(filter(None, (_REASONS[status], words)))
        super().__init__(self.words)


@dataclasses.dataclass(frozen=True, eq=False)
class Role:
    """A role that can be given to a person; ``type`` is ``system`` or ``custom``."""

    id: str
    name: str
    type: str


@dataclasses.dataclass(frozen=True, eq=False)
class Invitation:
    """An invitation. Times are seconds since the epoch, the email is as it was sent."""

    id: str
    email: str
    role: str
    role_ids: tuple[str, ...]
    created_at: float
    expire_at: float

    def is_to(self, email: str) -> bool:
        """Whether it was sent to that address, in any case."""
        return self.email.lower() == email.lower()

    @property
    def expired(self) -> bool:
        """Whether its time has run out."""
        return self.expire_at <= time.time()


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """A person who has joined."""

    user_id: str
    name: str
    email: str
    role: str
    role_ids: tuple[str, ...]
    joined_at: float


@dataclasses.dataclass(frozen=True)
class Email:
    """An email that the creation of an invitation sent; ``role`` is what the call named."""

    email: str
    invitation_id: str
    role: str | None
    role_ids: tuple[str, ...]
    time: float


@dataclasses.dataclass(frozen=True)
class _People:
    """Everybody at one moment. Never changed: a write puts another in its place."""

    invitations: Mapping[str, Invitation] = dataclasses.field(default_factory=dict)
    members: Mapping[str, Member] = dataclasses.field(default_factory=dict)

    def with_invitations(self, invitations: Iterable[Invitation]) -> _People:
        added = {invitation.id: invitation for invitation in invitations}
        return dataclasses.replace(self, invitations={**self.invitations, **added})

    def without_invitations(self, gone: Callable[[Invitation], bool]) -> _People:
        kept = {i.id: i for i in self.invitations.values() if not gone(i)}
        return dataclasses.replace(self, invitations=kept)

    def with_member(self, member: Member) -> _People:
        return dataclasses.replace(self, members={**self.members, member.user_id: member})

    def member(self, email: str) -> Member | None:
        return next((m for m in self.members.values() if m.email.lower() == email.lower()), None)


@dataclasses.dataclass
class _HiddenWrite:
    """A write that reads do not show yet: what they show instead, and until when."""

    before: _People
    reads: int
    until: float


@dataclasses.dataclass
class _LateWrite:
    """A write that has not happened yet: due at a time, or after so many list reads."""

    write: Callable[[], object]
    due: float | None
    reads: int | None


def _locked(
    method: Callable[Concatenate[Cloud, P], T],
) -> Callable[Concatenate[Cloud, P], T]:
    """Lets one thread in at a time, after what was due before it has happened."""

    @functools.wraps(method)
    def wrapper(self: Cloud, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            self._let_late_writes_happen()
            return method(self, *args, **kwargs)

    return wrapper


class Cloud:
    """One organization. Safe to be used by several threads."""

    def __init__(self, settings: Settings) -> None:
        self._lock = threading.RLock()
        self.reset(settings)

    # Set up and looked at by tests: what is done here is visible to every read at once.

    def reset(self, settings: Settings) -> None:
        """Forgets everything and starts with an empty organization."""
        with self._lock:
            self._settings = settings
            self._people = _People()
            self._roles = {role.id: role for role in (Role(_stable_id(name), name, "system") for name in SYSTEM_ROLES)}
            self._emails: list[Email] = []
            self._hidden: list[_HiddenWrite] = []
            self._late: list[_LateWrite] = []
            self._texts: dict[Invitation, str] = {}
            self._windows: dict[str, tuple[float, int]] = {}

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._settings

    @_locked
    def configure(self, settings: Mapping[str, object]) -> None:
        """Changes some settings and keeps what there is."""
        self._settings = self._settings.changed(settings)
        self._texts.clear()

    @_locked
    def set_up_invitation(
        self,
        email: str,
        role: str | None = None,
        role_names: Sequence[str] = (),
        expired: bool = False,
        created_ago: float | None = None,
        expires_in: float | None = None,
    ) -> Invitation:
        """An invitation that was there before, whatever the rules say; no email goes out.

        ``created_ago`` and ``expires_in`` are seconds from now, the latter may be negative.
        """
        now = time.time()
        lifetime = self._settings.invitation_lifetime
        for name, value in (("created_ago", created_ago), ("expires_in", expires_in)):
            if value is not None and not (is_seconds(value) or _is_past(value)):
                raise ValueError(f"{name} is a number of seconds, not {value!r}.")
        if expires_in is not None:
            expire_at = now + expires_in
            created_at = now - created_ago if created_ago is not None else expire_at - lifetime
        elif created_ago is not None and not expired:
            created_at = now - created_ago
            expire_at = created_at + lifetime
        else:
            expire_at = now - 1 if expired else now + lifetime
            created_at = expire_at - lifetime if created_ago is None else now - created_ago
        invitation = self._new_invitation(_email(email), role, self.role_ids(role_names), created_at, expire_at)
        self._set_up(self._people.with_invitations([invitation]))
        return invitation

    @_locked
    def seed(self, count: int) -> None:
        """Fills the organization with that many invited people."""
        now = time.time()
        self._set_up(
            self._people.with_invitations(
                self._new_invitation(
                    f"person{number:05}@example.com",
                    None,
                    (_stable_id("Member"),),
                    now,
                    now + self._settings.invitation_lifetime,
                )
                for number in range(1, count + 1)
            )
        )

    @_locked
    def accept(self, email: str) -> Member:
        """The person joins with the newest live invitation; all of theirs are gone then.

        ``LookupError`` where there is none that is alive.
        """
        member, people = self._accepted(email)
        self._set_up(people)
        return member

    @_locked
    def expire(self, email: str) -> Invitation:
        """Moves an invitation into the past, so that its time ran out a second ago.

        ``LookupError`` where there is none.
        """
        email = _email(email)
        found = [i for i in self._people.invitations.values() if i.is_to(email)]
        if not found:
            raise LookupError(f"{email} has no invitation.")
        shift = found[-1].expire_at - (time.time() - 1)
        older = dataclasses.replace(
            found[-1],
            created_at=found[-1].created_at - shift,
            expire_at=found[-1].expire_at - shift,
        )
        self._set_up(self._people.with_invitations([older]))
        return older

    @_locked
    def add_member(self, email: str, role: str = "developer", role_names: Sequence[str] = ()) -> Member:
        """A person who has joined without an invitation, as through single sign-on."""
        member = self._new_member(_email(email), role, self.role_ids(role_names))
        self._set_up(self._people.with_member(member))
        return member

    @_locked
    def add_role(self, name: str, type: str = "custom") -> Role:
        """One more role; names need not be unique."""
        if not isinstance(name, str) or not name:
            raise ValueError(f"A role's name is a text, not {name!r}.")
        if type not in ("custom", "system"):
            raise ValueError(f"A role's type is custom or system, not {type!r}.")
        role = Role(str(uuid.uuid4()), name, type)
        self._roles[role.id] = role
        return role

    @_locked
    def role_ids(self, names: Sequence[str]) -> tuple[str, ...]:
        """IDs of roles by name, of the oldest where several share it."""
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"role_names is a list of texts, not {names!r}.")
        by_name = {role.name: role.id for role in reversed(self._roles.values())}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise ValueError(f"There is no role {unknown[0]!r}.")
        return tuple(by_name[name] for name in names)

    @_locked
    def everything(self) -> dict[str, Any]:
        """The true state as records of the wire, expired invitations and hidden writes too."""
        return {
            "invitations": [self.record(i) for i in self._people.invitations.values()],
            "members": [self.record(m) for m in self._people.members.values()],
            "roles": [self.record(r) for r in self._roles.values()],
            "emails": [dataclasses.asdict(email) for email in self._emails],
        }

    # What the API offers.

    @_locked
    def admit(self, key: str) -> float | None:
        """Counts one request of a key: ``None``, or how many seconds it is over the limit for.

        The window is fixed and opens with the first request after the last one has ended,
        as ClickHouse describes its own.
        """
        limit = parse_rate_limit(self._settings.rate_limit)
        if limit is None:
            return None
        now = time.monotonic()
        opened, count = self._windows.get(key, (-math.inf, 0))
        if now >= opened + limit.seconds:
            opened, count = now, 0
        if count >= limit.requests:
            return opened + limit.seconds - now
        self._windows[key] = opened, count + 1
        return None

    def check_permission(self, operation: str | None) -> None:
        """Rejects what the settings forbid the key."""
        settings = self._settings
        if (
            settings.forbidden
            or (settings.members_forbidden and operation == "list_members")
            or (settings.roles_forbidden and operation == "list_roles")
        ):
            raise Rejection(403, f"The API key lacks the permission {PERMISSION}")

    @staticmethod
    def check_organization(organization_id: str) -> None:
        """Rejects an ID that is none, and every organization but the key's own."""
        _uuid("organization", organization_id)
        # The API answers so, without an ID, for a foreign one.
        if organization_id.lower() != ORGANIZATION_ID:
            raise Rejection(404)

    @_locked
    def list_invitations(self) -> list[str]:
        """JSON texts of the invitations, in the order they were created."""
        visible = self._read()
        texts = [self._text(invitation) for invitation in visible.invitations.values() if self._shows(invitation)]
        for late in self._late:
            if late.reads is not None:
                late.reads -= 1
        self._let_late_writes_happen()
        return texts

    @_locked
    def get_invitation(self, invitation_id: str) -> str:
        """JSON text of one invitation."""
        _uuid("invitation", invitation_id)
        invitation = self._read().invitations.get(invitation_id.lower())
        if invitation is None or not self._shows(invitation):
            raise Rejection(404, invitation_id)
        return self._text(invitation)

    @_locked
    def create_invitation(self, body: object) -> str:
        """Invites somebody, sends the email, and gives the JSON text of the invitation."""
        if not isinstance(body, dict):
            raise Rejection(400, "The body must be an object")
        email = body.get("email")
        if not isinstance(email, str) or not is_email(email):
            raise Rejection(400, "email must be an email address")
        role, role_ids = self._wanted_roles(body)
        self._reject_known(email)
        now = time.time()
        invitation = self._new_invitation(email, role, role_ids, now, now + self._settings.invitation_lifetime)
        self._write(self._people.with_invitations([invitation]))
        shown = self.record(invitation)
        self._emails.append(Email(shown["email"], invitation.id, role, invitation.role_ids, now))
        return self._text(invitation)

    @_locked
    def delete_invitation(self, invitation_id: str) -> None:
        """Revokes an invitation."""
        _uuid("invitation", invitation_id)
        invitation = self._people.invitations.get(invitation_id.lower())
        if invitation is None or not self._shows(invitation):
            raise Rejection(404, invitation_id)
        self._write(self._people.without_invitations(lambda other: other is invitation))

    @_locked
    def list_members(self) -> list[str]:
        """JSON texts of the members."""
        return [json.dumps(self.record(member)) for member in self._read().members.values()]

    @_locked
    def list_roles(self) -> list[str]:
        """JSON texts of the roles."""
        return [json.dumps(self.record(role)) for role in self._roles.values()]

    @_locked
    def list_organizations(self) -> list[str]:
        """JSON text of the only organization that a key sees."""
        return [
            json.dumps(
                {
                    "id": ORGANIZATION_ID,
                    "name": ORGANIZATION_NAME,
                    "createdAt": "2024-01-02T03:04:05.678Z",
                }
            )
        ]

    # What somebody else does, or the network: writes like any other, seen as late as any other.

    @_locked
    def accept_elsewhere(self, email: str) -> None:
        """Somebody accepts, in the console, while a client is at work."""
        self._write(self._accepted(email)[1])

    @_locked
    def add_member_elsewhere(self, email: str, role: str, role_names: Sequence[str]) -> None:
        """Somebody joins through single sign-on while a client is at work."""
        member = self._new_member(_email(email), role, self.role_ids(role_names))
        self._write(self._people.with_member(member))

    @_locked
    def delete_elsewhere(self, email: str) -> None:
        """Somebody revokes all of a person's invitations while a client is at work."""
        self._write(self._people.without_invitations(lambda other: other.is_to(email)))

    @_locked
    def email_of(self, invitation_id: str) -> str | None:
        """To whom an invitation was sent, if there is such an invitation."""
        invitation = self._people.invitations.get(invitation_id.lower())
        return invitation.email if invitation else None

    def postpone(self, write: Callable[[], object], *, seconds: float | None, reads: int | None) -> None:
        """Lets a write happen after so many seconds, or after so many lists of invitations."""
        with self._lock:
            due = None if seconds is None else time.time() + seconds
            self._late.append(_LateWrite(write, due, reads))

    def record(self, item: Invitation | Member | Role) -> dict[str, Any]:
        """An item as the API shows it."""
        if isinstance(item, Role):
            return {"id": item.id, "name": item.name, "type": item.type}
        if isinstance(item, Member):
            return {
                "userId": item.user_id,
                "name": item.name,
                "email": item.email,
                **self._shown_roles(item),
                **self._times(joinedAt=item.joined_at),
            }
        lower = self._settings.email_case == "lower"
        return {
            "id": item.id,
            "email": item.email.lower() if lower else item.email,
            **self._shown_roles(item),
            **self._times(createdAt=item.created_at, expireAt=item.expire_at),
        }

    def _shown_roles(self, item: Invitation | Member) -> dict[str, Any]:
        era = self._settings.organization_era
        assigned = [
            {"roleId": role.id, "roleName": role.name, "roleType": role.type}
            for role in map(self._roles.__getitem__, item.role_ids)
        ]
        if era == "legacy":
            return {"role": item.role}
        role = "developer" if era.startswith("migrated") else item.role
        return {"role": role, "assignedRoles": assigned}

    def _times(self, **times: float) -> dict[str, str]:
        style = self._settings.timestamps
        if style == "missing":
            return {}
        return {name: _timestamp(seconds, style) for name, seconds in times.items()}

    def _text(self, invitation: Invitation) -> str:
        text = self._texts.get(invitation)
        if text is None:
            text = self._texts[invitation] = json.dumps(self.record(invitation))
        return text

    def _shows(self, invitation: Invitation) -> bool:
        return self._settings.list_expired or not invitation.expired

    def _wanted_roles(self, body: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
        """``role`` and role IDs of a request, of which exactly one is given."""
        era = self._settings.organization_era
        if "role" in body and "assignedRoleIds" in body:
            raise Rejection(400, "Only one of role and assignedRoleIds can be given")
        if "role" in body:
            if body["role"] not in ("admin", "developer"):
                raise Rejection(400, "role must be one of admin, developer")
            if era == "migrated_rejects":
                raise Rejection(400, MIGRATED)
            return body["role"], ()
        ids = body.get("assignedRoleIds")
        if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
            raise Rejection(400, "One of role and assignedRoleIds must be given")
        if era == "legacy":
            raise Rejection(400, "Custom roles are not available to this organization")
        for role_id in ids:
            if role_id.lower() not in self._roles:
                raise Rejection(400, f"Invalid role id {role_id}")
        return None, tuple(dict.fromkeys(role_id.lower() for role_id in ids))

    def _reject_known(self, email: str) -> None:
        """Rejects a person who has joined or, as the settings say, is invited already."""
        settings = self._settings
        if self._people.member(email):
            raise Rejection(
                settings.member_invitation_status,
                "The user is already a member of the organization",
            )
        theirs = [i for i in self._people.invitations.values() if i.is_to(email)]
        if (settings.second_invitation == "reject" and any(not i.expired for i in theirs)) or (
            settings.second_beside_expired == "reject" and any(i.expired for i in theirs)
        ):
            raise Rejection(
                settings.second_invitation_status,
                "An invitation for this email already exists",
            )

    def _new_invitation(
        self,
        email: str,
        role: str | None,
        role_ids: tuple[str, ...],
        created_at: float,
        expire_at: float,
    ) -> Invitation:
        role, role_ids = _both_ways(role, role_ids)
        return Invitation(str(uuid.uuid4()), email, role, role_ids, created_at, expire_at)

    def _new_member(self, email: str, role: str | None, role_ids: tuple[str, ...]) -> Member:
        role, role_ids = _both_ways(None if role_ids else role, role_ids)
        name = email.partition("@")[0].replace(".", " ").title()
        return Member(str(uuid.uuid4()), name, email, role, role_ids, time.time())

    def _accepted(self, email: str) -> tuple[Member, _People]:
        email = _email(email)
        theirs = [i for i in self._people.invitations.values() if i.is_to(email)]
        live = [i for i in theirs if not i.expired]
        if not live:
            raise LookupError(f"{email} has no invitation that could be accepted.")
        member = dataclasses.replace(
            self._new_member(live[-1].email.lower(), None, live[-1].role_ids),
            role=live[-1].role,
        )
        people = self._people.without_invitations(lambda other: other.is_to(email))
        return member, people.with_member(member)

    def _set_up(self, people: _People) -> None:
        self._people = people
        self._hidden.clear()

    def _write(self, people: _People) -> None:
        settings = self._settings
        if settings.stale_reads or settings.read_lag:
            self._hidden.append(_HiddenWrite(self._people, settings.stale_reads, time.time() + settings.read_lag))
        self._people = people

    def _read(self) -> _People:
        """What the next read shows: everything before the oldest write still hidden."""
        now = time.time()
        self._hidden = [h for h in self._hidden if h.reads > 0 or now < h.until]
        for hidden in self._hidden:
            hidden.reads -= 1
        return self._hidden[0].before if self._hidden else self._people

    def _let_late_writes_happen(self) -> None:
        now = time.time()
        due = [
            late
            for late in self._late
            if (late.due is not None and late.due <= now) or (late.reads is not None and late.reads <= 0)
        ]
        # Taken out first: each of these writes comes by here again.
        self._late = [late for late in self._late if late not in due]
        for late in due:
            late.write()


def is_email(text: str) -> bool:
    """Whether a text can be an email address."""
    return len(text) <= 254 and text.isprintable() and bool(_EMAIL.fullmatch(text))


def _is_past(value: object) -> bool:
    return isinstance(value, (int, float)) and is_seconds(-value)


def _email(value: object) -> str:
    if not isinstance(value, str) or not is_email(value):
        raise ValueError(f"{value!r} is no email address.")
    return value


def _uuid(what: str, value: str) -> None:
    if not _UUID.fullmatch(value):
        raise Rejection(400, f"Invalid {what} id {value}")


@functools.cache
def _stable_id(name: str) -> str:
    """A version 4 UUID that is the same in every run."""
    return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, version=4))


def _both_ways(role: str | None, role_ids: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Completes the old role by the new ones, or the new ones by the old."""
    admin, developer = _stable_id("Admin"), _stable_id("Developer")
    if role_ids:
        return role or ("admin" if admin in role_ids else "developer"), role_ids
    if role not in (None, "admin", "developer"):
        raise ValueError(f"role is admin or developer, not {role!r}.")
    return role or "developer", (admin if role == "admin" else developer,)


def _timestamp(seconds: float, style: str) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    if style == "garbage":
        return "soon"
    if style == "offset":
        return moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="milliseconds")
    digits = moment.isoformat(timespec="microseconds").removesuffix("+00:00")
    return f"{digits}123Z" if style == "nanoseconds" else f"{digits[:-3]}Z"
