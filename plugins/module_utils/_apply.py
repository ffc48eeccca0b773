# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries steps out, one by one. Nothing is lost, and nobody is invited twice, however the answers go astray."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ._api import Desired, Invitation, Member, still_invited
from ._client import backoff
from ._errors import ApiError
from ._plan import Outcome, describe, fits, latest, member_warnings, plan_absent, predict, role_list

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ._api import CloudApi
    from ._plan import Step

# Seconds to wait before each look at what stands. Reads can lag writes by seconds, so one look proves nothing.
LOOKS_AFTER_A_LOST_ANSWER = (0.0, 1.0, 2.0, 4.0)
LOOKS_AFTER_A_REFUSAL = (0.0, 2.0)
LOOKS_AT_A_LATE_LIST = (0.0, 2.0, 4.0)


def apply(cloud: CloudApi, steps: Iterable[Step]) -> list[Outcome]:
    """Carry out the steps. Someone's failure does not stop the others, unless they were bound to fail alike."""
    outcomes: list[Outcome] = []
    last: ApiError | None = None
    stopped: ApiError | None = None
    for step in steps:
        if not step.writes:
            outcome = predict(step)
        elif stopped:
            outcome = Outcome(step, "failed", False, latest(step.delete), error=_not_attempted(stopped))
        else:
            outcome = _carry_out(cloud, step)
            stopped = outcome.error if _stops_all(outcome.error, last) else None
            last = outcome.error
        outcomes.append(outcome)
    blind = stopped if stopped and stopped.status != 403 else None
    if not blind:
        outcomes = _reconsider(cloud, outcomes)
    outcomes = _revoke_late(cloud, outcomes, blind)
    return _explain_moved(cloud, outcomes, blind)


def _stops_all(error: ApiError | None, last: ApiError | None) -> bool:
    """Whether the others are bound to fail alike.

    Where only a write stays without a clear answer, while looks at what it did get through, it may be for whom it is
    meant. Where it is so for two people in a row, it is not.
    """
    alone = error is not None and error.ambiguous and error.method != "GET"
    return _is_general(error) and (not alone or _is_general(last))


def _is_general(error: ApiError | None) -> bool:
    """Whether the key is refused, or the API stays out of reach."""
    if error is None or error.rejected:
        return False
    return error.ambiguous or error.transient or error.status in (None, 401, 403)


class _Revocation(NamedTuple):
    """What became of the invitations that a step revokes.

    ``late``: one was gone, or may have been. ``error``: why some are ``left``, if any are.
    """

    revoked: list[Invitation]
    left: list[Invitation]
    late: bool
    error: ApiError | None


def _carry_out(cloud: CloudApi, step: Step) -> Outcome:
    """Revoke, then invite."""
    revoked, left, late, error = _revoke(cloud, step)
    now = cloud.client.now()
    if error and (step.wish is None or not error.rejected or not all(each.expired(now) for each in left)):
        if revoked:
            error = error.noting(f"{len(revoked)} of the {len(step.delete)} invitations of {step.email} were revoked")
        return Outcome(step, "failed", bool(revoked), latest(left), error=error)
    if step.wish is None:
        return Outcome(step, "deleted" if revoked else "absent", bool(revoked), latest(revoked), late=late)

    found = None
    try:
        if late:
            # The list was late, or someone else is at work: the person may have been invited anew already.
            found = _look_for(cloud, step.email, step.delete, LOOKS_AFTER_A_REFUSAL)
        invitation = found or _invite(cloud, step.wish, step.delete)
    except ApiError as raised:
        clause = (
            f"the expired invitation of {step.email} could not be revoked before ({error.reason})" if error else None
        )
        failure = raised.noting(clause)
        failed = Outcome(step, "failed", bool(revoked), error=failure)
        return _put_back(cloud, failed, failure, step.before) if step.before in revoked else failed
    changed = bool(revoked) or found is None
    return _judge(cloud, step.wish, Outcome(step, step.action if changed else "unchanged", changed, invitation))


def _revoke(cloud: CloudApi, step: Step) -> _Revocation:
    """Revoke what a step revokes, in its order, up to a failure that may not be that one invitation's alone.

    What has expired and will not go is in nobody's way, and keeps no other one from being revoked.
    """
    revoked: list[Invitation] = []
    left = list(step.delete)
    late = False
    error: ApiError | None = None
    for invitation in step.delete:
        try:
            ours = cloud.delete(invitation)
        except ApiError as failure:
            error = failure
            if failure.rejected and (step.wish is None or invitation.expired(cloud.client.now())):
                continue
            break
        left.remove(invitation)
        late = late or not ours
        if ours is not False:
            revoked.append(invitation)
    return _Revocation(revoked, left, late, error)


def _judge(cloud: CloudApi, wish: Desired, outcome: Outcome) -> Outcome:
    """Fail an outcome whose invitation has other roles than wished for."""
    if outcome.invitation is None or fits(wish, outcome.invitation) is not False:
        return outcome
    return outcome._replace(action="failed", error=_other_roles(cloud, wish, outcome.invitation))


