# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: what was attempted for each person, and what a re-read proves of it. Pure.

A response may be lost and a list may be stale, so a write is certain only once a re-read agrees. ``REJECTED``,
``AMBIGUOUS`` and ``VISIBLE`` are the seconds after a write for which re-reads can still be stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ._api import Deletion, Invitation, Member
from ._errors import ApiError
from ._plan import Invite, Remove, Revoke, Update, latest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ._api import Desired
    from ._plan import Change, PersonPlan

# ClickHouse's own tests find an invitation with the next request after it was sent, so two seconds are generous.
REJECTED = 2.0
AMBIGUOUS = 6.5
# ClickHouse's own tests wait as long for a member's new roles to show.
VISIBLE = 30.0


@dataclass(frozen=True)
class Attempt:
    """One change that was attempted at ``at`` seconds, and its result: a record, a deletion or an error."""

    change: Change
    at: float
    result: Invitation | Member | Deletion | ApiError

    @property
    def error(self) -> ApiError | None:
        """The failure, None if there was none."""
        return self.result if isinstance(self.result, ApiError) else None

    @property
    def ambiguous(self) -> bool:
        """Whether it failed, and may have taken effect all the same."""
        return self.error is not None and (self.error.ambiguous or self.error.earlier_try_ambiguous)

    @property
    def about_the_person(self) -> bool:
        """Whether the failure is one person's: a rejection, or 403 for a member, as for the last administrator."""
        error = self.error
        forbidden = error is not None and error.status == 403 and isinstance(self.change, (Update, Remove))
        return forbidden or (error is not None and error.rejected)

    def as_planned(self, now: datetime) -> bool:
        """Whether the next change may follow without another decision."""
        if isinstance(self.result, Invitation):
            return not self.result.expired(now)
        return self.result is Deletion.DELETED or isinstance(self.result, Member)


# The attempts for each person by email, in the order in which the people's changes began.
Ledger = dict[str, list[Attempt]]


@dataclass(frozen=True)
class Reading:
    """The organization as re-read at ``at`` seconds, or why it could not be read. ``now`` is the API's time."""

    at: float
    now: datetime
    invitations: Sequence[Invitation] = ()
    members: Sequence[Member] = ()
    error: ApiError | None = None

    def shows(self, change: Change) -> bool:
        """Whether what the change deletes is still there."""
        if isinstance(change, Revoke):
            return any(each.id == change.invitation.id for each in self.invitations)
        return isinstance(change, Remove) and any(each.user_id == change.member.user_id for each in self.members)


