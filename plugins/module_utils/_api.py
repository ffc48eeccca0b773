# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: the API of one organization, its paths and field names; records in, records out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ._errors import ApiError
from ._options import is_uuid, normalize_email
from ._records import ApiKey, Deletion, Invitation, Member, Role, visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from ._client import Client
    from ._records import Desired

    _Record = TypeVar("_Record")


class CloudApi:
    """The API of one organization of ClickHouse Cloud. Each method that calls it raises ApiError on failure.

    ``unreadable`` counts the records that could not be read, for each list as it was last read.
    """

    def __init__(self, client: Client, organization_id: str | None) -> None:
        self.client = client
        self.unreadable: Counter[str] = Counter()
        self._organization_id = organization_id

    @property
    def organization_id(self) -> str | None:
        """ID of the organization. If it was not given, None until the first call."""
        return self._organization_id

    def invitations(self) -> list[Invitation]:
        """List the invitations. The API's reference does not tell whether expired ones are among them."""
        return self._list("list the invitations", "invitations", _invitation)

    def members(self) -> list[Member]:
        """List the members. An organization has at least the person who made it, so an empty list is an error."""
        members = self._list("list the members", "members", _member)
        if not members:
            raise _unreadable("list the members", "GET", self._path("members"), "an empty list of members")
        return members

    def members_if_allowed(self) -> list[Member] | None:
        """List the members; None if the API says that the key may not."""
        try:
            return self.members()
        except ApiError as error:
            if error.status == 403 and error.rejected:
                return None
            raise

    def roles(self) -> list[Role]:
        """List the organization's roles, system and custom ones."""
        return self._list("list the roles", "roles", _role)

    def api_keys(self) -> list[ApiKey]:
        """List the API keys, the one that calls included."""
        return self._list("list the API keys", "keys", _api_key)

    def invitation(self, invitation_id: str) -> Invitation | None:
        """Get one invitation; None if there is none with this ID."""
        path = self._path("invitations", invitation_id)
        purpose = f"get the invitation {invitation_id}"
        try:
            record = self.client.call(purpose, "GET", path)
        except ApiError as error:
            # An unknown organization is answered 404, too: the list tells them apart, and has what a stale read missed.
            if error.status != 404:
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
        if desired.assigned_roles is None:
            return self.client.call(purpose, method, path, by_role)
        ids = sorted(role.id for role in desired.assigned_roles)
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
        if not isinstance(records, list) or (records and not readable):
            raise _unreadable(purpose, "GET", path)
        self.unreadable[collection] = len(records) - len(readable)
        # A repeated record is no second account.
        return list(dict.fromkeys(readable))

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


def _unreadable(purpose: str, method: str, path: str, reason: str = "unexpected content") -> ApiError:
    """Make the error for a valid envelope around an invalid result. The request may have taken effect."""
    what = f"the response is not one of ClickHouse Cloud's ({reason})"
    sentence = f"Could not {purpose}: {what}; check api_url and any proxy on the way"
    return ApiError(sentence, method=method, path=path, reason=reason, status=200, ambiguous=True)


def _text(value: object) -> str | None:
    """A text that can be printed anywhere; None for anything else."""
    return visible(value) if isinstance(value, str) else None


def _email(value: object) -> str:
    return normalize_email(visible(value.strip())) if isinstance(value, str) else ""


def _role_id(value: object) -> str:
    text = _text(value) or ""
    return text.lower() if is_uuid(text) else text


def _assigned_roles(value: object) -> tuple[Role, ...] | None:
    """Read ``assignedRoles``. A role that cannot be read has an empty ID, and so is known to be there."""
    if value is None:
        return None
    records = value if isinstance(value, list) else [None]
    return tuple(_assigned_role(record if isinstance(record, dict) else {}) for record in records)


def _assigned_role(record: dict[str, object]) -> Role:
    return Role(_role_id(record.get("roleId")), _text(record.get("roleName")), _text(record.get("roleType")))


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
    """Read a member; None if it has no email, or no user ID that can be a segment of a path as it is."""
    if not isinstance(record, dict) or not _email(record.get("email")):
        return None
    user_id = _text(record.get("userId"))
    if user_id != record.get("userId") or (user_id or "").strip() in ("", ".", ".."):
        return None
    return Member(
        email=_email(record["email"]),
        role=_text(record.get("role")),
        assigned_roles=_assigned_roles(record.get("assignedRoles")),
        user_id=user_id,
        name=_text(record.get("name")),
        joined_at=_text(record.get("joinedAt")),
    )


def _role(record: object) -> Role | None:
    """Read a role; None if it has no ID or no name."""
    if not isinstance(record, dict):
        return None
    role_id, name = _role_id(record.get("id")), _text(record.get("name"))
    return Role(role_id, name, _text(record.get("type"))) if role_id and name else None


def _api_key(record: object) -> ApiKey | None:
    """Read an API key; None if it has no ID."""
    if not isinstance(record, dict) or not _text(record.get("id")):
        return None
    legacy, entries = record.get("roles"), record.get("ipAccessList")
    # An entry that cannot be read is known to be there.
    listed = entries if isinstance(entries, list) else [] if entries is None else [None]
    sources = [entry if isinstance(entry, dict) else {} for entry in listed]
    return ApiKey(
        id=visible(record["id"].lower()),
        name=_text(record.get("name")),
        state=_text(record.get("state")),
        role=", ".join(filter(None, map(_text, legacy))) if isinstance(legacy, list) else None,
        assigned_roles=_assigned_roles(record.get("assignedRoles")),
        key_suffix=_text(record.get("keySuffix")),
        created_at=_text(record.get("createdAt")),
        expire_at=_text(record.get("expireAt")),
        used_at=_text(record.get("usedAt")),
        sources=tuple((_text(entry.get("source")), _text(entry.get("description"))) for entry in sources),
    )
