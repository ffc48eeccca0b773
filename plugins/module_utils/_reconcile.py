# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: read what a plan needs, plan, check, apply, report. One person is a roster of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import _options, _plan
from ._changes import NO_LIMIT, Current, Policy, predict
from ._errors import ApiError
from ._options import SENTENCES_IN_MESSAGE, OptionError, bounded, is_uuid
from ._records import Desired, access_state
from ._roles import RoleIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ._api import CloudApi
    from ._changes import Outcome, Plan
    from ._options import Entry
    from ._records import Holder, Role

INVITATION_ACTIONS = ("created", "unchanged", "replaced", "renewed", "deleted", "absent", "member", "expired")
MEMBERSHIP_ACTIONS = (
    "created", "unchanged", "replaced", "renewed", "updated", "deleted", "removed", "absent", "expired",
)  # fmt: skip

WARNINGS_AT_MOST = 20


@dataclass(frozen=True)
class Report:
    """What became of a plan, one outcome per person in the plan's order, and warnings of the whole task.

    ``current`` is the organization as it was before.
    """

    plan: Plan
    current: Current
    outcomes: Sequence[Outcome]
    now: datetime
    warnings: Sequence[str] = ()


def read_policy(options: Mapping[str, Any], manage_members: bool) -> Policy:
    """The policy in the options of a writing module.

    :raises OptionError: for mistakes in them.
    """
    return Policy(
        renew_before=_options.duration(options["renew_before"], "renew_before"),
        resend=options["resend"],
        manage_members=manage_members,
        purge=options.get("purge", False),
        purge_limit=_options.limit(options.get("purge_limit", str(NO_LIMIT))),
        purge_exclude=_options.excluded(options.get("purge_exclude") or ()),
    )


def ensure_roster(api: CloudApi, options: Mapping[str, Any], roster: str, policy: Policy, check_mode: bool) -> Report:
    """Reconcile a roster as the options of a task say; ``roster`` is the name of the option that has its entries.

    :raises OptionError: for mistakes in the options, and as ``ensure_present`` and ``ensure_absent`` do.
    :raises ApiError: if the organization could not be read.
    """
    present = options["state"] == "present"
    if policy.purge and not present:
        raise OptionError("purge requires state=present.")
    if policy.purge and policy.resend:
        raise OptionError("resend and purge are mutually exclusive; resend in a separate task.")
    entries = _options.roster(options, roster, need_roles=present)
    if not present:
        return ensure_absent(api, [entry.email for entry in entries], policy, check_mode)
    if policy.purge and not entries:
        raise OptionError(
            "purge: the roster is empty, so everybody would lose access. Check the variable or file that it"
            " comes from, or name the people with state=absent."
        )
    return ensure_present(api, entries, policy, check_mode)


def ensure_present(api: CloudApi, entries: Sequence[Entry], policy: Policy, check_mode: bool) -> Report:
    """Give everybody on the roster access; with ``purge``, nobody else.

    What people have shows names of roles with their IDs, so the list of roles is read only if that does not settle the
    plan. In check mode, a key that may only view need not be allowed to list it.

    :raises OptionError: for roles that do not exist or contradict each other, or an unsafe plan; nothing was changed.
    :raises ApiError: if the organization could not be read.
    """
    current = _read(api, policy)
    desired = _resolve_exactly(entries, current.holders)
    if desired is not None:
        plan, current = _plan_roster(api, desired, current, policy)
        if not _needs_roles(plan, entries):
            return _execute(api, plan, current, check_mode)
    warnings = []
    try:
        desired = _resolve(entries, api.roles())
    except ApiError as error:
        if not (check_mode and error.status == 403 and error.rejected):
            raise
        current = _with_members(api, current)
        desired = _resolve_exactly(entries, current.holders)
        if desired is None:
            raise error.noting("without it, a plan may name only roles that somebody has") from None
        warnings.append(f"The roles could not be confirmed, so the API may reject this plan. {error}")
    plan, current = _plan_roster(api, desired, current, policy)
    if not warnings:
        plan.check_legacy_roles()
    return _execute(api, plan, current, check_mode, warnings)


