# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: one person's attempts and the last re-read to an outcome, changes that are due, or a wait.

Pure: no I/O, no clock. A person whose outcome is uncertain waits for a re-read of the organization:

=========================== =============== ===========================================================================
the last attempt            is waited for   and if the re-read shows nothing of it
=========================== =============== ===========================================================================
invite, ambiguous           ``AMBIGUOUS``   resend if the failure is transient and there is time, else fail: not known
invite, rejected            ``REJECTED``    fail; if a live invitation was revoked for it, try again, then restore it
delete, ambiguous           ``AMBIGUOUS``   it is gone, by this run
delete, rejected            ``REJECTED``    it is gone, by somebody else
revoke, already gone        ``AMBIGUOUS``   go on; the list was stale and may lack another invitation
update, ambiguous           ``AMBIGUOUS``   fail: not known
update, rejected            ``REJECTED``    fail
any, 403 or another failure not at all      fail
=========================== =============== ===========================================================================

The roles of an invitation or a member that the re-read shows tell whose it is: a match is this run's, another one is
somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Union, cast

from ._case import AMBIGUOUS, REJECTED
from ._changes import Invite, Outcome, Remove, Revoke, Update
from ._errors import ApiError
from ._plan import member_warnings
from ._records import Deletion, Desired, Invitation, latest, live_only
from ._roles import Match, describe, match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._case import Attempt, Case, Reading
    from ._changes import Change, PersonPlan


@dataclass(frozen=True)
class Due:
    """These changes are to be made now, in order."""

    changes: Sequence[Change]


@dataclass(frozen=True)
class Wait:
    """The person waits for a re-read."""


Verdict = Union[Outcome, Due, Wait]


def decide(case: Case) -> Verdict:
    """What comes next for a person with at least one attempt."""
    if case.plan.desired is None:
        return _decide_absent(case)
    if isinstance(case.last.change, Update) or not case.plan.invites:
        return _decide_current(case)
    return _decide_revoked(case) if isinstance(case.last.change, Revoke) else _decide_invited(case)


def not_attempted(person: PersonPlan, reason: ApiError) -> Outcome:
    """The outcome for a person whose changes do not begin, because of an earlier failure."""
    sentence = f"{person.email} was not attempted after an earlier failure"
    error = replace(reason, sentence=sentence, reason=f"not attempted after: {reason.reason}")
    return Outcome(person, "failed", False, person.invitation, person.member, error, person.warnings)


def remains_admin(person: PersonPlan) -> Outcome:
    """The outcome for an administrator who is kept, because nobody else became one."""
    sentence = f"{person.email} remains an administrator because no replacement could be promoted"
    error = ApiError(sentence, "the last administrator")
    return Outcome(person, "failed", False, person.invitation, person.member, error, person.warnings)


def _decide_each(case: Case, attempts: Sequence[Attempt], pending: Sequence[Change], unknown: str) -> Verdict | None:
    """After deletions and updates that do not depend on each other; None if all of them succeeded."""
    if pending and (case.last.error is None or case.last.error.rejected):
        return Due(pending)
    results = list(map(case.result, attempts))
    errors = (result for attempt, result in zip(attempts, results) if not case.is_harmless(attempt))
    error = next((result for result in errors if isinstance(result, ApiError)), None)
    if None in results:
        return Wait()
    if error:
        return _failed(case, error, unknown if error.ambiguous else None)
    return Due(pending) if pending else None


def _decide_absent(case: Case) -> Verdict:
    """After deletions for a person who is to have no access."""
    verdict = _decide_each(case, case.attempts, case.pending, _still_has_access(case))
    if verdict:
        return verdict
    # The last of them: a re-read from before a later revocation proves nothing.
    for attempt in reversed(case.attempts):
        if isinstance(attempt.change, Revoke) and case.result(attempt) is not Deletion.DELETED and not case.plan.by_id:
            return _decide_successor(case, attempt)
    return _without_access(case)


