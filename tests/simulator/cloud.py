# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated organization: its state and its rules. Knows no HTTP."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from . import wire
from .operations import COLLECTION, ROUTES
from .records import (
    ADMIN,
    LEGACY_ROLES,
    MEMBER,
    ORG_API_READER,
    ORGANIZATION_ID,
    SYSTEM_ROLES,
    ApiKey,
    Email,
    Invitation,
    Member,
    People,
    Role,
    complete_roles,
    is_email,
    stable_id,
    stored_email,
)
from .settings import Settings, is_offset, parse_rate_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEY, VIEW_KEY = "SimulatedKeyId000000", "SimulatedViewKey0000"
ORGANIZATION_NAME = "Simulated organization"
PERMISSION = "control-plane:organization"
MIGRATED = "Organization has migrated to Custom Roles. Use 'assignedRoleIds' instead of 'role'."

_REASONS = {
    400: "BAD_REQUEST",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

P = ParamSpec("P")
T = TypeVar("T")


class Rejection(Exception):
    """The organization rejects a call: an HTTP status and the words of the error."""

    def __init__(self, status: int, words: str = "") -> None:
        self.status = status
        self.words = ": ".join(filter(None, (_REASONS[status], words)))
        super().__init__(self.words)


@dataclasses.dataclass
class _Hidden(Generic[T]):
    """A write that reads do not show yet: what they show instead, and until when."""

    before: T
    reads: int
    until: float

    def is_hidden(self, now: float) -> bool:
        return self.reads > 0 or now < self.until


@dataclasses.dataclass
class _LateWrite:
    """A write that has not been applied yet: due at a time, or after so many lists of its kind."""

    write: Callable[[], object]
    due: float | None
    reads: int | None
    of_members: bool

    def is_due(self, now: float) -> bool:
        return (self.due is not None and self.due <= now) or (self.reads is not None and self.reads <= 0)


def _locked(
    method: Callable[Concatenate[Cloud, P], T],
) -> Callable[Concatenate[Cloud, P], T]:
    """Lets one thread in at a time, after the late writes that are due were applied."""

    @functools.wraps(method)
    def wrapper(self: Cloud, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            self._apply_late_writes()
            return method(self, *args, **kwargs)

    return wrapper


class Cloud:
    """One organization. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._lock = threading.RLock()
        self.reset(settings)

    # Outside the API: set-up by tests, and other people. Every read shows it at once. With ``at_once=False`` the rules
    # and the settings for stale reads apply, as to a write of the API.

    def reset(self, settings: Settings) -> None:
        """Starts again with an organization of its founder and the two API keys alone."""
        with self._lock:
            self._settings = settings
            founder = self._new_member(settings.founder, None, (ADMIN,), joined_at=wire.EPOCH)
            self._people = People().with_members([founder] if settings.founder else [])
            used_at = self._now() // 60 * 60
            self._keys: dict[str, ApiKey] = {}
            self._put_key(ApiKey(stable_id(KEY), "Ansible", (ADMIN,), KEY[-4:], wire.EPOCH, used_at=used_at))
            self._put_key(ApiKey(stable_id(VIEW_KEY), "Access review", (ORG_API_READER,), VIEW_KEY[-4:], wire.EPOCH))
            self._roles = {role.id: role for role in (Role(stable_id(name), name, "system") for name in SYSTEM_ROLES)}
            self._emails: list[Email] = []
            self._hidden: list[_Hidden[People]] = []
            self._hidden_updates: dict[str, _Hidden[Member]] = {}
            self._late: list[_LateWrite] = []
            self._texts: dict[Invitation | Member, str] = {}
            self._windows: dict[str, tuple[float, int]] = {}

    @property
    def settings(self) -> Settings:
        """The current settings."""
        return self._settings

    @_locked
    def configure(self, settings: Mapping[str, object]) -> None:
        """Changes some settings of the organization as it is."""
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
        """Adds an invitation, whatever the rules say; sends no email.

        ``created_ago`` and ``expires_in`` are seconds from now and may be negative.
        """
        lifetime = self._settings.invitation_lifetime
        for name, value in (("created_ago", created_ago), ("expires_in", expires_in)):
            if value is not None and not is_offset(value):
                raise ValueError(f"{name} is a number of seconds, not {value!r}.")
        if expires_in is None:
            left = lifetime if created_ago is None else lifetime - created_ago
            expires_in = -1.0 if expired else left
        if created_ago is None:
            created_ago = lifetime - expires_in
        now = self._now()
        invitation = self._new_invitation(
            self._stored(email),
            role or (None if role_names else "developer"),
            self.role_ids(role_names),
            now - created_ago,
            now + expires_in,
        )
        self._put(self._people.with_invitations([invitation]))
        return invitation

    @_locked
    def seed(self, invitations: int, members: int = 0) -> None:
        """Adds that many invited people and members, all with the role Member."""
        now = self._now()
        expire_at = now + self._settings.invitation_lifetime
        self._put(
            self._people.with_invitations(
                self._new_invitation(f"person{number:05}@example.com", None, (MEMBER,), now, expire_at)
                for number in range(1, invitations + 1)
            ).with_members(
                self._new_member(f"member{number:05}@example.com", None, (MEMBER,)) for number in range(1, members + 1)
            )
        )

    @_locked
    def accept(self, email: str, *, at_once: bool = True) -> Member:
        """A person joins by the newest live invitation, and all their invitations disappear.

        ``LookupError`` if there is no live one.
        """
        email = self._stored(email)
        live = [i for i in self._people.invitations_of(email) if not i.is_expired(self._now())]
        if not live:
            raise LookupError(f"{email} has no invitation that could be accepted.")
        member = self._new_member(live[-1].email.lower(), live[-1].role, live[-1].role_ids)
        theirs = self._people.invitations_of(email)
        self._put(
            self._people.without_invitations(lambda invitation: invitation in theirs).with_members([member]), at_once
        )
        return member

    @_locked
    def expire(self, email: str) -> Invitation:
        """A person's newest invitation expired a second ago; its lifetime stays. ``LookupError`` if there is none."""
        email = self._stored(email)
        theirs = self._people.invitations_of(email)
        if not theirs:
            raise LookupError(f"{email} has no invitation.")
        newest = theirs[-1]
        shift = newest.expire_at - (self._now() - 1)
        expired = dataclasses.replace(newest, created_at=newest.created_at - shift, expire_at=newest.expire_at - shift)
        self._put(self._people.with_invitations([expired]))
        return expired

    @_locked
    def revoke(self, email: str, *, at_once: bool = True) -> None:
        """Somebody revokes all of a person's invitations."""
        theirs = self._people.invitations_of(self._stored(email))
        self._put(self._people.without_invitations(lambda invitation: invitation in theirs), at_once)

    @_locked
    def add_member(
        self,
        email: str,
        role: str = "developer",
        role_names: Sequence[str] = (),
        account: str = "",
        *,
        at_once: bool = True,
    ) -> Member:
        """A person joins without an invitation, with these roles; by another ``account``, as another member."""
        if not isinstance(account, str):
            raise ValueError(f"account is a text, not {account!r}.")
        role_ids = self.role_ids(role_names)
        member = self._new_member(self._stored(email), None if role_ids else role, role_ids, account)
        self._put(self._people.with_members([member]), at_once)
        return member

    @_locked
    def sign_on(
        self, email: str, role: str = "developer", role_names: Sequence[str] = (), *, at_once: bool = True
    ) -> Member:
        """A person signs in through single sign-on: joins, or joins again, unless they are a member."""
        member = self._people.member(self._stored(email))
        return member or self.add_member(email, role, role_names, at_once=at_once)

    @_locked
    def update_member_of(
        self, email: str, role: str | None = None, role_names: Sequence[str] = (), *, at_once: bool = True
    ) -> Member:
        """Somebody replaces a member's roles, by none if none are given. ``LookupError`` if there is no such member."""
        member = self._member_of(email)
        role_ids = self.role_ids(role_names)
        role, role_ids = complete_roles(None if role_ids else role, role_ids)
        updated = dataclasses.replace(member, role=role, role_ids=role_ids)
        if not at_once:
            self._reject_without_admin(member, updated)
        self._put(self._people.with_members([updated]), at_once)
        return updated

    @_locked
    def remove_member_of(self, email: str, *, at_once: bool = True) -> Member:
        """Somebody removes a member, or they leave. ``LookupError`` if there is no such member."""
        member = self._member_of(email)
        if not at_once:
            self._reject_without_admin(member, None)
        self._put(self._people.without_member(member.user_id), at_once)
        return member

    @_locked
    def add_role(self, name: str, type: str = "custom") -> Role:
        """Adds a role; names need not be unique."""
        if not isinstance(name, str) or not name:
            raise ValueError(f"A role's name is a text, not {name!r}.")
        if type not in ("custom", "system"):
            raise ValueError(f"A role's type is custom or system, not {type!r}.")
        role = Role(str(uuid.uuid4()), name, type)
        self._roles[role.id] = role
        return role

    @_locked
    def add_key(
        self,
        name: str,
        role_names: Sequence[str],
        state: str,
        created_ago: float,
        expires_in: float | None,
        used_ago: float | None,
        sources: Sequence[str],
    ) -> ApiKey:
        """Adds an API key, with which nobody can authenticate. Times are seconds from now."""
        for seconds in (created_ago, expires_in, used_ago):
            if seconds is not None and not is_offset(seconds):
                raise ValueError(f"The times of a key are numbers of seconds, not {seconds!r}.")
        now = self._now()
        expire_at = None if expires_in is None else now + expires_in
        used_at = None if used_ago is None else (now - used_ago) // 60 * 60
        key_id, created_at, role_ids = str(uuid.uuid4()), now - created_ago, self.role_ids(role_names)
        return self._put_key(
            ApiKey(key_id, name, role_ids, key_id[-4:], created_at, expire_at, used_at, state, tuple(sources))
        )

    @_locked
    def role_ids(self, names: Sequence[str]) -> tuple[str, ...]:
        """IDs of roles by name; of several with one name, the oldest. ``ValueError`` for an unknown name."""
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"role_names is a list of texts, not {names!r}.")
        by_name = {role.name: role.id for role in reversed(self._roles.values())}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise ValueError(f"There is no role {unknown[0]!r}.")
        return tuple(by_name[name] for name in names)

    @_locked
    def email_of(self, item_id: str) -> str | None:
        """The email of an invitation or a member, by ID; ``None`` if there is no such ID."""
        people, item_id = self._people, item_id.lower()
        item = people.invitations.get(item_id) or people.members.get(item_id)
        return item.email if item else None

    @_locked
    def everything(self) -> dict[str, Any]:
        """The true state as records of the API: expired invitations and hidden writes too."""
        return {
            "invitations": [self.record(i) for i in self._people.invitations.values()],
            "members": [self.record(m) for m in self._people.members.values()],
            "roles": [self.record(r) for r in self._roles.values()],
            "keys": [self.record(k) for k in self._keys.values()],
            "emails": [dataclasses.asdict(email) for email in self._emails],
        }

    def record(self, item: ApiKey | Invitation | Member | Role) -> dict[str, Any]:
        """An item as the API shows it."""
        return wire.record(item, self._settings, self._roles)

    def postpone(
        self, write: Callable[[], object], *, seconds: float | None, reads: int | None, of_members: bool
    ) -> None:
        """Applies a write after so many seconds, or after so many lists (of members or of invitations)."""
        with self._lock:
            due = None if seconds is None else time.time() + seconds
            self._late.append(_LateWrite(write, due, reads, of_members))

    # The API.

    @_locked
    def admit(self, key: str) -> float | None:
        """Counts one request of a key: ``None``, or the seconds until its next request is admitted.

        The window is fixed and opens with the first request after the previous window, as ClickHouse documents it.
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

    def check_permission(self, key: str, operation: str) -> None:
        """Rejects a call that a key may not make."""
        method, _path, permission = ROUTES.get(operation, ("GET", "", ""))
        if key == KEY:
            allowed = permission in self._settings.permissions.split(",")
        else:
            allowed = method == "GET" and COLLECTION.get(operation) in self._settings.view_key_reads.split(",")
        if permission and not allowed:
            raise Rejection(403, f"The API key lacks the permission {PERMISSION}:{permission}")

    def check_organization(self, organization_id: str) -> None:
        """Rejects a malformed ID, and every organization but the key's own."""
        self._check_uuid("organization", organization_id)
        # The API does not repeat the ID of another organization.
        if organization_id.lower() != ORGANIZATION_ID:
            raise Rejection(404)

    @_locked
    def list_invitations(self) -> list[str]:
        """JSON texts of the invitations, oldest first."""
        visible = self._visible()
        texts = [self._text(invitation) for invitation in visible.invitations.values() if self._is_shown(invitation)]
        self._count_list(of_members=False)
        return texts

    @_locked
    def get_invitation(self, invitation_id: str) -> str:
        """JSON text of one invitation."""
        return self._text(self._invitation(invitation_id, self._visible()))

    @_locked
    def create_invitation(self, body: object) -> str:
        """Invites somebody, sends the email, and returns the JSON text of the invitation."""
        fields = _check_object(body)
        email = fields.get("email")
        if not isinstance(email, str) or not is_email(email):
            raise Rejection(400, "email must be an email address")
        role, role_ids = self._requested_roles(fields)
        if not (role or role_ids) and self._settings.invitation_without_roles == "reject":
            raise Rejection(400, "An invitation takes at least one role")
        email = self._stored(email)
        self._reject_known(email)
        now = self._now()
        invitation = self._new_invitation(email, role, role_ids, now, now + self._settings.invitation_lifetime)
        self._write(self._people.with_invitations([invitation]))
        self._emails.append(Email(self.record(invitation)["email"], invitation.id, role, invitation.role_ids, now))
        return self._text(invitation)

    @_locked
    def delete_invitation(self, invitation_id: str) -> None:
        """Revokes an invitation."""
        if self._is_gone("invitation", invitation_id, self._people.invitations):
            return
        invitation = self._invitation(invitation_id, self._people)
        self._write(self._people.without_invitations(lambda other: other is invitation))

    @_locked
    def list_members(self) -> list[str]:
        """JSON texts of the members, oldest first."""
        texts = [self._text(member) for member in self._visible_members().values()]
        self._count_list(of_members=True)
        return texts

    @_locked
    def get_member(self, user_id: str) -> str:
        """JSON text of one member."""
        return self._text(self._member(user_id, self._visible_members()))

    @_locked
    def update_member(self, user_id: str, body: object) -> str:
        """Replaces a member's whole set of roles, and returns the JSON text of the member."""
        member = self._member(user_id, self._people.members)
        fields = _check_object(body)
        if "role" in fields and self._settings.organization_era.startswith("migrated"):
            raise Rejection(400, MIGRATED)
        role, role_ids = complete_roles(*self._requested_roles(fields))
        updated = dataclasses.replace(member, role=role, role_ids=role_ids)
        self._reject_without_admin(member, updated)
        self._write(self._people.with_members([updated]))
        return self._text(self._hide_update(member) or updated)

    @_locked
    def remove_member(self, user_id: str) -> None:
        """Removes a member."""
        if self._is_gone("user", user_id, self._people.members):
            return
        member = self._member(user_id, self._people.members)
        self._reject_without_admin(member, None)
        self._write(self._people.without_member(member.user_id))

    @_locked
    def list_roles(self) -> list[str]:
        """JSON texts of the roles, the system roles first."""
        return [json.dumps(self.record(role)) for role in self._roles.values()]

    @_locked
    def list_organizations(self) -> list[str]:
        """JSON text of the key's own organization."""
        return [
            json.dumps(
                {
                    "id": ORGANIZATION_ID,
                    "name": ORGANIZATION_NAME,
                    "createdAt": "2024-01-02T03:04:05.678Z",
                    "privateEndpoints": [],
                    "byocConfig": [],
                    "enableCoreDumps": True,
                }
            )
        ]

    @_locked
    def list_keys(self) -> list[str]:
        """JSON texts of the API keys."""
        return [json.dumps(self.record(key)) for key in self._keys.values()]

    @_locked
    def get_key(self, key_id: str) -> str:
        """JSON text of one API key."""
        self._check_uuid("key", key_id)
        if key_id.lower() not in self._keys:
            raise self._absent(key_id)
        return json.dumps(self.record(self._keys[key_id.lower()]))

    @_locked
    def list_activities(self) -> list[str]:
        """JSON texts of what the members did: each joined, or as long ago as activities are kept."""
        oldest = self._now() - self._settings.activities_days * 24 * 3600
        return [
            json.dumps(
                {
                    "id": stable_id(f"activity of {member.user_id}"),
                    "createdAt": wire.timestamp(max(member.joined_at, oldest), "milliseconds"),
                    "type": "organization_member_join",
                    "actorType": "user",
                    "actorId": member.user_id if self._settings.activity_actor == "user_id" else member.email,
                    "actorDetails": member.email,
                    "organizationId": ORGANIZATION_ID,
                }
            )
            for member in self._people.members.values()
        ]

    # The rules.

    def _requested_roles(self, fields: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
        """``role`` and role IDs of a request, of which exactly one must be given."""
        era = self._settings.organization_era
        if "role" in fields and "assignedRoleIds" in fields:
            raise Rejection(400, "Only one of role and assignedRoleIds can be given")
        if "role" in fields:
            if fields["role"] not in LEGACY_ROLES:
                raise Rejection(400, "role must be one of admin, developer")
            if era == "migrated_rejects":
                raise Rejection(400, MIGRATED)
            return fields["role"], ()
        ids = fields.get("assignedRoleIds")
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise Rejection(400, "One of role and assignedRoleIds must be given")
        if era == "legacy":
            raise Rejection(400, "Custom roles are not available to this organization")
        for role_id in ids:
            if role_id.lower() not in self._roles:
                raise Rejection(400, f"Invalid role id {role_id}")
        return None, tuple(dict.fromkeys(role_id.lower() for role_id in ids))

    def _reject_known(self, email: str) -> None:
        """Rejects inviting a member or, depending on the settings, somebody who is invited."""
        settings, now = self._settings, self._now()
        if self._people.member(email):
            raise Rejection(settings.member_invitation_status, "The user is already a member of the organization")
        theirs = self._people.invitations_of(email)
        if (settings.second_invitation == "reject" and any(not i.is_expired(now) for i in theirs)) or (
            settings.second_beside_expired == "reject" and any(i.is_expired(now) for i in theirs)
        ):
            raise Rejection(settings.second_invitation_status, "An invitation for this email already exists")

    def _reject_without_admin(self, member: Member, updated: Member | None) -> None:
        """Rejects taking the role Admin from the last member who has it; ``updated`` is ``None`` to remove them."""
        if not updated and len(self._people.members) == 1 and self._settings.founder:
            raise Rejection(self._settings.last_admin_status, "The organization must have at least one member")
        if self._settings.last_admin == "allow" or ADMIN not in member.role_ids:
            return
        if updated and ADMIN in updated.role_ids:
            return
        if not any(ADMIN in other.role_ids for other in self._people.members.values() if other is not member):
            raise Rejection(self._settings.last_admin_status, "The organization must have at least one admin")

    # State.

    def _now(self) -> float:
        """The organization's clock, in seconds since the epoch."""
        return time.time() + self._settings.clock_offset

    def _stored(self, email: object) -> str:
        """An email as the organization stores it. ``ValueError`` if it is none."""
        if not isinstance(email, str) or not is_email(email):
            raise ValueError(f"{email!r} is no email address.")
        return stored_email(email, self._settings.email_form)

    def _new_invitation(
        self, email: str, role: str | None, role_ids: tuple[str, ...], created_at: float, expire_at: float
    ) -> Invitation:
        return Invitation(str(uuid.uuid4()), email, *complete_roles(role, role_ids), created_at, expire_at)

    def _new_member(
        self,
        email: str,
        role: str | None,
        role_ids: tuple[str, ...],
        account: str = "",
        joined_at: float | None = None,
    ) -> Member:
        name = email.partition("@")[0].replace(".", " ").title()
        roles = complete_roles(role, role_ids)
        return Member(stable_id(account + email.lower()), name, email, *roles, joined_at or self._now())

    def _put_key(self, key: ApiKey) -> ApiKey:
        self._keys[key.id] = key
        return key

    def _is_shown(self, invitation: Invitation) -> bool:
        return self._settings.list_expired or not invitation.is_expired(self._now())

    def _invitation(self, invitation_id: str, people: People) -> Invitation:
        self._check_uuid("invitation", invitation_id)
        invitation = people.invitations.get(invitation_id.lower())
        if invitation is None or not self._is_shown(invitation):
            raise self._absent(invitation_id)
        return invitation

    def _member(self, user_id: str, members: Mapping[str, Member]) -> Member:
        self._check_uuid("user", user_id)
        member = members.get(user_id.lower())
        if member is None:
            raise self._absent(user_id)
        return member

    def _check_uuid(self, what: str, value: str) -> None:
        if not _UUID.fullmatch(value) or not uuid.UUID(value).int:
            raise Rejection(self._settings.malformed_id_status, f"Invalid {what} id")

    def _absent(self, item_id: str) -> Rejection:
        return Rejection(self._settings.absent_status, item_id)

    def _is_gone(self, what: str, item_id: str, items: Mapping[str, object]) -> bool:
        """Whether a DELETE finds nothing and succeeds all the same. Most settings reject it."""
        self._check_uuid(what, item_id)
        if item_id.lower() in items:
            return False
        if self._settings.delete_again_status != 200:
            raise Rejection(self._settings.delete_again_status, item_id)
        return True

    def _member_of(self, email: str) -> Member:
        member = self._people.member(self._stored(email))
        if member is None:
            raise LookupError(f"{email} is not a member.")
        return member

    def _text(self, item: Invitation | Member) -> str:
        text = self._texts.get(item)
        if text is None:
            text = self._texts[item] = json.dumps(self.record(item))
        return text

    # Writes and reads.

    def _put(self, people: People, at_once: bool = True) -> None:
        """Writes from outside the API."""
        if not at_once:
            self._write(people)
            return
        self._people = people
        self._hidden.clear()
        self._hidden_updates.clear()

    def _write(self, people: People) -> None:
        settings = self._settings
        if settings.stale_reads or settings.read_lag:
            self._hidden.append(_Hidden(self._people, settings.stale_reads, time.time() + settings.read_lag))
        self._people = people

    def _hide_update(self, before: Member) -> Member | None:
        """Hides a member's update as the settings say; returns the member as reads show them meanwhile."""
        settings = self._settings
        if not (settings.patch_stale_reads or settings.patch_lag):
            return None
        earlier = self._hidden_updates.get(before.user_id)
        if earlier and earlier.is_hidden(time.time()):
            before = earlier.before
        until = time.time() + settings.patch_lag
        self._hidden_updates[before.user_id] = _Hidden(before, settings.patch_stale_reads, until)
        return before

    def _visible(self) -> People:
        """What the next read shows: the state before the oldest write that is still hidden."""
        now = time.time()
        self._hidden = [hidden for hidden in self._hidden if hidden.is_hidden(now)]
        for hidden in self._hidden:
            hidden.reads -= 1
        return self._hidden[0].before if self._hidden else self._people

    def _visible_members(self) -> Mapping[str, Member]:
        """The members whom the next read shows, by ID."""
        members, now = self._visible().members, time.time()
        self._hidden_updates = {
            user_id: hidden for user_id, hidden in self._hidden_updates.items() if hidden.is_hidden(now)
        }
        for hidden in self._hidden_updates.values():
            hidden.reads -= 1
        if not self._hidden_updates:
            return members
        return {
            user_id: self._hidden_updates[user_id].before if user_id in self._hidden_updates else member
            for user_id, member in members.items()
        }

    def _count_list(self, *, of_members: bool) -> None:
        for late in self._late:
            if late.reads is not None and late.of_members == of_members:
                late.reads -= 1
        self._apply_late_writes()

    def _apply_late_writes(self) -> None:
        if not self._late:
            return
        now = time.time()
        due = [late for late in self._late if late.is_due(now)]
        # Removed first: each of these writes calls this method again.
        self._late = [late for late in self._late if late not in due]
        for late in due:
            late.write()


def _check_object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Rejection(400, "The body must be an object")
    return body
