# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ClickHouse Cloud as it is: the API's paths and field names, and what is read from its answers."""

from __future__ import annotations

import functools
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from ._errors import ApiError
from ._options import is_uuid

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, Union

    from ._client import Client

    # Whoever has roles, or is to have them.
    Holder = Union["Desired", "Invitation", "Member"]

    _Record = TypeVar("_Record")

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*(?:[Zz]|([+-]\d\d):?(\d\d))?",
    re.ASCII,
)


class Role(NamedTuple):
    """A system role or a custom one. Name and type are None where only the ID is known."""

    id: str
    name: str | None = None
    type: str | None = None

    def as_result(self) -> dict[str, Any]:
        """The role as a module returns it."""
        return {"role_id": self.id, "role_name": self.name, "role_type": self.type}


class Desired(NamedTuple):
    """The roles that someone is to have: ``assigned_roles`` or, where there are none, the older ``role``."""

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None


class Invitation(NamedTuple):
    """An invitation. In check mode one that is only predicted has no ID and no times.

    ``role`` is the API's older field, ``assigned_roles`` the newer one: None where it is not there, as in older
    organizations' answers, empty where it is there but tells nothing.
    """

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None
    id: str | None = None
    created_at: str | None = None
    expire_at: str | None = None

    def expires_within(self, time: timedelta, now: datetime) -> bool:
        """Whether it has expired by so long from now. What does not say when it expires has not."""
        expiry = parse_timestamp(self.expire_at)
        return expiry is not None and expiry - now <= time

    def expired(self, now: datetime) -> bool:
        """Whether nobody can join with it any more."""
        return self.expires_within(timedelta(0), now)

    def lifetime(self) -> timedelta | None:
        """How long it lives in all, None where the API does not tell."""
        created, expiry = parse_timestamp(self.created_at), parse_timestamp(self.expire_at)
        return expiry - created if created and expiry else None

    def as_result(self, now: datetime) -> dict[str, Any]:
        """The invitation as a module returns it."""
        return {**self._asdict(), "assigned_roles": _roles_as_result(self), "expired": self.expired(now)}


class Member(NamedTuple):
    """Someone who has joined. The roles are told as an invitation's are."""

    email: str
    role: str | None = None
    assigned_roles: tuple[Role, ...] | None = None
    user_id: str | None = None
    name: str | None = None
    joined_at: str | None = None

    def as_result(self) -> dict[str, Any]:
        """The member as a module returns it."""
        return {**self._asdict(), "assigned_roles": _roles_as_result(self)}