@dataclass(frozen=True)
class Case:
    """One person: the plan, the attempts so far, at least one, and the last re-read."""

    plan: PersonPlan
    attempts: Sequence[Attempt]
    reading: Reading | None
    now: datetime
    manage_members: bool = False
    retry_timeout: float = 0.0

    @property
    def desired(self) -> Desired:
        """The desired roles of a person who is to have access."""
        return cast("Desired", self.plan.desired)

    @property
    def last(self) -> Attempt:
        """The last attempt."""
        return self.attempts[-1]

    @property
    def pending(self) -> Sequence[Change]:
        """The planned changes that were not attempted yet."""
        return self.plan.changes[len(self.attempts) :]

    @property
    def sent(self) -> list[Attempt]:
        """The attempts to invite the person."""
        return [attempt for attempt in self.attempts if isinstance(attempt.change, Invite)]

    @property
    def restoring(self) -> bool:
        """Whether the last attempt was to restore the earlier invitation."""
        return isinstance(self.last.change, Invite) and self.last.change.restores

    @property
    def ambiguous(self) -> bool:
        """Whether an invitation may have been sent that is not known."""
        return any(attempt.ambiguous for attempt in self.sent)

    @property
    def revoked(self) -> list[Invitation]:
        """The invitations that this run revoked, or may have revoked."""
        return [each.change.invitation for each in self._deletions() if isinstance(each.change, Revoke)]

    @property
    def removed(self) -> Member | None:
        """The member whom this run removed, or may have removed."""
        return next((each.change.member for each in self._deletions() if isinstance(each.change, Remove)), None)

    @property
    def remaining(self) -> list[Invitation]:
        """The invitations to be revoked that are still there."""
        gone = self._gone()
        changes = dict.fromkeys((*self.plan.changes, *(attempt.change for attempt in self.attempts)))
        return [change.invitation for change in changes if isinstance(change, Revoke) and change not in gone]

    @property
    def member(self) -> Member | None:
        """The member, unless this run removed them. Of two accounts, one that is still there."""
        gone = self._gone()
        removals = [change for change in self.plan.changes if isinstance(change, Remove)]
        left = (change.member for change in removals if change not in gone)
        return next(left, None) if removals else self.plan.member

    @property
    def changed(self) -> bool:
        """Whether this run changed anything for the person, or may have."""
        return any(map(self._may_have_taken_effect, self.attempts))

    @property
    def given_up(self) -> Invitation | None:
        """The live invitation that was revoked for the new one."""
        return self.plan.live if self.plan.desired and self.plan.live in self.revoked else None

    @property
    def urgent(self) -> bool:
        """Whether the person may be left without an invitation. Until that is certain, nobody new begins."""
        return self.given_up is not None and self.last.error is not None

    def reading_since(self, attempt: Attempt) -> Reading | None:
        """The last re-read, if it was made after the attempt."""
        return self.reading if self.reading and self.reading.at >= attempt.at else None

    def is_conclusive(self, attempt: Attempt, seconds: float) -> bool:
        """Whether no later re-read would say more of an attempt than the last one. A re-read that failed is final."""
        reading = self.reading_since(attempt)
        return reading is not None and (reading.error is not None or reading.at - attempt.at >= seconds)

    def deletion(self, attempt: Attempt) -> Deletion | ApiError | None:
        """What came of a deletion; None while a re-read has to tell, or for another change."""
        error, reading = attempt.error, self.reading_since(attempt)
        if not isinstance(attempt.change, (Revoke, Remove)):
            return None
        if error is None:
            return cast("Deletion", attempt.result)
        if error.ambiguous and attempt is not self.last:
            # Another change followed, so a re-read had shown that it is gone.
            return Deletion.UNCLEAR
        if not (error.rejected or attempt.ambiguous) or (reading and reading.error):
            return error
        proven = self.is_conclusive(attempt, AMBIGUOUS if attempt.ambiguous else REJECTED)
        if reading and reading.shows(attempt.change) and (proven or not attempt.ambiguous):
            return error
        gone = Deletion.UNCLEAR if attempt.ambiguous else Deletion.ALREADY_GONE
        return gone if proven else None

    def shown_invitation(self, reading: Reading) -> Invitation | None:
        """A live invitation that the re-read shows, other than those revoked, which a stale read may still show."""
        changes = (*self.plan.changes, *(attempt.change for attempt in self.attempts))
        revoked = {change.invitation.id for change in changes if isinstance(change, Revoke)}
        theirs = (each for each in reading.invitations if each.email == self.plan.email and each.id not in revoked)
        return latest(each for each in theirs if not each.expired(reading.now))

    def shown_member(self, reading: Reading) -> Member | None:
        """The member that the re-read shows."""
        return next((member for member in reading.members if member.email == self.plan.email), None)

    def _may_have_taken_effect(self, attempt: Attempt) -> bool:
        """Whether an attempt succeeded, or was ambiguous and no re-read shows that it did not delete anything."""
        reading = self.reading_since(attempt)
        if attempt.error is None:
            return attempt.result is not Deletion.ALREADY_GONE
        return attempt.ambiguous and not (reading and reading.shows(attempt.change))

    def _gone(self) -> list[Change]:
        """The deletions after which the record is gone, by whomever."""
        return [attempt.change for attempt in self.attempts if isinstance(self.deletion(attempt), Deletion)]

    def _deletions(self) -> list[Attempt]:
        done = (Deletion.DELETED, Deletion.UNCLEAR)
        return [attempt for attempt in self.attempts if self.deletion(attempt) in done]
