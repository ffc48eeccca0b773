# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is observed of an organization. A behaviour that the simulator has a setting for is named like the setting."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.clickhouse.cloud.plugins.module_utils._api import CloudApi
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Client, Settings, http_date
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import is_uuid
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Member, Role

    from .transport import Exchange, Transport

# System roles by what they allow, the least first. Admin is not among them.
HARMLESS_ROLES = ("Member", "Org API reader", "Billing", "Developer")
HARMLESS_LEGACY_ROLE = "developer"

COLLECTIONS = ("invitations", "members", "roles", "keys", "activities")

MAX_LAG = 30.0
POLL_INTERVAL = 1.0

RATE_LIMIT = ("x-ratelimit", "ratelimit", "retry-after")
TIMESTAMPS = {
    "milliseconds": r".*\.\d{3}Z",
    "nanoseconds": r".*\.\d{9}Z",
    "offset": r".*[+-]\d\d:?\d\d",
    "seconds": r".*:\d\dZ",
}


class CannotObserve(Exception):
    """The organization cannot be observed; a sentence for the person at the terminal."""


class Behaviour(NamedTuple):
    """A behaviour of the API. ``observed`` is None if it could not be observed; ``words`` are the API's own."""

    name: str
    observed: str | float | None
    words: str = ""


class Answer(NamedTuple):
    """A response that the API itself gave: a result, or a rejection in its own words."""

    status: int
    words: str
    result: Any

    def behaviour(self, name: str) -> Behaviour:
        """The status as a behaviour."""
        return Behaviour(name, self.status, self.words)


class Organization:
    """An organization, and the one person who is invited to it. Each method raises ApiError if there is no answer."""

    def __init__(
        self, transport: Transport, settings: Settings, organization_id: str | None, view: Settings | None = None
    ) -> None:
        self.transport = transport
        self.view = view
        self.client = self._client(settings)
        self.api = CloudApi(self.client, organization_id)
        self.lags: list[float | None] = []

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, client: Client | None = None) -> Answer:
        """Call the API below the organization, by default with the first key."""
        client = client or self.client
        try:
            result = client.call(f"observe {method} {path}", method, self.api._path(path), body)
        except ApiError as error:
            if not error.rejected:
                raise
            return Answer(error.status or 0, error.reason, None)
        return Answer(self.transport.exchanges[-1].status, "", result)

    def invite(self, email: str, roles: dict[str, Any]) -> Answer:
        """Invite the person."""
        answer = self.call("POST", "invitations", {"email": email, **roles})
        if answer.status < 300 and not is_invitation(answer.result):
            raise CannotObserve("The response to a successful invitation has no invitation.")
        return answer

    def invite_and_wait(self, email: str, roles: dict[str, Any]) -> Answer:
        """Invite the person, and wait until the list shows it."""
        self.transport.reserve(3)
        answer = self.invite(email, roles)
        if answer.result:
            self.lags.append(self._lag(answer.result["id"], listed=True))
        return answer

    def revoke_and_wait(self, answer: Answer) -> None:
        """Revoke the invitation of an answer, if it has one, and wait until the list shows it no longer."""
        if answer.result:
            self.transport.reserve(3)
            self.call("DELETE", f"invitations/{answer.result['id']}")
            self.lags.append(self._lag(answer.result["id"], listed=False))

    def readable(self) -> str | None:
        """The lists that the second key may read, None if there is no such key."""
        if self.view is None:
            return None
        client = self._client(self.view)
        return ",".join(name for name in COLLECTIONS if self.call("GET", name, client=client).status < 300)

    def listed(self, invitation_id: str) -> dict[str, Any] | None:
        """The record of an invitation in the last list that was read."""
        lists = [each.body for each in self.transport.exchanges if each.path.endswith("/invitations")]
        records = lists[-1].get("result") if lists and isinstance(lists[-1], dict) else None
        found = [each for each in records if is_invitation(each)] if isinstance(records, list) else []
        return next((each for each in found if each["id"].lower() == invitation_id.lower()), None)

    def status_without_access(self) -> Answer:
        """List organizations with a key that does not exist."""
        wrong = self.client.settings._replace(api_key="NoSuchKey", api_secret="NoSuchSecret")
        try:
            self._client(wrong).call("observe a wrong key", "GET", "/v1/organizations")
        except ApiError as error:
            if error.status is None:
                raise
            return Answer(error.status, error.reason, None)
        return Answer(200, "", None)

    def _client(self, settings: Settings) -> Client:
        client = Client(settings, self.transport.clock)
        client._session.mount(settings.api_url, self.transport)
        return client

    def _lag(self, invitation_id: str, *, listed: bool) -> float | None:
        """Seconds from the first list to the one that shows a write, None if none does."""
        first = None
        while True:
            is_listed = any(invitation.id == invitation_id.lower() for invitation in self.api.invitations())
            sent = self.transport.sent[-1]
            first = sent if first is None else first
            waited = sent - first
            if is_listed == listed:
                return round(waited, 1)
            if waited > MAX_LAG:
                return None
            self.transport.clock.sleep(POLL_INTERVAL)