def _decide_current(case: Case) -> Verdict:
    """After updating a member, who was one before or joined meanwhile, and revoking invitations beside what is kept."""
    attempts, pending = ([case.last], ()) if case.plan.invites else (case.attempts, case.pending)
    unknown = f"it is unknown whether the roles of {case.plan.email} were changed; rerun the task, which checks first"
    verdict = _decide_each(case, attempts, pending, unknown)
    if verdict:
        return verdict
    member = case.member
    action = "unchanged" if not case.changed else "updated" if member else case.plan.action
    kept = None if member else case.plan.live
    return Outcome(case.plan, action, case.changed, kept, member, warnings=case.plan.warnings)


def _decide_successor(case: Case, gone: Attempt) -> Verdict:
    """After an invitation was gone already: accepted, or the list was stale and may lack another one."""
    reading = case.reading_since(gone)
    if reading is None:
        return Wait()
    invitation, member = case.shown_invitation(reading), case.shown_member(reading)
    if invitation:
        return Due([Revoke(invitation)])
    if member and case.manage_members and not any(isinstance(each.change, Remove) for each in case.attempts):
        return Due([Remove(member)])
    if not case.is_conclusive(gone, AMBIGUOUS):
        return Wait()
    return _failed(case, reading.error, _still_has_access(case)) if reading.error else _without_access(case)


def _without_access(case: Case) -> Outcome:
    """The outcome for a person who has no access any longer."""
    action = "removed" if case.removed else "deleted" if case.revoked else "absent"
    left = [attempt.error.reason for attempt in case.attempts if attempt.error and case.is_harmless(attempt)]
    warnings = [f"An expired invitation of {case.plan.email} could not be revoked: {reason}." for reason in left]
    return Outcome(
        case.plan, action, case.changed, latest(case.revoked), case.removed, warnings=(*case.plan.warnings, *warnings)
    )


def _decide_revoked(case: Case) -> Verdict:
    """After revoking an invitation for a new one. An expired invitation that cannot be revoked blocks nobody."""
    last, reading = case.last, case.reading_since(case.last)
    result = case.result(last)
    if isinstance(result, ApiError):
        if result.rejected and cast("Revoke", last.change).invitation.expired(case.now):
            return Due(case.pending)
        return _failed(case, result, _still_has_access(case) if result.ambiguous else None)
    if result is Deletion.DELETED:
        return Due(case.pending)
    found = _found(case, reading) if reading and result else None
    if found:
        return found
    if not case.is_conclusive(last, AMBIGUOUS):
        return Wait()
    return _failed(case, reading.error, _was_revoked(case)) if reading and reading.error else Due(case.pending)


def _decide_invited(case: Case) -> Verdict:
    """After inviting."""
    last, reading, error = case.last, case.reading_since(case.last), case.last.error
    if error is None:
        return _with_invitation(case, cast("Invitation", last.result))
    found = _found(case, reading) if reading else None
    if found:
        return found
    is_first_rejection = last.refutable and len(case.sent) == 1
    wait = AMBIGUOUS if case.may_be_invited else REJECTED if is_first_rejection else 0
    if wait and not case.is_conclusive(last, wait):
        return Wait()
    return _not_invited(case, error) if not case.may_be_invited else _unknown(case, error)


def _found(case: Case, reading: Reading) -> Verdict | None:
    """What the re-read shows of a person whom this run may have invited; None if it shows nothing."""
    invitation, member = case.shown_invitation(reading), case.shown_member(reading)
    if invitation:
        return _with_invitation(case, invitation)
    if member is None:
        return None
    if not case.manage_members:
        warnings = case.plan.warnings + member_warnings(case.desired, member)
        return Outcome(case.plan, "member", case.changed, member=member, warnings=warnings)
    # Who joined with one of two invitations has the other one still.
    revoke = list(map(Revoke, live_only(case.remaining, case.now)))
    if match(case.desired, member) is Match.YES and not revoke:
        return Outcome(case.plan, "unchanged", case.changed, member=member, warnings=case.plan.warnings)
    return Due([*revoke, Update(member, case.desired)])


