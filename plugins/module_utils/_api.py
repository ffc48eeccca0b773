# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: the API of one organization, its paths and field names; records in, records out."""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import quote

from ._errors import ApiError
from ._options import is_uuid, normalize_email

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from ._client import Client

    _Record = TypeVar("_Record")

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*(?:[Zz]|([+-]\d\d):?(\d\d))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Role:
    """A system role or a custom role. Name and type are None where only the ID is known."""

    id: str
    name: str | None = None
    type: str | None = None

    def as_result(self) -> dict[str, Any]:
        """The role as a module returns it."""
        return {"role_id": self.id, "role_name": self.name, "role_type": self.type}


@dataclass(frozen=True)
class Desired:
    """The roles that a person is to have: ``assigned_roles`` or, if there are none, the legacy ``role``."""

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None


@dataclass(frozen=True)
class Invitation:
    """An invitation. A predicted one has no ID and no times.

    ``role`` is the API's legacy field. ``assigned_roles`` is None if the API does not send the field, as for older
    organizations, and empty if the field tells nothing.
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
        """Whether nobody can join with it any more."""
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


# A record with roles.
Holder = Union[Desired, Invitation, Member]


class Deletion(enum.Enum):
    """The result of a DELETE. ``UNCLEAR``: the record is gone, and an ambiguous attempt of this call may be why."""

    DELETED = "deleted"
    ALREADY_GONE = "already gone"
    UNCLEAR = "unclear"


class CloudApi:
    """The API of one organization of ClickHouse Cloud. Each method that calls it raises ApiError on failure."""

    def __init__(self, client: Client, organization_id: str | None) -> None:
        self.client = client
        self._organization_id = organization_id

    @property
    def organization_id(self) -> str | None:
        """ID of the organization. If it was not given, None until the first call."""
        return self._organization_id

    def invitations(self) -> list[Invitation]:
        """List the invitations. The API's reference does not tell whether expired ones are among them."""
        return self._list("list the invitations", "invitations", _invitation)

    def members(self) -> list[Member]:
        """List the members."""
        return self._list("list the members", "members", _member)

    def members_if_allowed(self) -> list[Member] | None:
        """List the members; None if the API says that the key may not."""
        try:
            return self.members()
        except ApiError as error:
            if error.status == 403 and error.from_api:
                return None
            raise

    def roles(self) -> list[Role]:
        """List the organization's roles, system and custom ones."""
        return self._list("list the roles", "roles", _role)

    def invitation(self, invitation_id: str) -> Invitation | None:
        """Get one invitation; None if there is none with this ID."""
        path = self._path("invitations", invitation_id)
        purpose = f"get the invitation {invitation_id}"
        try:
            record = self.client.call(purpose, "GET", path)
        except ApiError as error:
            # An unknown ID can be answered 400, an unknown organization is answered 404: the list tells them apart, and
            # has what a stale read missed.
            if error.status not in (400, 404):
                raise
            return next((invitation for invitation in self.invitations() if invitation.id == invitation_id), None)
        invitation = _invitation(record)
        if invitation is None or invitation.id != invitation_id:
            raise _unreadable(purpose, "GET", path)
        return invitation

    def create_invitation(self, desired: Desired) -> Invitation:
        """Invite a person. Each success is an email to them.

        After an ambiguous error the person may have been invited.
        """
        purpose, path = f"invite {desired.email}", self._path("invitations")
        invitation = _invitation(self._send_roles(purpose, "POST", path, desired, {"email": desired.email}))
        if invitation is None or invitation.email != desired.email:
            raise _unreadable(purpose, "POST", path)
        return invitation

    def delete_invitation(self, invitation: Invitation) -> Deletion:
        """Revoke an invitation."""
        return self._delete(f"revoke the invitation of {invitation.email}", "invitations", invitation.id)

    def update_member(self, member: Member, desired: Desired) -> Member:
        """Replace a member's whole set of roles, and return the answer, which may still show the roles of before."""
        purpose = f"change the roles of {member.email}"
        path = self._path("members", quote(str(member.user_id), safe=""))
        answer = _member(self._send_roles(purpose, "PATCH", path, desired, {}))
        if answer is None or answer.user_id != member.user_id:
            raise _unreadable(purpose, "PATCH", path)
        return answer

    def remove_member(self, member: Member) -> Deletion:
        """Remove a member from the organization."""
        return self._delete(f"remove {member.email}", "members", member.user_id)

    def _send_roles(self, purpose: str, method: str, path: str, desired: Desired, fields: dict[str, Any]) -> object:
        """Send roles by ID or, if the API rejects that, by the legacy role: an organization may take only one.

        If it rejects both, the first rejection is raised.
        """
        by_role = {**fields, "role": desired.role}
        ids = sorted(role.id for role in desired.assigned_roles or ())
        if not ids:
            return self.client.call(purpose, method, path, by_role)
        try:
            return self.client.call(purpose, method, path, {**fields, "assignedRoleIds": ids})
        except ApiError as rejection:
            if rejection.status != 400 or not desired.role:
                raise
            try:
                return self.client.call(purpose, method, path, by_role)
            except ApiError as error:
                raise (rejection if error.rejected else error) from None

    def _delete(self, purpose: str, collection: str, record_id: str | None) -> Deletion:
        """Delete a record. Only the API's own 404 says that it is gone: a gateway's says nothing."""
        try:
            self.client.call(purpose, "DELETE", self._path(collection, quote(str(record_id), safe="")))
        except ApiError as error:
            if error.status == 404 and error.from_api:
                return Deletion.UNCLEAR if error.earlier_try_ambiguous else Deletion.ALREADY_GONE
            raise
        return Deletion.DELETED

    def _list(self, purpose: str, collection: str, read: Callable[[object], _Record | None]) -> list[_Record]:
        path = self._path(collection)
        records = self.client.call(purpose, "GET", path)
        readable = list(filter(None, map(read, records))) if isinstance(records, list) else []
        if not readable and records != []:
            raise _unreadable(purpose, "GET", path)
        return readable

    def _path(self, *parts: str) -> str:
        """A path below the organization, which is looked up if it was not given."""
        if self._organization_id is None:
            self._organization_id = self._find_organization()
        return "/".join(("/v1/organizations", self._organization_id, *parts))

    def _find_organization(self) -> str:
        """Look up the organization of the key. A key belongs to exactly one."""
        purpose, path = "find the organization of the API key", "/v1/organizations"
        records = self.client.call(purpose, "GET", path)
        found = [each.get("id") for each in records if isinstance(each, dict)] if isinstance(records, list) else []
        ids = [str(each).lower() for each in found if is_uuid(each)]
        if len(ids) != 1:
            reason = f"{len(ids)} organizations instead of one"
            raise _unreadable(purpose, "GET", path, reason).noting("set organization_id")
        return ids[0]


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


