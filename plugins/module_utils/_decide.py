# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: (plan, ledger of attempts, re-read) to outcomes that are certain and changes that are due.

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
update, done                ``VISIBLE``     done, with a warning
any, another failure        not at all      fail
=========================== =============== ===========================================================================

The roles of an invitation or a member that the re-read shows tell whose it is: as desired, or somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Union, cast

from ._api import Deletion, Desired, Invitation, Member
from ._errors import ApiError
from ._ledger import AMBIGUOUS, REJECTED, VISIBLE, Case
from ._plan import Invite, Outcome, Phase, Remove, Revoke, Update, latest, member_warnings, predict
from ._roles import Match, describe, match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ._ledger import Attempt, Ledger, Reading
    from ._plan import Change, PersonPlan, Plan


# An outcome or the changes that are due; none while the person waits.
Verdict = Union[Outcome, "Sequence[Change]"]


@dataclass(frozen=True)
class Decision:
    """What is certain, what is due, and what to read for people who wait.

    ``due`` are changes by email, in order. ``unreachable`` is a failure that a re-read would meet too. Without ``due``
    and ``reads`` everything is done.
    """

    outcomes: Mapping[str, Outcome]
    due: Sequence[tuple[str, Change]] = ()
    reads: frozenset[str] = frozenset()
    unreachable: ApiError | None = None


def decide(
    plan: Plan,
    ledger: Ledger,
    outcomes: Mapping[str, Outcome],
    reading: Reading | None,
    now: datetime,
    retry_timeout: float,
) -> Decision:
    """Add the outcomes that are certain by now, and say what is due and what has to be read.

    ``now`` is the API's time. An invitation is sent again until ``retry_timeout`` seconds after the first time. The
    re-reads may come later, after many other people's changes.
    """
    outcomes = dict(outcomes)
    due: list[tuple[str, Change]] = []
    waiting = []
    people = {person.email: person for person in plan.people}
    for email, attempts in ledger.items():
        if email in outcomes:
            continue
        case = Case(people[email], attempts, reading, now, plan.policy.manage_members, retry_timeout)
        verdict = _decide_person(case)
        if isinstance(verdict, Outcome):
            outcomes[email] = verdict
        else:
            waiting.append(case)
            due += [(email, change) for change in verdict]
    reason = _systemic_failure(ledger, outcomes)
    due += _begin(plan, ledger, outcomes, waiting, reason)
    if due:
        return Decision(outcomes, due)
    reads: frozenset[str] = frozenset().union(*map(_reads, waiting))
    decision = Decision(outcomes, reads=reads) if waiting else _verify(ledger, outcomes, reading)
    return replace(decision, unreachable=reason if reason and _stops_reads(reason) else None)


def _begin(
    plan: Plan,
    ledger: Ledger,
    outcomes: dict[str, Outcome],
    waiting: Sequence[Case],
    reason: ApiError | None,
) -> list[tuple[str, Change]]:
    """The changes for people who can begin now. Adds to ``outcomes`` those without changes, or who cannot begin.

    Nobody begins while somebody may be left without an invitation, or before every earlier phase is certain.
    """
    begin = []
    uncertain = [person for person in plan.people if person.email not in outcomes]
    held = reason is not None or any(case.urgent for case in waiting)
    phase = min((person.phase for person in uncertain if person.changes), default=Phase.TAKE)
    for person in uncertain:
        if person.email in ledger:
            continue
        if not person.changes:
            outcomes[person.email] = predict(person)
        elif reason and not waiting:
            outcomes[person.email] = _not_attempted(person, reason)
        elif held or person.phase > phase:
            continue
        elif person.takes_admin and not _admin_remains(plan, outcomes):
            outcomes[person.email] = _no_admin(person)
        else:
            begin += [(person.email, change) for change in person.changes]
    return begin