class CloudApi:
    """One organization of ClickHouse Cloud. What calls the API raises ApiError where that does not succeed."""

    def __init__(self, client: Client, organization_id: str | None) -> None:
        self.client = client
        self._organization_id = organization_id

    def invitations(self) -> list[Invitation]:
        """List the invitations. Whether expired ones are among them, the API's documentation leaves open."""
        return self._list("list the invitations", "invitations", _invitation)

    def members(self) -> list[Member]:
        """List who has joined."""
        return self._list("list the members", "members", _member)

    def members_if_allowed(self) -> list[Member] | None:
        """List who has joined; None if the key may not."""
        try:
            return self.members()
        except ApiError as error:
            if error.status == 403:
                return None
            raise

    def roles(self) -> list[Role]:
        """List the organization's roles, system and custom ones."""
        return self._list("list the roles", "roles", _role)

    def invitation(self, invitation_id: str) -> Invitation | None:
        """Get one invitation; None if there is none with this ID."""
        path = self.path("invitations", invitation_id)
        purpose = f"get the invitation {invitation_id}"
        try:
            record = self.client.call(purpose, "GET", path)
        except ApiError as error:
            # Other unknown IDs are known to answer 400, and an unknown organization answers 404 too: listing tells them
            # apart, and finds what a late read missed.
            if error.status not in (400, 404):
                raise
            return next((invitation for invitation in self.invitations() if invitation.id == invitation_id), None)
        invitation = _invitation(record)
        if invitation is None or invitation.id != invitation_id:
            raise _unreadable(purpose, "GET", path)
        return invitation

    def create(self, wish: Desired) -> Invitation:
        """Invite a person. Each success is an email to them.

        An error that is ``ambiguous`` leaves open whether the person was invited.
        """
        path = self.path("invitations")
        purpose = f"invite {wish.email}"
        assigned = sorted(role.id for role in wish.assigned_roles or ())
        roles: dict[str, Any] = {"assignedRoleIds": assigned} if assigned else {"role": wish.role}
        invitation = _invitation(self.client.call(purpose, "POST", path, {"email": wish.email, **roles}))
        if invitation is None or invitation.email != wish.email:
            raise _unreadable(purpose, "POST", path)
        return invitation

    def delete(self, invitation: Invitation) -> bool | None:
        """Revoke an invitation; False if it was gone already, None if it is gone and either may be why."""
        path = self.path("invitations", str(invitation.id))
        try:
            self.client.call(f"revoke the invitation of {invitation.email}", "DELETE", path)
        except ApiError as error:
            may_be_ours = error.ambiguous or error.earlier_try_ambiguous
            if not self._is_gone(invitation, error):
                raise error.noting(still_invited(invitation.email) if may_be_ours else None) from error
            return None if may_be_ours else False
        return True

    def _is_gone(self, invitation: Invitation, error: ApiError) -> bool:
        """Whether an invitation that could not be revoked is there no more. A gateway's 404 tells nothing.

        :raises ApiError: where it may have been revoked, and even looking does not get through.
        """
        if error.status == 404 and error.request_id:
            return True
        try:
            return (error.rejected or error.ambiguous) and self.invitation(str(invitation.id)) is None
        except ApiError as blind:
            if error.rejected or blind.rejected:
                return False
            raise blind.noting(still_invited(invitation.email)) from error

    def _list(self, purpose: str, collection: str, read: Callable[[object], _Record | None]) -> list[_Record]:
        path = self.path(collection)
        records = self.client.call(purpose, "GET", path)
        readable = list(filter(None, map(read, records))) if isinstance(records, list) else []
        if not readable and records != []:
            raise _unreadable(purpose, "GET", path)
        return readable

    def path(self, *parts: str) -> str:
        """A path below the organization, which is asked for where it was not given."""
        if self._organization_id is None:
            self._organization_id = self._find_organization()
        return "/".join(("/v1/organizations", self._organization_id, *parts))

    def _find_organization(self) -> str:
        """Ask which organization the key belongs to. A key belongs to exactly one."""
        purpose, path = "find the organization of the API key", "/v1/organizations"
        records = self.client.call(purpose, "GET", path)
        found = [each.get("id") for each in records if isinstance(each, dict)] if isinstance(records, list) else []
        ids = [str(each).lower() for each in found if is_uuid(each)]
        if len(ids) != 1:
            error = _unreadable(purpose, "GET", path, f"{len(ids)} organizations instead of one")
            raise error.noting("set organization_id")
        return ids[0]


def still_invited(email: str) -> str:
    """The clause for a revocation of which it is not known what came of it."""
    return f"whether {email} is still invited is not known: run this again, it looks first"


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


def _roles_as_result(holder: Holder) -> list[dict[str, Any]]:
    return [role.as_result() for role in holder.assigned_roles or ()]


def _unreadable(purpose: str, method: str, path: str, reason: str = "unexpected content") -> ApiError:
    """Make the error for a right envelope around a wrong result. What was asked for may have been done."""
    what = f"the answer is not one of ClickHouse Cloud's ({reason})"
    sentence = f"Could not {purpose}: {what}; check api_url and any proxy on the way"
    return ApiError(sentence, method=method, path=path, reason=reason, status=200, ambiguous=True)


def _text(value: object) -> str | None:
    """Text as it came, without the halves of characters that nothing downstream can print; None for anything else."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() else value.encode(errors="replace").decode()


def _email(value: object) -> str:
    return (_text(value) or "").strip().lower()


def _role_id(value: object) -> str | None:
    text = _text(value) or None
    return text.lower() if text and is_uuid(text) else text


def _assigned_roles(value: object) -> tuple[Role, ...] | None:
    """Read ``assignedRoles``. Where any of them cannot be read, none is known."""
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
    """Read an invitation; None where it has no ID or no email, which leaves nothing to be done with it."""
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
    """Read a member; None where the record has no email."""
    if not isinstance(record, dict) or not _email(record.get("email")):
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
    """Read a role; None where it has no ID or no name."""
    if not isinstance(record, dict):
        return None
    role_id, name = _role_id(record.get("id")), _text(record.get("name"))
    return Role(role_id, name, _text(record.get("type")) or "custom") if role_id and name else None