def observe(organization: Organization, members: list[Member]) -> Iterator[Behaviour]:
    """Observe every behaviour. It takes up to five emails, and about 40 requests."""
    email = organization.transport.email
    yield Behaviour("view_key_reads", organization.readable())
    yield from activities(organization, members)
    bodies = {
        "assignedRoleIds": [least_powerful(organization.api.roles()).id],
        "role": HARMLESS_LEGACY_ROLE,
    }
    answers = {}
    for field, value in bodies.items():
        answers[field] = organization.invite_and_wait(email, {field: value})
        organization.revoke_and_wait(answers[field])
        yield answers[field].behaviour(f"POST with {field}")
    accepted = [field for field, answer in answers.items() if answer.result]
    if not accepted:
        raise CannotObserve(f"ClickHouse Cloud rejected every invitation: {answers['role'].words}.")
    yield Behaviour("organization_era", era(answers, members))
    if answers["assignedRoleIds"].result:
        yield from invitation_without_roles(organization)
    yield from life_of_an_invitation(organization, {accepted[0]: bodies[accepted[0]]})
    yield organization.call("GET", f"invitations/{uuid.uuid4()}").behaviour("absent_status")
    yield organization.call("GET", "invitations/not-a-uuid").behaviour("malformed_id_status")
    yield organization.call("GET", f"invitations/{uuid.UUID(int=0)}").behaviour("GET of the nil UUID")
    yield organization.status_without_access().behaviour("wrong key")
    lags = organization.lags
    yield Behaviour("read_lag", None if None in lags else max(filter(None, lags), default=0.0))
    yield from envelopes(organization.transport.exchanges)


def least_powerful(roles: list[Role]) -> Role:
    """The least powerful role that exists."""
    by_name = {role.name: role for role in reversed(roles) if role.type == "system"}
    for name in HARMLESS_ROLES:
        if name in by_name:
            return by_name[name]
    raise CannotObserve(f"The organization has none of the roles {', '.join(HARMLESS_ROLES)}, so nobody is invited.")


def era(answers: dict[str, Answer], members: list[Member]) -> str | None:
    """Which roles the organization takes.

    The legacy role of an invitation without power is ``developer``, frozen or not: that of an administrator tells.
    """
    if not answers["assignedRoleIds"].result:
        return "legacy"
    if not answers["role"].result:
        return "migrated_rejects"
    admins = [m for m in members if any(r.name == "Admin" and r.type == "system" for r in m.assigned_roles or ())]
    if not admins:
        return None
    return "custom_roles_available" if any(m.role == "admin" for m in admins) else "migrated_frozen"


def activities(organization: Organization, members: list[Member]) -> Iterator[Behaviour]:
    """Whether activities name members by their ``userId``, and how many days they go back. Only counts are told."""
    answer = organization.call("GET", "activities")
    listed = answer.result if isinstance(answer.result, list) else []
    records = [record for record in listed if isinstance(record, dict)]
    ids = {member.user_id for member in members}
    by_members = sum(record.get("actorId") in ids for record in records)
    actor = None if not records or not ids else "user_id" if by_members else "other"
    counts = f"{by_members} of {len(records)} by the userId of a member" if answer.status < 300 else answer.words
    yield Behaviour("activity_actor", actor, counts)
    times = list(filter(None, (parse_timestamp(str(record.get("createdAt"))) for record in records)))
    ages = [round((organization.client.now() - moment) / timedelta(days=1)) for moment in times]
    yield Behaviour("activities_days", max(ages, default=None))