def _decide_person(case: Case) -> Verdict:
    """What comes next for a person with at least one attempt."""
    if case.plan.desired is None:
        return _decide_absent(case)
    if isinstance(case.last.change, Revoke):
        return _decide_revoked(case)
    return _decide_updated(case) if isinstance(case.last.change, Update) else _decide_invited(case)


def _decide_absent(case: Case) -> Verdict:
    """After deletions for a person who is to have no access. One that is rejected does not stop the others."""
    if case.pending and (case.last.error is None or case.last.about_the_person):
        return case.pending
    results = [case.deletion(attempt) for attempt in case.attempts]
    error = next((result for result in results if isinstance(result, ApiError)), None)
    if None in results:
        return []
    if error:
        return _failed(case, error, _still_has_access(case) if error.ambiguous else None)
    if case.pending:
        return case.pending
    # The last of them: a re-read from before a later revocation proves nothing.
    for attempt, result in reversed(list(zip(case.attempts, results))):
        if isinstance(attempt.change, Revoke) and result is not Deletion.DELETED and not case.plan.by_id:
            return _decide_successor(case, attempt)
    return _without_access(case)


def _decide_successor(case: Case, gone: Attempt) -> Verdict:
    """After an invitation was gone already: accepted, or the list was stale and may lack another one."""
    reading = case.reading_since(gone)
    if reading is None:
        return []
    invitation, member = case.shown_invitation(reading), case.shown_member(reading)
    if invitation:
        return [Revoke(invitation)]
    if member and case.manage_members and not any(isinstance(each.change, Remove) for each in case.attempts):
        return [Remove(member)]
    if not case.is_conclusive(gone, AMBIGUOUS):
        return []
    return _failed(case, reading.error, _still_has_access(case)) if reading.error else _without_access(case)


def _without_access(case: Case) -> Outcome:
    """The outcome for a person who has no access any more."""
    action = "removed" if case.removed else "deleted" if case.revoked else "absent"
    return Outcome(case.plan, action, case.changed, latest(case.revoked), case.removed, warnings=case.plan.warnings)


def _decide_revoked(case: Case) -> Verdict:
    """After revoking an invitation for a new one. An expired invitation that cannot be revoked blocks nobody."""
    last, reading = case.last, case.reading_since(case.last)
    result = case.deletion(last)
    if isinstance(result, ApiError):
        if result.rejected and cast("Revoke", last.change).invitation.expired(case.now):
            return case.pending
        return _failed(case, result, _still_has_access(case) if result.ambiguous else None)
    if result is Deletion.DELETED:
        return case.pending
    found = _found(case, reading) if reading and result else None
    if found is not None:
        return found
    if not case.is_conclusive(last, AMBIGUOUS):
        return []
    return _failed(case, reading.error, _was_revoked(case)) if reading and reading.error else case.pending


def _decide_invited(case: Case) -> Verdict:
    """After inviting."""
    last, reading, error = case.last, case.reading_since(case.last), case.last.error
    if error is None:
        return _with_invitation(case, cast("Invitation", last.result))
    found = _found(case, reading) if reading else None
    if found is not None:
        return found
    is_first_rejection = error.rejected and len(case.sent) == 1
    wait = AMBIGUOUS if case.ambiguous else REJECTED if is_first_rejection else 0
    if wait and not case.is_conclusive(last, wait):
        return []
    return _not_invited(case, error) if not case.ambiguous else _unknown(case, error)


def _found(case: Case, reading: Reading) -> Verdict | None:
    """What the re-read shows of a person whom this run may have invited."""
    invitation, member = case.shown_invitation(reading), case.shown_member(reading)
    if invitation:
        return _with_invitation(case, invitation)
    if member is None:
        return None
    if not case.manage_members:
        warnings = case.plan.warnings + member_warnings(case.desired, member)
        return Outcome(case.plan, "member", case.changed, member=member, warnings=warnings)
    if match(case.desired, member) is Match.YES:
        return Outcome(case.plan, "unchanged", case.changed, member=member, warnings=case.plan.warnings)
    return [Update(member, case.desired)]