def roles_as_result(holder: Holder) -> list[dict[str, Any]]:
    """The assigned roles as a module returns them."""
    return [role.as_result() for role in holder.assigned_roles or ()]


def _unreadable(purpose: str, method: str, path: str, reason: str = "unexpected content") -> ApiError:
    """Make the error for a valid envelope around an invalid result. The request may have taken effect."""
    what = f"the response is not one of ClickHouse Cloud's ({reason})"
    sentence = f"Could not {purpose}: {what}; check api_url and any proxy on the way"
    return ApiError(sentence, method=method, path=path, reason=reason, status=200, ambiguous=True)


def _text(value: object) -> str | None:
    """A text without lone surrogates, which nothing downstream can print; None for anything else."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() else value.encode(errors="replace").decode()


def _email(value: object) -> str:
    return normalize_email(_text(value) or "")


def _role_id(value: object) -> str | None:
    text = _text(value) or None
    return text.lower() if text and is_uuid(text) else text


def _assigned_roles(value: object) -> tuple[Role, ...] | None:
    """Read ``assignedRoles``. If one of them cannot be read, none is known."""
    if value is None:
        return None
    roles = []
    for record in value if isinstance(value, list) else ():
        role_id = _role_id(record.get("roleId")) if isinstance(record, dict) else None
        if role_id is None:
            return ()
        roles.append(Role(role_id, _text(record.get("roleName")), _text(record.get("roleType"))))
    return tuple(roles)


def _invitation(record: object) -> Invitation | None:
    """Read an invitation; None if it has no ID or no email, which leaves nothing to be done with it."""
    if not isinstance(record, dict) or not is_uuid(record.get("id")) or not _email(record.get("email")):
        return None
    return Invitation(
        email=_email(record["email"]),
        role=_text(record.get("role")),
        assigned_roles=_assigned_roles(record.get("assignedRoles")),
        id=record["id"].lower(),
        created_at=_text(record.get("createdAt")),
        expire_at=_text(record.get("expireAt")),
    )


def _member(record: object) -> Member | None:
    """Read a member; None if the record has no user ID or no email, which leaves nothing to be done with it."""
    if not isinstance(record, dict) or not _text(record.get("userId")) or not _email(record.get("email")):
        return None
    return Member(
        email=_email(record["email"]),
        role=_text(record.get("role")),
        assigned_roles=_assigned_roles(record.get("assignedRoles")),
        user_id=_text(record.get("userId")),
        name=_text(record.get("name")),
        joined_at=_text(record.get("joinedAt")),
    )


def _role(record: object) -> Role | None:
    """Read a role; None if it has no ID or no name."""
    if not isinstance(record, dict):
        return None
    role_id, name = _role_id(record.get("id")), _text(record.get("name"))
    return Role(role_id, name, _text(record.get("type")) or "custom") if role_id and name else None
