# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module returns, made of what became of each step. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._plan import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from ._client import ApiError
    from ._cloud import Invitation, Member
    from ._plan import Outcome
    from ._roster import Result

# A failed task's message repeats so many people's failures in full; the rest is in the result.
FAILURES_IN_MESSAGE = 5
WARNINGS_AT_MOST = 20


def result_of_one(kept: Result, now: datetime, diff: bool) -> dict[str, Any]:
    """The result for one person."""
    outcome = kept.outcomes[0]
    result = {
        "changed": outcome.changed,
        "invitation": _invitation(outcome, now),
        "member": outcome.member.as_result() if outcome.member else None,
        "warnings": list(kept.warnings),
    }
    if diff:
        result["diff"] = outcome.step.diff()
    if outcome.error:
        return {**result, "failed": True, "msg": str(outcome.error), "error": outcome.error.as_result()}
    return {**result, "action": outcome.action}


def result_of_roster(kept: Result, now: datetime, diff: bool) -> dict[str, Any]:
    """The result for a whole roster: a record for each person for whom something was done, or was to be."""
    outcomes = kept.outcomes
    actions = [outcome.action for outcome in outcomes]
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "changes": [_change(outcome, now) for outcome in outcomes if outcome.step.writes],
        "members": [outcome.step.email for outcome in outcomes if outcome.action == "member"],
        "summary": {action: actions.count(action) for action in (*ACTIONS, "failed")},
        "warnings": _bounded(kept.warnings),
    }
    if diff:
        result["diff"] = [
            {"before_header": outcome.step.email, "after_header": outcome.step.email, **outcome.step.diff()}
            for outcome in outcomes
            if outcome.step.writes
        ]
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
        return {**result, "failed": True, "msg": _message(errors, len(outcomes)), "error": errors[0].as_result()}
    return result


def result_of_look(
    invitations: Iterable[Invitation],
    members: Iterable[Member] | None,
    emails: Collection[str] | None,
    status: str,
    now: datetime,
) -> dict[str, Any]:
    """The result of looking things up, for these people only if any are named, sorted by email."""
    wanted = None if emails is None else set(emails)
    result: dict[str, Any] = {
        "changed": False,
        "invitations": [
            invitation.as_result(now)
            for invitation in sorted(invitations, key=lambda each: (each.email, each.created_at or "", each.id or ""))
            if (wanted is None or invitation.email in wanted)
            and (status == "all" or invitation.expired(now) == (status == "expired"))
        ],
    }
    if members is not None:
        ordered = sorted(members, key=lambda each: each.email)
        result["members"] = [member.as_result() for member in ordered if wanted is None or member.email in wanted]
    return result


def _change(outcome: Outcome, now: datetime) -> dict[str, Any]:
    change = {"email": outcome.step.email, "action": outcome.action, "invitation": _invitation(outcome, now)}
    if outcome.error:
        change["error"] = {"msg": str(outcome.error), **outcome.error.as_result()}
    return change


def _invitation(outcome: Outcome, now: datetime) -> dict[str, Any] | None:
    return outcome.invitation.as_result(now) if outcome.invitation else None


def _bounded(warnings: Sequence[str]) -> list[str]:
    more = len(warnings) - WARNINGS_AT_MOST
    return [*warnings[:WARNINGS_AT_MOST], *([f"{more} more warnings are left out."] if more > 0 else [])]


def _message(errors: Sequence[ApiError], people: int) -> str:
    sentences = [f"{len(errors)} of {people} people failed."]
    sentences += [str(error) for error in errors[:FAILURES_IN_MESSAGE]]
    if len(errors) > FAILURES_IN_MESSAGE:
        sentences.append("The rest is in changes.")
    return " ".join(sentences)
