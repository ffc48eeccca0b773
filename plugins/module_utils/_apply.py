# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: the reconcile loop, phase by phase. Write, re-read for those who wait, verify.

Only this file writes. What comes next for a person, ``_decide`` tells. One re-read serves everybody who waits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._case import VISIBLE, Attempt, Case, Reading
from ._changes import Invite, Outcome, Phase, Revoke, Update, predict
from ._decide import Due, decide, not_attempted, remains_admin
from ._errors import ApiError
from ._roles import Match, match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._api import CloudApi
    from ._changes import Change, PersonPlan, Plan
    from ._decide import Verdict
    from ._records import Deletion, Invitation, Member

# Seconds to wait before each re-read after the last write: at once, then after 2, 4, 7, 12, 20 and 30 s.
PAUSES = (0.0, 2.0, 2.0, 3.0, 5.0, 8.0, 10.0)

# So many writes without a response look like an API that is down: nobody new begins before a re-read.
UNANSWERED_AT_MOST = 1


def apply(api: CloudApi, plan: Plan) -> list[Outcome]:
    """Apply a plan, and return what became of each person's part of it, in the plan's order."""
    run = _Run(api, plan)
    for phase in Phase:
        for person in plan.people:
            if person.changes and person.phase is phase:
                run.begin(person)
        run.wait()
    run.verify()
    return [run.outcomes.get(person.email) or predict(person) for person in plan.people]