def ensure_absent(api: CloudApi, emails: Iterable[str], policy: Policy, check_mode: bool) -> Report:
    """Take all access from these people.

    :raises OptionError: if nobody would be an administrator; nothing was changed.
    :raises ApiError: if the organization could not be read.
    """
    current = _read(api, policy)
    return _execute(api, _plan.plan_absent(emails, current, policy), current, check_mode)


def ensure_user_absent(api: CloudApi, user_id: str, policy: Policy, check_mode: bool) -> Report:
    """Take all access from the member with this user ID. Raises as ``ensure_absent`` does."""
    current = _read(api, policy)
    return _execute(api, _plan.plan_removal(user_id, current, policy), current, check_mode)


def ensure_revoked(api: CloudApi, invitation_id: str, check_mode: bool) -> Report:
    """Revoke this one invitation, and nothing else of the person.

    :raises ApiError: if it could not be read.
    """
    invitation = api.invitation(invitation_id)
    current = Current((), None, api.client.now(), sum(api.unreadable.values()))
    return _execute(api, _plan.plan_revocation(invitation, current), current, check_mode)


def person_result(report: Report, diff: bool) -> dict[str, Any]:
    """The result of a module for one person."""
    (outcome,) = report.outcomes
    result = {**_records(outcome, report.now), "changed": outcome.changed, **_common(report, diff)}
    if report.plan.policy.manage_members:
        result["state"] = _state(outcome, report.now)
    if outcome.error:
        return {**result, "failed": True, "msg": str(outcome.error), "error": outcome.error.as_result()}
    return {**result, "action": outcome.action}


def roster_result(report: Report, diff: bool) -> dict[str, Any]:
    """The result of a module for a roster: a record for each person for whom something was or would be done."""
    manages = report.plan.policy.manage_members
    actions = Counter(outcome.action for outcome in report.outcomes)
    known = MEMBERSHIP_ACTIONS if manages else INVITATION_ACTIONS
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in report.outcomes),
        "changes": [_change(outcome, report) for outcome in report.outcomes if outcome.plan.changes or outcome.error],
        "summary": {action: actions[action] for action in (*known, "failed")},
        **_common(report, diff),
    }
    if manages:
        result["not_listed"] = _not_listed(report)
    else:
        result["members"] = [outcome.plan.email for outcome in report.outcomes if outcome.action == "member"]
    errors = [outcome.error for outcome in report.outcomes if outcome.error]
    if errors:
        return {**result, "failed": True, "msg": _message(errors, report), "error": errors[0].as_result()}
    return result


def _read(api: CloudApi, policy: Policy) -> Current:
    """Read the lists that a plan always needs."""
    invitations = api.invitations()
    members = api.members() if policy.manage_members else None
    now = api.client.now()
    later = now + abs(api.client.clock_offset or timedelta(0))
    return Current(invitations, members, now, sum(api.unreadable.values()), later)


def _with_members(api: CloudApi, current: Current) -> Current:
    """The organization with its members, if the key may list them."""
    if current.members is not None:
        return current
    members = api.members_if_allowed()
    return replace(current, members=members, unreadable=current.unreadable + api.unreadable["members"])


def _plan_roster(api: CloudApi, desired: Iterable[Desired], current: Current, policy: Policy) -> tuple[Plan, Current]:
    """Plan a roster. If it invites a newcomer, who may have joined, it is planned again with the members."""
    desired = _plan.fold(desired)
    plan = _plan.plan_present(desired, current, policy)
    if current.members is None and plan.invites_newcomers:
        current = _with_members(api, current)
        plan = _plan.plan_present(desired, current, policy)
    return plan, current