def _with_invitation(case: Case, invitation: Invitation) -> Outcome:
    """The outcome for a person who has this invitation now."""
    plan, matched = case.plan, match(case.desired, invitation)
    error = None
    if invitation.expired(case.now):
        error = _wrong_clock(invitation, case.now)
    elif matched is not Match.YES and case.restoring:
        error = _rejection(case).noting(f"{_earlier(case)} was restored, which sent another email")
    elif matched is Match.NO and case.last.error and not case.ambiguous:
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
        return [case.last.change]
    if case.restoring:
        return _failed(case, _rejection(case), f"{_was_revoked(case)}, and whether it was restored is not known")
    failure = reading.error if reading and reading.error else error
    unknown = f"whether {case.plan.email} was invited is not known: run this again, it checks first"
    return _failed(case, replace(failure, ambiguous=True), unknown, _was_revoked(case))


def _not_invited(case: Case, error: ApiError) -> Verdict:
    """After an invitation that was certainly not sent: try again and restore the one revoked for it, or fail."""
    before = case.given_up
    if before is None:
        return _failed(case, error)
    if error.rejected and len(case.sent) == 1:
        # The API may have checked against the revoked invitation: its checks can be as stale as its lists.
        return [Invite(case.desired)]
    if case.restoring:
        lost = f"{case.plan.email} has no invitation now: {_was_revoked(case)} and could not be restored"
        return _failed(case, _rejection(case), lost)
    by_role = match(Desired(before.email, before.role), before) is Match.YES
    return [Invite(Desired(before.email, before.role if by_role else None, before.assigned_roles), restores=True)]


def _decide_updated(case: Case) -> Verdict:
    """After updating a member."""
    last, reading, error = case.last, case.reading_since(case.last), case.last.error
    if error is None:
        return Outcome(case.plan, "updated", True, member=cast("Member", last.result), warnings=case.plan.warnings)
    updated = cast("Update", last.change).member.user_id
    member = next((each for each in reading.members if each.user_id == updated), None) if reading else None
    if member and match(case.desired, member) is Match.YES:
        action = "updated" if error.ambiguous else "unchanged"
        return Outcome(case.plan, action, error.ambiguous, member=member, warnings=case.plan.warnings)
    wait = AMBIGUOUS if error.ambiguous else REJECTED if error.rejected else 0
    if wait and not case.is_conclusive(last, wait):
        return []
    if error.ambiguous:
        return _failed(case, error, f"whether the roles of {case.plan.email} were changed is not known: run this again")
    left = reading is not None and not reading.error and member is None
    return _failed(case, error, f"{case.plan.email} is no member any more: run this again" if left else None)


def _verify(ledger: Ledger, outcomes: Mapping[str, Outcome], reading: Reading | None) -> Decision:
    """Check that updated members are shown with their new roles, after the last write."""
    verified = dict(outcomes)
    shown = {member.user_id: member for member in reading.members} if reading else {}
    for email, outcome in outcomes.items():
        attempt = ledger[email][-1] if email in ledger else None
        if attempt is None or outcome.action != "updated" or not isinstance(attempt.change, Update):
            continue
        age = reading.at - attempt.at if reading else -1
        member = shown.get(attempt.change.member.user_id)
        if age >= 0 and member and _has_roles(attempt.change.desired, member):
            verified[email] = replace(outcome, member=member)
        elif age >= VISIBLE or (age >= 0 and reading and reading.error):
            warning = f"The API accepted the new roles of {email}, but they could not be verified: check later."
            verified[email] = replace(outcome, warnings=(*outcome.warnings, warning))
        else:
            return Decision(outcomes, reads=frozenset({"members"}))
    return Decision(verified)