def invitation_without_roles(organization: Organization) -> Iterator[Behaviour]:
    """Invite the person without roles, and see how the list shows that."""
    answer = organization.invite_and_wait(organization.transport.email, {"assignedRoleIds": []})
    yield Behaviour("invitation_without_roles", "accept" if answer.result else "reject", answer.words)
    record = organization.listed(answer.result["id"]) if answer.result else None
    if record:
        shown = record.get("assignedRoles", "missing")
        forms = {"[]": "empty", "None": "null", "missing": "missing"}
        yield Behaviour("no_roles", forms.get(str(shown), "other"))
    organization.revoke_and_wait(answer)


def life_of_an_invitation(organization: Organization, roles: dict[str, Any]) -> Iterator[Behaviour]:
    """Invite the person in upper case, a second time, and revoke it."""
    lower = organization.transport.email
    email = lower.upper()
    first = organization.invite_and_wait(email, roles)
    if first.result:
        shown = str(first.result.get("email"))
        yield Behaviour("email_case", {email: "as_sent", lower: "lower"}.get(shown, "other"))
    else:
        yield Behaviour("email_case", f"rejected, {first.status}", first.words)
        email = lower
        first = organization.invite_and_wait(email, roles)
    if not first.result:
        raise CannotObserve(f"ClickHouse Cloud rejected an invitation like one before: {first.words}.")
    record = first.result
    yield from timestamps(record)
    path = f"invitations/{record['id']}"
    yield organization.call("GET", path).behaviour("GET of an invitation")
    second = organization.invite(email, roles)
    yield Behaviour("second_invitation", "allow" if second.result else "reject", second.words)
    yield Behaviour("second_invitation_status", None if second.result else second.status)
    organization.revoke_and_wait(second)
    organization.revoke_and_wait(first)
    yield organization.call("GET", path).behaviour("GET of a deleted invitation")
    yield organization.call("DELETE", path).behaviour("delete_again_status")


def timestamps(record: dict[str, Any]) -> Iterator[Behaviour]:
    """How an invitation's times are written, and its lifetime."""
    texts = [record[name] for name in ("createdAt", "expireAt") if record.get(name) is not None]
    times = [parse_timestamp(str(text)) for text in texts]
    forms = [name for name, form in TIMESTAMPS.items() if all(re.fullmatch(form, str(text)) for text in texts)]
    readable = forms[0] if forms else "other"
    yield Behaviour("timestamps", "missing" if not texts else readable if all(times) else "garbage")
    known = [time for time in times if time]
    yield Behaviour("invitation_lifetime", round((known[1] - known[0]).total_seconds()) if len(known) == 2 else None)


def envelopes(exchanges: list[Exchange]) -> Iterator[Behaviour]:
    """What all responses have in common, whatever was called."""
    odd = [exchange for exchange in exchanges if not has_envelope(exchange)]
    calls = sorted({f"{exchange.method} {exchange.path} {exchange.status}" for exchange in odd})
    yield Behaviour("envelope", "not always" if odd else "always", ", ".join(calls))
    ids = Counter("requestId" in each.body for each in exchanges if each.status >= 300 and each not in odd)
    sent = "not always" if len(ids) > 1 else "sent" if ids[True] else "missing" if ids else None
    yield Behaviour("error_request_id", sent, f"{ids[True]} of {ids.total()} errors have one")
    dates = [exchange.headers["Date"] for exchange in exchanges if "Date" in exchange.headers]
    yield Behaviour("date_header", "missing" if not dates else "sent" if all(map(http_date, dates)) else "garbage")
    headers = [exchange.headers for exchange in exchanges if exchange.status == 429]
    limits = {
        f"{name}: {text}" for each in headers for name, text in each.items() if name.lower().startswith(RATE_LIMIT)
    }
    yield Behaviour("rate limit", "met" if headers else None, ", ".join(sorted(limits)))


def is_invitation(record: object) -> bool:
    """Whether a record can be an invitation."""
    return isinstance(record, dict) and is_uuid(record.get("id"))


def has_envelope(exchange: Exchange) -> bool:
    """Whether a response has its form: the HTTP status, a request ID (errors may lack it), and a result or an error."""
    body, success = exchange.body, exchange.status < 300
    if not isinstance(body, dict) or body.get("status") != exchange.status:
        return False
    if not is_uuid(body.get("requestId")) and (success or "requestId" in body):
        return False
    needs_result = success and exchange.method != "DELETE"
    return isinstance(body.get("error"), str) != success and ("result" in body) == needs_result