def _needs_roles(plan: Plan, entries: Iterable[Entry]) -> bool:
    """Whether the organization's list of roles has to confirm the roles of a change.

    It has to for names, for a live invitation that is given up, and where the API may not take a legacy role.
    """
    named = {entry.email for entry in entries if not all(map(is_uuid, entry.roles))}
    return any(
        (person.gives_roles and person.email in named)
        or (person.gives_up_an_invitation and person.desired and person.desired.assigned_roles)
        or person.legacy_role_at_risk
        for person in plan.people
    )


def _resolve(entries: Sequence[Entry], roles: Iterable[Role]) -> list[Desired]:
    """Resolve the names of roles, each set of them once. The legacy role stands for the system role of its name.

    :raises OptionError: with all mistakes, each with the first person who has it.
    """
    index = RoleIndex(roles)
    first: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        first.setdefault(entry.roles, entry)
    found = _options.each(lambda each: index.resolve(each.roles, f"{each.email}: roles"), first.values())
    resolved = dict(zip(first, found))
    return [
        Desired(entry.email, entry.role, resolved[entry.roles] or index.system_role(entry.role)) for entry in entries
    ]


def _resolve_exactly(entries: Sequence[Entry], holders: Iterable[Holder]) -> list[Desired] | None:
    """Resolve the names of roles by those that people have; None if one of them is not found so."""
    index = RoleIndex(role for holder in holders for role in holder.assigned_roles or ())
    resolved = {roles: index.resolve_exactly(roles) for roles in {entry.roles for entry in entries}}
    if None in resolved.values():
        return None
    return [Desired(entry.email, entry.role, resolved[entry.roles] or None) for entry in entries]


def _execute(api: CloudApi, plan: Plan, current: Current, check_mode: bool, warnings: Sequence[str] = ()) -> Report:
    """Check the plan, and apply it unless in check mode."""
    plan.check(current)
    warnings = [*warnings, *plan.warnings(current)]
    if check_mode or not any(person.changes for person in plan.people):
        return Report(plan, current, [predict(person) for person in plan.people], api.client.now(), warnings)
    # Most tasks have nothing to do. What this imports is compiled in every task that loads it, which takes 15 ms.
    from ._apply import apply  # noqa: PLC0415

    return Report(plan, current, apply(api, plan), api.client.now(), warnings)


def _common(report: Report, diff: bool) -> dict[str, Any]:
    """What every result of a writing module has."""
    warnings = [*report.warnings, *(warning for outcome in report.outcomes for warning in outcome.warnings)]
    result: dict[str, Any] = {"warnings": bounded(warnings, WARNINGS_AT_MOST, "{} more warnings are left out.")}
    return {**result, "diff": report.plan.diff()} if diff else result


def _records(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """A person's invitation and member."""
    return {
        "invitation": outcome.invitation.as_result(now) if outcome.invitation else None,
        "member": outcome.member.as_result() if outcome.member else None,
    }


def _not_listed(report: Report) -> list[str]:
    """The emails of all who keep access and are not on the roster; none if the roster is of people who lose it."""
    if not any(person.desired for person in report.plan.people):
        return []
    done = {outcome.plan.email for outcome in report.outcomes if outcome.plan.desired or not outcome.error}
    return sorted(report.current.people(manage_members=True) - done)


def _state(outcome: Outcome, now: datetime) -> str:
    """Where a person is now. What was removed or deleted is in the outcome, too."""
    if outcome.action in ("removed", "deleted", "absent"):
        return "absent"
    return access_state(outcome.member, outcome.invitation, now)


def _change(outcome: Outcome, report: Report) -> dict[str, Any]:
    """One person's record in ``changes``."""
    change = {"email": outcome.plan.email, "action": outcome.action, **_records(outcome, report.now)}
    if not report.plan.policy.manage_members:
        del change["member"]
    if outcome.error:
        change["error"] = {"msg": str(outcome.error), **outcome.error.as_result()}
    return change


def _message(errors: Sequence[ApiError], report: Report) -> str:
    sentences = bounded([str(error) for error in errors], SENTENCES_IN_MESSAGE, "The rest is in changes.")
    return " ".join([f"{len(errors)} of {len(report.outcomes)} people failed.", *sentences])