def _revoke_late(cloud: CloudApi, outcomes: Sequence[Outcome], blind: ApiError | None) -> list[Outcome]:
    """Look again for whom an invitation was gone that the list still had: it was late, and may lack another one.

    Where looking fails, or would, as ``blind`` tells, so do they. Revoked by its ID, nothing but the one that was named
    is meant.
    """
    late = {outcome.step.email: outcome for outcome in outcomes if outcome.late and not outcome.step.by_id}
    if late and not blind:
        try:
            _look_again(cloud, late)
        except ApiError as error:
            blind = error
    if blind:
        for email, outcome in late.items():
            if not outcome.error:
                late[email] = outcome._replace(action="failed", error=blind.noting(still_invited(email)))
    return [late.get(outcome.step.email, outcome) for outcome in outcomes]


def _look_again(cloud: CloudApi, late: dict[str, Outcome]) -> None:
    """Revoke what turns up for people, and keep what comes of it with what came before.

    :raises ApiError: where the list could not be read, or is late still.
    """
    known = frozenset(invitation.id for outcome in late.values() for invitation in outcome.step.delete)
    gone = set(known)
    for number, invitations in enumerate(_looks(cloud, LOOKS_AT_A_LATE_LIST)):
        is_late = any(each.id in known and not each.expired(cloud.client.now()) for each in invitations)
        for step in plan_absent(late, (each for each in invitations if each.id not in gone)):
            before = late[step.email]
            if step.writes and not before.error:
                gone.update(invitation.id for invitation in step.delete)
                again = _carry_out(cloud, step)
                if again.changed or again.error:
                    late[step.email] = again._replace(step=before.step, changed=before.changed or again.changed)
                if again.error and _is_general(again.error):
                    raise again.error
        if number and not is_late:
            return
    sentence = "The list of invitations is late: it still has some that are gone"
    raise ApiError(sentence, method="GET", path=cloud.path("invitations"), reason="a late list", status=200)


def _invite(cloud: CloudApi, wish: Desired, gone: Collection[Invitation]) -> Invitation:
    """Invite a person once.

    What is found after a lost answer counts as ours, unless it is among the ``gone``, which a late read may still show.

    :raises ApiError: if the person could not be invited; ``ambiguous`` if even looking did not tell.
    """
    started = cloud.client.clock.monotonic()
    tries = 0
    lost = False
    while True:
        try:
            return cloud.create(wish)
        except ApiError as error:
            failure = error
        tries += 1
        lost = lost or failure.ambiguous
        if not lost:
            raise failure
        try:
            found = _look_for(cloud, wish.email, gone, LOOKS_AFTER_A_LOST_ANSWER)
        except ApiError as blind:
            raise _not_known(blind, wish.email) from failure
        if found:
            return found
        wait = backoff(tries)
        in_time = cloud.client.clock.monotonic() - started + wait <= cloud.client.settings.retry_timeout
        if not (failure.ambiguous and failure.transient and in_time):
            raise _not_known(failure, wish.email)
        cloud.client.sleep(wait)
        cloud.client.retries += 1


def _invite_either_way(cloud: CloudApi, wish: Desired, gone: Collection[Invitation]) -> Invitation:
    """Invite by the IDs of roles and, where that is refused, by the older ``role``: an organization may take only that.

    :raises ApiError: as ``_invite`` does, of the first way where both are refused.
    """
    try:
        return _invite(cloud, wish, gone)
    except ApiError as refusal:
        if refusal.status != 400 or not (wish.role and wish.assigned_roles):
            raise
        try:
            return _invite(cloud, wish._replace(assigned_roles=None), gone)
        except ApiError as error:
            raise (refusal if error.rejected else error) from None


def _not_known(error: ApiError, email: str) -> ApiError:
    return replace(error, ambiguous=True).noting(
        f"whether {email} was invited is not known: run this again, it looks first"
    )


def _look_for(cloud: CloudApi, email: str, gone: Collection[Invitation], waits: Iterable[float]) -> Invitation | None:
    """Look, more than once, whether a live invitation has turned up."""
    for invitations in _looks(cloud, waits):
        found = _live(cloud, invitations, email, gone)
        if found:
            return found
    return None


def _looks(cloud: CloudApi, waits: Iterable[float]) -> Iterator[list[Invitation]]:
    """Yield who is invited, listed anew after each wait in seconds."""
    for wait in waits:
        if wait:
            cloud.client.sleep(wait)
        yield cloud.invitations()