def _has_roles(desired: Desired, member: Member) -> bool:
    """Whether a member is shown with the desired roles, as far as the API shows roles. A member can have none."""
    matched = match(desired, member)
    return matched is Match.YES or (matched is Match.UNKNOWN and member.assigned_roles != ())


def _systemic_failure(ledger: Ledger, outcomes: Mapping[str, Outcome]) -> ApiError | None:
    """The failure that everybody else would meet too.

    An unanswered write, or 403 for one member, may be that person's alone. If two people in a row fail so, it is not.
    """
    emails = list(reversed(ledger))[:2]
    errors = [outcomes[email].error if email in outcomes else ledger[email][-1].error for email in emails]
    last = errors[0] if errors else None
    if last is None or not _is_systemic(last):
        return None
    alone = last.ambiguous and last.method != "GET"
    for attempt in ledger[emails[0]]:
        alone |= attempt.about_the_person and attempt.error is not None and attempt.error.status == last.status
    return last if not alone or _is_systemic(errors[-1] if len(errors) > 1 else None) else None


def _is_systemic(error: ApiError | None) -> bool:
    if error is None or error.rejected:
        return False
    return error.ambiguous or error.transient or error.status in (None, 401, 403, 407)


def _stops_reads(error: ApiError) -> bool:
    """Whether a re-read would fail alike."""
    return error.status != 403 and not (error.ambiguous and error.method != "GET")


def _reads(case: Case) -> set[str]:
    """The lists that tell what became of a person's attempts."""
    if all(isinstance(attempt.change, (Update, Remove)) for attempt in case.attempts):
        return {"members"}
    rejected = any(attempt.error is not None and attempt.error.rejected for attempt in case.sent)
    # An invitation that is gone already was probably accepted.
    accepted = any(attempt.result is Deletion.ALREADY_GONE for attempt in case.attempts)
    members = case.manage_members or (case.plan.desired is not None and (rejected or accepted))
    return {"invitations", "members"} if members else {"invitations"}


def _admin_remains(plan: Plan, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether there is an administrator who stays, or who was made one."""
    if plan.admins - {person.email for person in plan.people if person.takes_admin}:
        return True
    made = [person.email for person in plan.people if person.makes_admin]
    return any(email in outcomes and outcomes[email].error is None for email in made)


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
    return f"whether {case.plan.email} still has access is not known: run this again, it checks first"


def _not_attempted(person: PersonPlan, reason: ApiError) -> Outcome:
    sentence = f"{person.email} was not attempted after an earlier failure"
    error = replace(reason, sentence=sentence, reason=f"not attempted after: {reason.reason}")
    return Outcome(person, "failed", False, person.invitation, person.member, error, person.warnings)


def _no_admin(person: PersonPlan) -> Outcome:
    sentence = f"{person.email} stays an administrator, since nobody else could be made one"
    error = ApiError(sentence, "the last administrator")
    return Outcome(person, "failed", False, person.invitation, person.member, error, person.warnings)


def _other_roles(desired: Desired, invitation: Invitation) -> ApiError:
    """The error for an invitation that the API, or somebody else at the same time, gave other roles than desired."""
    sentence = (
        f"{desired.email} was invited with other roles ({describe(invitation)}) than desired ({describe(desired)});"
        " revoke the invitation if that is too much, and use the organization's names of roles"
    )
    return ApiError(sentence, "invited with other roles", method="POST", status=200)


def _wrong_clock(invitation: Invitation, now: datetime) -> ApiError:
    """The error for an invitation that has expired by the API's clock although it was just sent."""
    sentence = (
        f"{invitation.email} was invited, but the invitation has expired already ({invitation.expire_at}) by the clock"
        f" of the API's responses ({now:%Y-%m-%dT%H:%MZ}): something on the way sends a wrong Date header, and every"
        " run would send another email; correct its clock before the next run"
    )
    return ApiError(sentence, "a wrong clock", method="POST")