class _Run:
    """One run of a plan: each person's attempts, who waits, and the outcomes that are certain."""

    def __init__(self, api: CloudApi, plan: Plan) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._api = api
        self._plan = plan
        self._attempts: dict[str, list[Attempt]] = {}
        self._waiting: dict[str, PersonPlan] = {}
        self._unanswered: dict[str, PersonPlan] = {}
        self._urgent: dict[str, PersonPlan] = {}
        self._systemic: ApiError | None = None
        self._not_restored: ApiError | None = None
        self._reading: Reading | None = None
        self._pauses = iter(PAUSES)

    def begin(self, person: PersonPlan) -> None:
        """Make a person's changes, unless a failure is systemic or nobody would be an administrator.

        Nobody begins while the API may be down, or somebody may be left without an invitation. Once somebody was left
        without one, nobody else gives one up.
        """
        while len(self._unanswered) > UNANSWERED_AT_MOST or self._urgent:
            self._recheck({**self._unanswered, **self._urgent})
        failure = self._systemic or (self._not_restored if person.gives_up_an_invitation else None)
        if failure:
            self.outcomes[person.email] = not_attempted(person, failure)
        elif person.takes_admin and not self._an_admin_remains():
            self.outcomes[person.email] = remains_admin(person)
        else:
            self._follow(person, Due(person.changes))

    def wait(self) -> None:
        """Recheck everybody who waits, until nobody does."""
        while self._waiting:
            self._recheck(self._waiting)

    def verify(self) -> None:
        """Check that updated members are shown with their new roles, after the last write."""
        updates = {
            email: attempt
            for email, attempts in self._attempts.items()
            for attempt in attempts
            if isinstance(attempt.change, Update) and self.outcomes[email].action == "updated"
        }
        while updates:
            updates = {email: attempt for email, attempt in updates.items() if not self._verify(email, attempt)}
            if updates:
                self._reading = self._re_read({"members"})

    def _recheck(self, people: Mapping[str, PersonPlan]) -> None:
        """Re-read what tells of these people, and make the changes that are then due."""
        self._reading = self._re_read({name for person in people.values() for name in self._case(person).lists})
        for person in list(people.values()):
            self._follow(person, decide(self._case(person)))

    def _follow(self, person: PersonPlan, verdict: Verdict) -> None:
        """Make the changes that are due for a person, verdict by verdict, up to the outcome or a wait."""
        while isinstance(verdict, Due):
            self._write(person, verdict.changes)
            verdict = decide(self._case(person))
        for people in (self._waiting, self._unanswered, self._urgent):
            people.pop(person.email, None)
        if isinstance(verdict, Outcome):
            self._conclude(verdict)
            return
        case = self._case(person)
        self._waiting[person.email] = person
        if case.urgent:
            self._urgent[person.email] = person
        if case.unanswered:
            self._unanswered[person.email] = person

    def _conclude(self, outcome: Outcome) -> None:
        """Keep an outcome. A failure is systemic unless the API itself said it about this one person."""
        self.outcomes[outcome.plan.email] = outcome
        last = self._attempts[outcome.plan.email][-1]
        if isinstance(last.change, Invite) and last.change.restores and last.error:
            self._not_restored = outcome.error
        if outcome.error and outcome.error.method and not outcome.error.rejected:
            self._systemic = outcome.error

    def _write(self, person: PersonPlan, changes: Sequence[Change]) -> None:
        """Attempt changes in order, up to one that does not succeed."""
        attempts = self._attempts.setdefault(person.email, [])
        self._pauses = iter(PAUSES)
        for change in changes:
            is_resent = isinstance(change, Invite) and any(isinstance(each.change, Invite) for each in attempts)
            self._api.client.retries += is_resent
            attempts.append(_attempt(self._api, change))
            if not attempts[-1].as_planned:
                return

    def _re_read(self, lists: set[str]) -> Reading:
        """Wait, then read lists again. A failure to read is final."""
        client = self._api.client
        pause = next(self._pauses, PAUSES[-1])
        if pause:
            client.sleep(pause)
        at = client.clock.monotonic()
        try:
            invitations = self._api.invitations() if "invitations" in lists else []
            list_members = self._api.members if self._plan.policy.manage_members else self._api.members_if_allowed
            members = list_members() if "members" in lists else None
        except ApiError as error:
            return Reading(at, client.now(), error=error)
        return Reading(at, client.now(), invitations, members or ())

    def _verify(self, email: str, attempt: Attempt) -> bool:
        """Whether it is certain by now that a member has the new roles, or too late to tell."""
        reading = self._reading
        if reading is None or reading.at < attempt.at or not isinstance(attempt.change, Update):
            return False
        outcome, desired = self.outcomes[email], attempt.change.desired
        member = reading.accounts.get(attempt.change.member.user_id)
        # An API that shows no assigned roles cannot show the new ones.
        if member and (match(desired, member) is Match.YES or member.assigned_roles is None):
            self.outcomes[email] = replace(outcome, member=member)
        elif reading.at - attempt.at >= VISIBLE or reading.error:
            warning = f"The API accepted the new roles of {email}, but they could not be verified: check later."
            self.outcomes[email] = replace(outcome, warnings=(*outcome.warnings, warning))
        else:
            return False
        return True

    def _case(self, person: PersonPlan) -> Case:
        client, manage_members = self._api.client, self._plan.policy.manage_members
        attempts = self._attempts[person.email]
        return Case(person, attempts, self._reading, client.now(), manage_members, client.settings.retry_timeout)

    def _an_admin_remains(self) -> bool:
        """Whether there is an administrator who stays, or who was made one."""
        if self._plan.admins - {person.email for person in self._plan.people if person.takes_admin}:
            return True
        made = (self.outcomes.get(person.email) for person in self._plan.people if person.makes_admin)
        return any(outcome is not None and outcome.error is None for outcome in made)


def _attempt(api: CloudApi, change: Change) -> Attempt:
    """Make one change, and record what came of it."""
    result: Invitation | Member | Deletion | ApiError
    try:
        result = _call(api, change)
    except ApiError as error:
        result = error
    return Attempt(change, api.client.clock.monotonic(), result)


def _call(api: CloudApi, change: Change) -> Invitation | Member | Deletion:
    """The request that makes a change."""
    if isinstance(change, Invite):
        return api.create_invitation(change.desired)
    if isinstance(change, Revoke):
        return api.delete_invitation(change.invitation)
    if isinstance(change, Update):
        return api.update_member(change.member, change.desired)
    return api.remove_member(change.member)
