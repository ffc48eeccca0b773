# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A roster from end to end: read what is needed and no more, plan, and carry out. One invitation is a roster of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import _options, _plan
from ._api import Desired
from ._options import is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from ._api import CloudApi, Role


class Entry(NamedTuple):
    """One person of a roster, with the older ``role`` or else the names or IDs of roles."""

    email: str
    role: str | None = None
    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, email: str, *levels: Mapping[str, Any]) -> Entry:
        """Make an entry of what the user wrote, by the first level, the person or the task, that names any roles.

        :raises OptionError: unless that has exactly one of ``role`` and ``roles``, and filled.
        """
        given = ((level.get("role"), level.get("roles")) for level in levels)
        role, roles = next((pair for pair in given if pair != (None, None)), (None, None))
        if (role is None) == (roles is None):
            raise _options.OptionError(f"{email}: give exactly one of role and roles.")
        return cls(email, role, _options.role_names(roles, f"{email}: roles") if roles is not None else ())


class Result(NamedTuple):
    """What became of a roster, one outcome a person, and what the user should know besides."""

    outcomes: Sequence[_plan.Outcome]
    warnings: Sequence[str]


def keep_present(
    cloud: CloudApi, entries: Sequence[Entry], renew_before: timedelta | None, purge: bool, check_mode: bool
) -> Result:
    """Have everyone invited; with ``purge``, nobody else.

    :raises OptionError: for roles that do not exist or contradict each other, before anything is sent.
    :raises ApiError: where the organization could not be read.
    """
    if purge and not entries:
        raise _options.OptionError(
            "purge: the roster is empty, which would revoke every invitation there is; check the variable or file that"
            " it comes from, or name whom to revoke with state=absent."
        )
    names = dict.fromkeys(name for entry in entries for name in entry.roles)
    roles = None if all(map(is_uuid, names)) else cloud.roles()
    invitations = cloud.invitations()
    now = cloud.client.now()
    known = _plan.seen_roles(names, invitations) if roles is None else roles
    resolved: dict[tuple[str, ...], tuple[Role, ...]] = {}
    for entry in entries:
        if entry.roles and entry.roles not in resolved:
            resolved[entry.roles] = _plan.resolve_roles(entry.roles, known, f"{entry.email}: roles")
    wishes = _plan.fold(Desired(entry.email, entry.role, resolved.get(entry.roles)) for entry in entries)
    warnings: list[str] = []
    steps = _plan.plan_present(wishes, invitations, (), renew_before, now)
    if any(step.invites_a_newcomer for step in steps):
        members = cloud.members_if_allowed()
        if members is None:
            warnings.append(
                "The API key may not list members, so people who have joined already may be invited once more."
            )
        steps = _plan.plan_present(wishes, invitations, members or (), renew_before, now)
    if any(step.needs_confirmed_roles for step in steps):
        roles = cloud.roles() if roles is None else roles
        steps = [_plan.confirm_roles(step, roles) for step in steps]
    if purge:
        kept = {wish.email for wish in wishes}
        steps += _plan.plan_absent((each.email for each in invitations if each.email not in kept), invitations)
    return _carry_through(cloud, steps, warnings, check_mode)


def keep_absent(cloud: CloudApi, emails: Iterable[str], check_mode: bool) -> Result:
    """Have none of these people invited.

    :raises ApiError: where the organization could not be read.
    """
    return _carry_through(cloud, _plan.plan_absent(emails, cloud.invitations()), [], check_mode)


def keep_absent_by_id(cloud: CloudApi, invitation_id: str, check_mode: bool) -> Result:
    """Have this one invitation revoked, whoever it is for.

    :raises ApiError: where it could not be read.
    """
    invitation = cloud.invitation(invitation_id)
    steps = _plan.plan_absent([invitation.email], [invitation]) if invitation else _plan.plan_absent([""], [])
    return _carry_through(cloud, [step._replace(by_id=True) for step in steps], [], check_mode)


def _carry_through(cloud: CloudApi, steps: Sequence[_plan.Step], warnings: list[str], check_mode: bool) -> Result:
    if check_mode or not any(step.writes for step in steps):
        outcomes = [_plan.predict(step) for step in steps]
    else:
        # Most runs find nothing to do: they need not compile what does it.
        from . import _apply  # noqa: PLC0415

        outcomes = _apply.apply(cloud, steps)
    return Result(outcomes, warnings + [warning for outcome in outcomes for warning in outcome.step.warnings])
