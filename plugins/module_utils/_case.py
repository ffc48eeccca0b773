# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: what was attempted for one person, and what a re-read proves of it. Pure.

A response may be lost and a list may be stale, so a write is certain only once a re-read agrees. ``REJECTED``,
``AMBIGUOUS`` and ``VISIBLE`` are the seconds after a write for which re-reads can still be stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from ._changes import Invite, Remove, Revoke, Update
from ._errors import ApiError
from ._records import Deletion, Invitation, Member, by_email, latest, live_only
from ._roles import Match, match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ._changes import Change, PersonPlan
    from ._records import Desired

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
    def unclear(self) -> bool:
        """Whether it failed, and may have taken effect all the same."""
        return self.error is not None and (self.error.ambiguous or self.error.earlier_try_ambiguous)

    @property
    def refutable(self) -> bool:
        """Whether a re-read can show that the API rejected it because of something that it knew late."""
        return self.error is not None and self.error.rejected and self.error.status != 403

    @property
    def as_planned(self) -> bool:
        """Whether the next change may follow without another decision."""
        return self.result is Deletion.DELETED or isinstance(self.result, (Invitation, Member))


@dataclass(frozen=True)
class Reading:
    """The organization as re-read at ``at`` seconds, or why it could not be read. ``now`` is the API's time."""

    at: float
    now: datetime
    invitations: Sequence[Invitation] = ()
    members: Sequence[Member] = ()
    error: ApiError | None = None

    @cached_property
    def invited(self) -> Mapping[str, Sequence[Invitation]]:
        """Each person's invitations, by email."""
        return by_email(self.invitations)

    @cached_property
    def joined(self) -> Mapping[str, Sequence[Member]]:
        """Each person's accounts, by email."""
        return by_email(self.members)

    @cached_property
    def accounts(self) -> Mapping[str | None, Member]:
        """The members by user ID."""
        return {member.user_id: member for member in self.members}

    def shows(self, change: Change) -> bool:
        """Whether what the change deletes is still there."""
        if isinstance(change, Revoke):
            return any(each.id == change.invitation.id for each in self.invited[change.invitation.email])
        return isinstance(change, Remove) and change.member.user_id in self.accounts


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
    def may_be_invited(self) -> bool:
        """Whether an invitation may have been sent that is not known."""
        return any(attempt.unclear for attempt in self.sent)

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
        return [change.invitation for change in self._changes if isinstance(change, Revoke) and change not in gone]

    @property
    def member(self) -> Member | None:
        """The member, also one who joined meanwhile, unless this run removed them. Of two accounts, one still there.

        After an update, it is the member of the API's answer.
        """
        updated = [result for result in map(self.result, self.attempts) if isinstance(result, Member)]
        if updated:
            return updated[-1]
        gone = self._gone()
        changes = [change for change in self._changes if isinstance(change, (Update, Remove))]
        left = (change.member for change in changes if change not in gone)
        return next(left, None) if changes else self.plan.member

    @property
    def changed(self) -> bool:
        """Whether this run changed anything for the person, or may have."""
        return any(map(self._may_have_taken_effect, self.attempts))

    @property
    def given_up(self) -> Invitation | None:
        """The live invitation that was revoked for the new one."""
        return self.plan.live if self.plan.desired and self.plan.live in self.revoked else None

    @property
    def unanswered(self) -> bool:
        """Whether the last attempt may have taken effect, and nothing was re-read since."""
        return self.last.unclear and self.reading_since(self.last) is None

    @property
    def urgent(self) -> bool:
        """Whether the person may be left without an invitation. Until that is certain, nobody new begins."""
        return self.given_up is not None and self.last.error is not None

    @property
    def lists(self) -> set[str]:
        """The lists that tell what became of the attempts."""
        if all(isinstance(attempt.change, (Update, Remove)) for attempt in self.attempts):
            return {"members"}
        rejected = any(attempt.refutable for attempt in self.sent)
        # An invitation that is gone already was probably accepted.
        accepted = any(attempt.result is Deletion.ALREADY_GONE for attempt in self.attempts)
        members = self.manage_members or (self.plan.desired is not None and (rejected or accepted))
        return {"invitations", "members"} if members else {"invitations"}

    def reading_since(self, attempt: Attempt) -> Reading | None:
        """The last re-read, if it was made after the attempt."""
        return self.reading if self.reading and self.reading.at >= attempt.at else None

    def is_conclusive(self, attempt: Attempt, seconds: float) -> bool:
        """Whether no later re-read would say more of an attempt than the last one. A re-read that failed is final."""
        reading = self.reading_since(attempt)
        return reading is not None and (reading.error is not None or reading.at - attempt.at >= seconds)

    def result(self, attempt: Attempt) -> Deletion | Member | ApiError | None:
        """What came of a deletion or an update; None while a re-read has to tell, or for an invitation."""
        if isinstance(attempt.change, Invite):
            return None
        if not isinstance(attempt.result, ApiError):
            return cast("Deletion | Member", attempt.result)
        if isinstance(attempt.change, Update):
            return self._update(attempt, attempt.change, attempt.result)
        return self._deletion(attempt, attempt.result)

    def is_harmless(self, attempt: Attempt) -> bool:
        """Whether the API only refused to revoke an expired invitation, with which nobody can join."""
        expired = isinstance(attempt.change, Revoke) and attempt.change.invitation.expired(self.now)
        return expired and attempt.refutable and not self.plan.by_id

    def shown_invitation(self, reading: Reading) -> Invitation | None:
        """A live invitation that the re-read shows, other than those revoked, which a stale read may still show."""
        revoked = {change.invitation.id for change in self._changes if isinstance(change, Revoke)}
        theirs = live_only(reading.invited[self.plan.email], reading.now)
        return latest(each for each in theirs if each.id not in revoked)

    def shown_member(self, reading: Reading) -> Member | None:
        """The member that the re-read shows."""
        return next(iter(reading.joined[self.plan.email]), None)

    @property
    def _changes(self) -> Sequence[Change]:
        """The planned changes, and those that were attempted beyond the plan."""
        return list(dict.fromkeys((*self.plan.changes, *(attempt.change for attempt in self.attempts))))

    def _deletion(self, attempt: Attempt, error: ApiError) -> Deletion | ApiError | None:
        """What came of a deletion that failed."""
        if error.ambiguous and attempt is not self.last:
            # Another change followed, so a re-read had shown that it is gone.
            return Deletion.UNCLEAR
        reading = self.reading_since(attempt)
        if not (attempt.refutable or attempt.unclear) or (reading and reading.error):
            return error
        proven = self.is_conclusive(attempt, AMBIGUOUS if attempt.unclear else REJECTED)
        if reading and reading.shows(attempt.change) and (proven or not attempt.unclear):
            return error
        gone = Deletion.UNCLEAR if attempt.unclear else Deletion.ALREADY_GONE
        return gone if proven else None

    def _update(self, attempt: Attempt, change: Update, error: ApiError) -> Member | ApiError | None:
        """What came of an update that failed: the member, if a re-read shows the desired roles."""
        reading = self.reading_since(attempt)
        member = reading.accounts.get(change.member.user_id) if reading else None
        if member and match(change.desired, member) is Match.YES:
            return member
        wait = AMBIGUOUS if error.ambiguous else REJECTED if attempt.refutable else 0
        return error if not wait or self.is_conclusive(attempt, wait) else None

    def _may_have_taken_effect(self, attempt: Attempt) -> bool:
        """Whether an attempt succeeded, or was ambiguous and no re-read shows that it did not delete anything."""
        reading = self.reading_since(attempt)
        if attempt.error is None:
            return attempt.result is not Deletion.ALREADY_GONE
        return attempt.unclear and not (reading and reading.shows(attempt.change))

    def _gone(self) -> list[Change]:
        """The deletions after which the record is gone, by whomever."""
        return [attempt.change for attempt in self.attempts if isinstance(self.result(attempt), Deletion)]

    def _deletions(self) -> list[Attempt]:
        done = (Deletion.DELETED, Deletion.UNCLEAR)
        return [attempt for attempt in self.attempts if self.result(attempt) in done]
