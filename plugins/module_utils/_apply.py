# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: the reconcile loop. Decide, write, re-read, until every outcome is certain.

Only this file writes, and it decides nothing: ``_decide`` tells from the ledger and the last re-read what is certain,
what is due and what to read. One re-read serves everybody who waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ._decide import decide
from ._errors import ApiError
from ._ledger import Attempt, Reading
from ._plan import Invite, Revoke, Update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._api import Deletion, Desired, Invitation, Member, Role
    from ._client import Client
    from ._decide import Decision
    from ._ledger import Ledger
    from ._plan import Change, Outcome, Plan

# Seconds to wait before each re-read after the last write: at once, then after 2, 4, 7, 12, 20 and 30 s.
PAUSES = (0.0, 2.0, 2.0, 3.0, 5.0, 8.0, 10.0)


class OrganizationApi(Protocol):
    """What reconciling needs of the API of an organization. Each call raises ApiError on failure."""

    client: Client

    def invitations(self) -> list[Invitation]:
        """List the invitations."""

    def members(self) -> list[Member]:
        """List the members."""

    def members_if_allowed(self) -> list[Member] | None:
        """List the members; None if the key may not."""

    def roles(self) -> list[Role]:
        """List the roles."""

    def invitation(self, invitation_id: str) -> Invitation | None:
        """Get an invitation; None if there is none."""

    def create_invitation(self, desired: Desired) -> Invitation:
        """Invite a person, which sends an email."""

    def delete_invitation(self, invitation: Invitation) -> Deletion:
        """Revoke an invitation."""

    def update_member(self, member: Member, desired: Desired) -> Member:
        """Replace a member's roles."""

    def remove_member(self, member: Member) -> Deletion:
        """Remove a member."""


def apply(api: OrganizationApi, plan: Plan) -> list[Outcome]:
    """Apply a plan, and return what became of each person's part of it, in the plan's order."""
    ledger: Ledger = {}
    outcomes: Mapping[str, Outcome] = {}
    reading = None
    pauses = iter(PAUSES)
    while True:
        decision = decide(plan, ledger, outcomes, reading, api.client.now(), api.client.settings.retry_timeout)
        outcomes = decision.outcomes
        if decision.due:
            _write(api, decision, ledger)
            pauses = iter(PAUSES)
        elif decision.reads:
            reading = _read(api, plan, decision, next(pauses, PAUSES[-1]))
        else:
            return [outcomes[person.email] for person in plan.people]


def _write(api: OrganizationApi, decision: Decision, ledger: Ledger) -> None:
    """Attempt the changes that are due, in order, up to one that does not succeed."""
    for email, change in decision.due:
        attempts = ledger.setdefault(email, [])
        api.client.retries += any(isinstance(change, Invite) and isinstance(each.change, Invite) for each in attempts)
        attempt = _attempt(api, change)
        attempts.append(attempt)
        if not attempt.as_planned(api.client.now()):
            return


def _attempt(api: OrganizationApi, change: Change) -> Attempt:
    """Make one change, and record what came of it."""
    result: Invitation | Member | Deletion | ApiError
    try:
        result = _call(api, change)
    except ApiError as error:
        result = error
    return Attempt(change, api.client.clock.monotonic(), result)


def _call(api: OrganizationApi, change: Change) -> Invitation | Member | Deletion:
    """The request that makes a change."""
    if isinstance(change, Invite):
        return api.create_invitation(change.desired)
    if isinstance(change, Revoke):
        return api.delete_invitation(change.invitation)
    if isinstance(change, Update):
        return api.update_member(change.member, change.desired)
    return api.remove_member(change.member)


def _read(api: OrganizationApi, plan: Plan, decision: Decision, pause: float) -> Reading:
    """Wait, then read the lists again that people wait for. A failure to read is final."""
    if decision.unreachable:
        return Reading(api.client.clock.monotonic(), api.client.now(), error=decision.unreachable)
    if pause:
        api.client.sleep(pause)
    at = api.client.clock.monotonic()
    try:
        invitations = api.invitations() if "invitations" in decision.reads else []
        list_members = api.members if plan.policy.manage_members else api.members_if_allowed
        members = list_members() if "members" in decision.reads else None
    except ApiError as error:
        return Reading(at, api.client.now(), error=error)
    return Reading(at, api.client.now(), invitations, members or ())