def _with_invitation(case: Case, invitation: Invitation) -> Outcome:
    """The outcome for a person who has this invitation now."""
    plan, matched = case.plan, match(case.desired, invitation)
    error = None
    if matched is not Match.YES and case.restoring:
        error = _rejection(case).noting(f"{_earlier(case)} was restored, which sent another email")
    elif matched is Match.NO and case.last.error and not case.may_be_invited:
        theirs = f"{plan.email} has an invitation with other roles ({describe(invitation)})"
        error = case.last.error.noting(f"{theirs}, which somebody else sent at the same time")
    elif matched is Match.NO:
        error = _other_roles(case.desired, invitation)
    action = "failed" if error else plan.action if case.changed else "unchanged"
    return Outcome(plan, action, case.changed, invitation, error=error, warnings=plan.warnings)


def _unknown(case: Case, error: ApiError) -> Verdict:
    """After an ambiguous attempt that no re-read shows: send it again, or say that nobody knows."""
    reading = case.reading_since(case.last)
    in_time = case.last.at - case.sent[0].at <= case.retry_timeout
    if error.ambiguous and error.transient and in_time and reading and not reading.error:
        return Due([case.last.change])
    if case.restoring:
        return _failed(case, _rejection(case), f"{_was_revoked(case)}, and it is unknown whether it was restored")
    failure = reading.error if reading and reading.error else error
    unknown = f"it is unknown whether {case.plan.email} was invited; rerun the task, which checks first"
    return _failed(case, replace(failure, ambiguous=True), unknown, _was_revoked(case))


def _not_invited(case: Case, error: ApiError) -> Verdict:
    """After an invitation that was certainly not sent: try again and restore the one revoked for it, or fail."""
    before = case.given_up
    if before is None:
        return _failed(case, error)
    if case.last.refutable and len(case.sent) == 1:
        # The API may have checked against the revoked invitation: its checks can be as stale as its lists.
        return Due([Invite(case.desired)])
    if case.restoring:
        lost = f"{case.plan.email} has no invitation now: {_was_revoked(case)} and could not be restored"
        return _failed(case, _rejection(case), lost)
    by_role = match(Desired(before.email, before.role), before) is Match.YES
    restored = Desired(before.email, before.role if by_role else None, before.assigned_roles)
    return Due([Invite(restored, restores=True)])


def _failed(case: Case, error: ApiError, *clauses: str | None) -> Outcome:
    """The outcome for a person who is not as desired, with what the person still has."""
    desired = case.plan.desired
    by_role = desired is not None and desired.role is not None and not desired.assigned_roles
    if by_role and error.rejected and "custom role" in error.reason.lower():
        clauses += ("this organization has migrated to custom roles: use roles instead of role, role_info lists them",)
    error = error.noting(*clauses)
    return Outcome(case.plan, "failed", case.changed, latest(case.remaining), case.member, error, case.plan.warnings)


def _rejection(case: Case) -> ApiError:
    """The failure to report: the last one of the desired invitation, not that of restoring the earlier one."""
    return next(
        attempt.error
        for attempt in reversed(case.sent)
        if attempt.error and isinstance(attempt.change, Invite) and not attempt.change.restores
    )


def _earlier(case: Case) -> str:
    """The words for the live invitation that was revoked."""
    roles = describe(case.given_up) if case.given_up else "none"
    return f"the earlier invitation of {case.plan.email}, with {roles},"


def _was_revoked(case: Case) -> str | None:
    return f"{_earlier(case)} was revoked" if case.given_up else None


def _still_has_access(case: Case) -> str:
    return f"it is unknown whether {case.plan.email} still has access; rerun the task, which checks first"


def _other_roles(desired: Desired, invitation: Invitation) -> ApiError:
    """The error for an invitation that the API, or somebody else at the same time, gave other roles than desired."""
    sentence = (
        f"{desired.email} was invited with other roles ({describe(invitation)}) than desired ({describe(desired)});"
        " revoke the invitation if these roles grant too much, and use the organization's names of roles"
    )
    return ApiError(sentence, "invited with other roles")
