# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: read what a plan needs, plan, check, apply, report. One person is a roster of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import _options, _plan, _roles
from ._api import Desired
from ._options import SENTENCES_IN_MESSAGE, OptionError, bounded, is_uuid
from ._plan import INVITATION_ACTIONS, MEMBERSHIP_ACTIONS, Current, Policy, predict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ._api import Member, Role
    from ._apply import OrganizationApi
    from ._errors import ApiError
    from ._options import Entry
    from ._plan import Outcome, Plan

WARNINGS_AT_MOST = 20


@dataclass(frozen=True)
class Report:
    """What became of a plan, one outcome a person in the plan's order, and warnings of the whole task."""

    plan: Plan
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
        purge_limit=_options.limit(options.get("purge_limit", str(_plan.NO_LIMIT))),
        purge_exclude=_options.excluded(options.get("purge_exclude") or ()),
    )


def ensure_roster(
    api: OrganizationApi, options: Mapping[str, Any], roster: str, policy: Policy, check_mode: bool
) -> Report:
    """Reconcile a roster as the options of a task say; ``roster`` is the name of the option that has its entries.

    :raises OptionError: for mistakes in the options, and as ``ensure_present`` and ``ensure_absent`` do.
    :raises ApiError: if the organization could not be read.
    """
    present = options["state"] == "present"
    if policy.purge and not present:
        raise OptionError("purge: it goes with state=present only.")
    if policy.purge and policy.resend:
        raise OptionError(
            "resend: it is rejected together with purge; resend for the people who need it in a task of its own."
        )
    entries = _options.roster(
        options[roster], options["emails"], options["role"], options["roles"], roster, need_roles=present
    )
    if not present:
        return ensure_absent(api, [entry.email for entry in entries], policy, check_mode)
    if policy.purge and not entries:
        raise OptionError(
            "purge: the roster is empty, which would take access from everybody. Check the variable or file that it"
            " comes from, or name the people with state=absent."
        )
    return ensure_present(api, entries, policy, check_mode)


def ensure_present(api: OrganizationApi, entries: Sequence[Entry], policy: Policy, check_mode: bool) -> Report:
    """Give everybody on the roster access; with ``purge``, nobody else.

    :raises OptionError: for roles that do not exist or contradict each other, or an unsafe plan; nothing was changed.
    :raises ApiError: if the organization could not be read.
    """
    names = dict.fromkeys(name for entry in entries for name in entry.roles)
    roles = None if all(map(is_uuid, names)) else api.roles()
    current = _read(api, policy)
    known = _roles.known_roles(names, [*current.invitations, *current.members]) if roles is None else roles
    desired = _plan.fold(_resolve(entries, known))
    warnings: list[str] = []
    plan = _plan.plan_present(desired, current, policy)
    if not policy.manage_members and any(person.invites_a_newcomer for person in plan.people):
        members = api.members_if_allowed()
        if members is None:
            warnings.append("The API key may not list members: people who have joined may be invited again.")
        current = Current(current.invitations, members or (), current.now)
        plan = _plan.plan_present(desired, current, policy)
    if any(person.needs_confirmed_roles for person in plan.people):
        plan = _plan.confirm_roles(plan, api.roles() if roles is None else roles)
    return _execute(api, plan, current, check_mode, warnings)


def ensure_absent(api: OrganizationApi, emails: Iterable[str], policy: Policy, check_mode: bool) -> Report:
    """Take all access from these people.

    :raises OptionError: if nobody would be an administrator; nothing was changed.
    :raises ApiError: if the organization could not be read.
    """
    current = _read(api, policy)
    return _execute(api, _plan.plan_absent(emails, current, policy), current, check_mode)


def ensure_user_absent(api: OrganizationApi, user_id: str, policy: Policy, check_mode: bool) -> Report:
    """Take all access from the member with this user ID. Raises as ``ensure_absent`` does."""
    current = _read(api, policy)
    emails = {member.email for member in current.members if _has_id(member, user_id)}
    # Another account with the same email is left alone.
    members = [member for member in current.members if member.email not in emails or _has_id(member, user_id)]
    current = replace(current, members=members)
    return _execute(api, _plan.plan_absent(emails or [""], current, policy), current, check_mode)


def ensure_revoked(api: OrganizationApi, invitation_id: str, check_mode: bool) -> Report:
    """Revoke this one invitation, and nothing else of the person.

    :raises ApiError: if it could not be read.
    """
    invitation = api.invitation(invitation_id)
    now = api.client.now()
    return _execute(api, _plan.plan_revocation(invitation, now), Current((), (), now), check_mode)


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
        "changes": [_change(outcome, report) for outcome in report.outcomes if outcome.plan.changes],
        "summary": {action: actions[action] for action in (*known, "failed")},
        **_common(report, diff),
    }
    if not manages:
        result["members"] = [outcome.plan.email for outcome in report.outcomes if outcome.action == "member"]
    errors = [outcome.error for outcome in report.outcomes if outcome.error]
    if errors:
        return {**result, "failed": True, "msg": _message(errors, report), "error": errors[0].as_result()}
    return result


def _read(api: OrganizationApi, policy: Policy) -> Current:
    """Read the lists that a plan always needs."""
    invitations = api.invitations()
    members = api.members() if policy.manage_members else []
    return Current(invitations, members, api.client.now())


def _has_id(member: Member, user_id: str) -> bool:
    return str(member.user_id).lower() == user_id


def _resolve(entries: Iterable[Entry], roles: Sequence[Role]) -> list[Desired]:
    """Resolve the names of roles, each set of them once.

    :raises OptionError: with all mistakes, each with the first person who has it.
    """
    first: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        first.setdefault(entry.roles, entry)
    named = [entry for entry in first.values() if entry.roles]
    found = _options.each(lambda each: _roles.resolve_roles(each.roles, roles, f"{each.email}: roles"), named)
    resolved = dict(zip((entry.roles for entry in named), found))
    return [Desired(entry.email, entry.role, resolved.get(entry.roles)) for entry in entries]


def _execute(
    api: OrganizationApi, plan: Plan, current: Current, check_mode: bool, warnings: Sequence[str] = ()
) -> Report:
    """Check the plan, and apply it unless in check mode."""
    plan.check(current)
    if check_mode or not any(person.changes for person in plan.people):
        return Report(plan, [predict(person) for person in plan.people], api.client.now(), warnings)
    # Most tasks have nothing to do. What this imports is compiled in every task that loads it, which takes 15 ms.
    from ._apply import apply  # noqa: PLC0415

    return Report(plan, apply(api, plan), api.client.now(), warnings)


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


def _state(outcome: Outcome, now: datetime) -> str:
    """Where a person is now. What was removed or deleted is in the outcome, too."""
    if outcome.action in ("removed", "deleted", "absent"):
        return "absent"
    return _plan.access_state(outcome.member, outcome.invitation, now)


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