def _put_back(cloud: CloudApi, failed: Outcome, error: ApiError, before: Invitation) -> Outcome:
    """Invite someone anew as before, whose live invitation was revoked to make room for one that was then refused."""
    step = failed.step
    if error.rejected and step.wish:
        failed = _reconsider(cloud, [failed])[0]._replace(reconsidered=True)
        if failed.error is None or failed.invitation:
            return failed
        # What was revoked may have been in the way: what the API checks may lag as what it lists does.
        try:
            invitation = _invite_either_way(cloud, step.wish, step.delete)
            return _judge(cloud, step.wish, Outcome(step, step.action, True, invitation))
        except ApiError as again:
            error, failed = again, failed._replace(error=again)
    earlier = f"the earlier invitation of {before.email}, with {describe(before)},"
    if error.ambiguous or error.method == "GET":
        return failed._replace(error=error.noting(f"{earlier} was revoked"))
    role = before.role if fits(Desired(before.email, before.role), before) else None
    try:
        invitation = _invite_either_way(cloud, Desired(before.email, role, before.assigned_roles), step.delete)
    except ApiError as again:
        unknown = f"{earlier} was revoked, and whether it could be put back is not known"
        none_left = f"{before.email} has no invitation now: {earlier} was revoked and could not be put back"
        return failed._replace(error=error.noting(unknown if again.ambiguous else none_left))
    if step.wish and fits(step.wish, invitation):
        return Outcome(step, step.action, True, invitation)
    noted = error.noting(f"{earlier} was put back, which sent an email")
    return failed._replace(invitation=invitation, error=noted)


def _reconsider(cloud: CloudApi, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Look who has been invited or has joined meanwhile, although the invitation was refused: that is as asked for."""
    refused = [outcome.step for outcome in outcomes if _is_refusal(outcome)]
    found = _look_meanwhile(cloud, refused) if refused else {}
    return [
        _settle(outcome, found.get(outcome.step.email)) if _is_refusal(outcome) else outcome for outcome in outcomes
    ]


def _is_refusal(outcome: Outcome) -> bool:
    error = outcome.error
    settled = outcome.reconsidered or outcome.invitation is not None
    return error is not None and error.rejected and error.method == "POST" and not settled


def _look_meanwhile(cloud: CloudApi, steps: Sequence[Step]) -> dict[str, Invitation | Member]:
    found: dict[str, Invitation | Member] = {}
    # Where looking fails: what was refused stays refused, and the refusal says more than this.
    with contextlib.suppress(ApiError):
        for invitations in _looks(cloud, LOOKS_AFTER_A_REFUSAL):
            joined = {member.email: member for member in cloud.members_if_allowed() or ()}
            for step in steps:
                now_stands = joined.get(step.email) or _live(cloud, invitations, step.email, step.delete)
                if now_stands:
                    found[step.email] = now_stands
            if len(found) == len(steps):
                break
    return found


def _settle(outcome: Outcome, found: Invitation | Member | None) -> Outcome:
    """Judge a refusal by what stands now."""
    step = outcome.step
    if found is None or step.wish is None:
        return outcome
    if isinstance(found, Member):
        warned = step._replace(warnings=step.warnings + member_warnings(step.wish, found))
        return Outcome(warned, "member", outcome.changed, member=found)
    if fits(step.wish, found) is not False:
        return Outcome(step, step.action if outcome.changed else "unchanged", outcome.changed, found)
    clause = f"{step.email} has an invitation with other roles ({describe(found)}), which someone else sent meanwhile"
    return outcome._replace(invitation=found, error=outcome.error and outcome.error.noting(clause))


def _live(
    cloud: CloudApi, invitations: Iterable[Invitation], email: str, gone: Collection[Invitation]
) -> Invitation | None:
    now = cloud.client.now()
    ids = {invitation.id for invitation in gone}
    return latest(each for each in invitations if each.email == email and each.id not in ids and not each.expired(now))


def _other_roles(cloud: CloudApi, wish: Desired, invitation: Invitation) -> ApiError:
    """The error for an invitation that the API, or someone else at the same moment, gave other roles than asked for."""
    sentence = (
        f"{wish.email} was invited with other roles ({describe(invitation)}) than asked for ({describe(wish)});"
        " revoke the invitation if that is too much, and name roles as the organization knows them"
    )
    return ApiError(
        sentence, method="POST", path=cloud.path("invitations"), reason="invited with other roles", status=200
    )


def _not_attempted(stopped: ApiError) -> ApiError:
    sentence, reason = "Not attempted after an earlier failure", f"not attempted after: {stopped.reason}"
    return replace(stopped, sentence=sentence, reason=reason)


def _explain_moved(cloud: CloudApi, outcomes: Sequence[Outcome], blind: ApiError | None) -> list[Outcome]:
    """Say what to use where the API refuses ``role``, as it does once an organization has moved to custom roles."""
    moved = [outcome.error for outcome in outcomes if outcome.error and _is_moved(outcome.step.wish, outcome.error)]
    choice = ""
    if moved and not blind:
        with contextlib.suppress(ApiError):
            choice = f", one or more of {role_list(cloud.roles())}"
    clause = f"this organization has moved to custom roles: use roles instead of role{choice}"
    return [
        outcome._replace(error=outcome.error.noting(clause)) if outcome.error in moved and outcome.error else outcome
        for outcome in outcomes
    ]


def _is_moved(wish: Desired | None, error: ApiError) -> bool:
    by_role = wish is not None and wish.role is not None and not wish.assigned_roles
    return by_role and error.rejected and "custom role" in error.reason.lower()
