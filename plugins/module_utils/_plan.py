# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: (desired, current, policy) to a plan of typed changes. Pure: no I/O, no clock, no Ansible.

========================================== ======================================================================
a person has now                           and is to have access
========================================== ======================================================================
a live invitation with these roles         unchanged; renewed if it expires within ``renew_before``, or ``resend``
a live invitation with other roles         replaced: revoked, and invited with the desired roles
a live invitation, roles unknown           unchanged, with a warning
only an expired invitation                 renewed; expired, left alone, if ``renew_before`` is never
joined                                     member, left alone; if members are managed: updated or unchanged
nothing                                    created
========================================== ======================================================================

A person who is to have no access loses every invitation and, if members are managed, the membership.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Union

from ._api import Desired, Invitation, Member, parse_timestamp
from ._options import Limit, OptionError, bounded, show_duration
from ._roles import Match, describe, is_admin, is_system_role, list_roles, match, resolve_roles, role_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeVar

    from ._api import Holder, Role
    from ._errors import ApiError

    _Record = TypeVar("_Record", Invitation, Member)

INVITATION_ACTIONS = ("created", "unchanged", "replaced", "renewed", "deleted", "absent", "member", "expired")
MEMBERSHIP_ACTIONS = (
    "created", "unchanged", "replaced", "renewed", "updated", "deleted", "removed", "absent", "expired",
)  # fmt: skip

NAMED_IN_MESSAGE = 5

NO_LIMIT = Limit(100, percentage=True)

_END_OF_TIME = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Policy:
    """How to reconcile. ``renew_before`` is None for never; ``manage_members`` lets members be updated and removed."""

    renew_before: timedelta | None = timedelta(0)
    resend: bool = False
    manage_members: bool = False
    purge: bool = False
    purge_limit: Limit = NO_LIMIT
    purge_exclude: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Current:
    """The organization as it was read at ``now``, the API's time. Members are empty if they were not read."""

    invitations: Sequence[Invitation]
    members: Sequence[Member]
    now: datetime


@dataclass(frozen=True)
class Revoke:
    """Revoke an invitation."""

    invitation: Invitation


@dataclass(frozen=True)
class Invite:
    """Invite a person, which sends an email. ``restores``: as before, after a rejected replacement."""

    desired: Desired
    restores: bool = False


@dataclass(frozen=True)
class Update:
    """Give a member exactly these roles."""

    member: Member
    desired: Desired


@dataclass(frozen=True)
class Remove:
    """Remove a member."""

    member: Member


Change = Union[Revoke, Invite, Update, Remove]


class Phase(enum.IntEnum):
    """The order of a plan: access is granted before it is taken."""

    GRANT = 0
    DEMOTE = 1
    TAKE = 2


@dataclass(frozen=True)
class PersonPlan:
    """The changes for one person, in order, and what the person has now.

    ``desired`` is None if access is taken. ``live`` is the invitation that the person can join with, ``invitation`` the
    same or, failing that, an expired one. ``by_id``: only the one named invitation is meant, not the person.
    """

    email: str
    action: str
    changes: tuple[Change, ...] = ()
    desired: Desired | None = None
    live: Invitation | None = None
    invitation: Invitation | None = None
    member: Member | None = None
    warnings: tuple[str, ...] = ()
    by_id: bool = False

    @property
    def invites_a_newcomer(self) -> bool:
        """Whether a person without a live invitation is invited, who may have joined already."""
        return self.live is None and any(isinstance(change, Invite) for change in self.changes)

    @property
    def needs_confirmed_roles(self) -> bool:
        """Whether something is put at risk for roles that the API may not know, or may not take as the legacy role.

        Only an API that shows no assigned roles is sure to take ``role``. A role shown by an invitation may be deleted
        by now, so no live invitation is risked for it.
        """
        at_risk = self.member or self.invitation
        if self.desired is None or at_risk is None or not self.changes:
            return False
        return at_risk.assigned_roles is not None if self.desired.assigned_roles is None else self.live is not None

    @property
    def phase(self) -> Phase:
        """When the changes are due."""
        if self.desired is None:
            return Phase.TAKE
        loses_roles = is_admin(self.member) or role_set(self.member) - role_set(self.desired)
        if self.action == "updated" and loses_roles and not is_admin(self.desired):
            return Phase.DEMOTE
        return Phase.GRANT

    @property
    def makes_admin(self) -> bool:
        """Whether a member becomes an administrator."""
        return self.action == "updated" and is_admin(self.desired)

    @property
    def takes_admin(self) -> bool:
        """Whether a member stops being an administrator."""
        return self.action in ("updated", "removed") and is_admin(self.member) and not is_admin(self.desired)

    @property
    def takes_access(self) -> bool:
        """Whether somebody who has access, or can join, is to have none."""
        return self.desired is None and bool(self.changes) and bool(self.member or self.live)

    def diff(self) -> tuple[str, str]:
        """One line each for what the person has now and what the changes lead to, empty for no access."""
        before = self.member or (self.live if self.desired else self.invitation)
        return _diff_line(self.email, before), _diff_line(self.email, self.desired)


@dataclass(frozen=True)
class Outcome:
    """What became of one person's plan. ``changed`` is also true for a failed plan that was partially applied."""

    plan: PersonPlan
    action: str
    changed: bool
    invitation: Invitation | None = None
    member: Member | None = None
    error: ApiError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The plans of all people, in the order in which the changes are due.

    ``admins`` are the emails of the administrators now, if members are managed.
    """

    people: tuple[PersonPlan, ...]
    policy: Policy = Policy()
    admins: frozenset[str] = frozenset()

    def diff(self) -> dict[str, str]:
        """The plan as ``--diff`` shows it: one line for each person with a change, sorted by email."""
        lines = [person.diff() for person in sorted(self.people, key=lambda each: each.email) if person.changes]
        before, after = zip(*lines) if lines else ((), ())
        return {"before": "".join(before), "after": "".join(after)}

    def check(self, current: Current) -> None:
        """Check that the plan is safe to apply.

        :raises OptionError: if ``purge`` takes access from too many people, or nobody would be an administrator.
        """
        people = {invitation.email for invitation in _live(current.invitations, current.now)}
        people.update(member.email for member in current.members if self.policy.manage_members)
        self._check_purge(people)
        stays = self.admins - {person.email for person in self.people if person.takes_admin}
        if self.admins and not stays and not any(person.makes_admin for person in self.people):
            raise OptionError(
                "Nothing was changed: no member would have the system role Admin, so nobody could manage access."
                f" Administrators now: {_some(self.admins)}. Keep one of them, or give Admin to another member."
            )

    def _check_purge(self, people: set[str]) -> None:
        purged = [person.email for person in self.people if self.policy.purge and person.takes_access]
        most = self.policy.purge_limit.most(len(people))
        if len(purged) > most:
            raise OptionError(
                f"Nothing was changed: purge would take access from {len(purged)} of {len(people)} people, and"
                f" purge_limit ({self.policy.purge_limit}) allows {most}: {_some(purged)}. Check that the roster is"
                " complete; if it is, raise purge_limit."
            )


def predict(person: PersonPlan) -> Outcome:
    """The outcome of a plan if every change succeeds, which is all that check mode does."""
    invitation, member, desired = person.invitation, person.member, person.desired
    if desired and any(isinstance(change, Invite) for change in person.changes):
        invitation = Invitation(desired.email, desired.role, desired.assigned_roles)
    if desired and member and person.action == "updated":
        member = replace(member, role=desired.role or member.role, assigned_roles=desired.assigned_roles)
    return Outcome(person, person.action, bool(person.changes), invitation, member, warnings=person.warnings)


def plan_present(desired: Iterable[Desired], current: Current, policy: Policy) -> Plan:
    """Plan that everybody has access with the desired roles; with ``purge``, nobody else."""
    invitations, members = by_email(current.invitations), accounts_by_email(current.members)
    people = [_plan_person(each, invitations[each.email], members[each.email], policy, current.now) for each in desired]
    if policy.purge:
        others = [member.email for member in current.members if policy.manage_members]
        others += [invitation.email for invitation in current.invitations]
        kept = policy.purge_exclude.union(person.email for person in people)
        people += plan_absent((email for email in others if email not in kept), current, policy).people
    return _plan(people, current, policy)


def plan_absent(emails: Iterable[str], current: Current, policy: Policy) -> Plan:
    """Plan that these people have no access."""
    invitations = by_email(current.invitations)
    members = accounts_by_email(current.members if policy.manage_members else ())
    people = (_plan_absent(email, invitations[email], members[email], current.now) for email in dict.fromkeys(emails))
    return _plan(people, current, policy)


def plan_revocation(invitation: Invitation | None, now: datetime) -> Plan:
    """Plan that this one invitation is revoked, and nothing else of the person."""
    if invitation is None:
        return Plan((PersonPlan("", "absent", by_id=True),))
    return Plan((replace(_plan_absent(invitation.email, [invitation], (), now), by_id=True),))


def confirm_roles(plan: Plan, roles: Sequence[Role]) -> Plan:
    """The plan with roles as the organization has them, for people who give something up for them.

    The legacy ``role`` stands for the system role of its name: a migrated organization takes only that role's ID.

    :raises OptionError: for a role that the organization does not have.
    """
    people = (_confirm(person, roles) if person.needs_confirmed_roles else person for person in plan.people)
    return replace(plan, people=tuple(sorted(people, key=lambda person: person.phase)))


def fold(desired: Iterable[Desired]) -> list[Desired]:
    """Drop repetitions, in order.

    :raises OptionError: if a person is listed with different roles.
    """
    folded: dict[str, Desired] = {}
    mistakes = []
    for each in desired:
        first = folded.setdefault(each.email, each)
        if first != each:
            mistakes.append(
                f"{each.email} is listed twice with different roles: {describe(first)}, and {describe(each)};"
                " delete one of the two entries."
            )
    if mistakes:
        raise OptionError(*mistakes)
    return list(folded.values())


def member_warnings(desired: Desired, member: Member) -> tuple[str, ...]:
    """Warn of a member with other roles than desired, where members are left alone."""
    if match(desired, member) is not Match.NO:
        return ()
    warning = (
        f"{member.email} has joined with other roles ({describe(member)}) than desired ({describe(desired)}), and an"
        " invitation cannot change them; use the module membership or memberships."
    )
    return (warning,)


def latest(invitations: Iterable[Invitation]) -> Invitation | None:
    """The invitation that expires last."""
    return max(invitations, key=_end, default=None)


def by_email(records: Iterable[_Record]) -> Mapping[str, Sequence[_Record]]:
    """Each person's records; none for other emails."""
    grouped = defaultdict(list)
    for record in records:
        grouped[record.email].append(record)
    return grouped


def accounts_by_email(members: Iterable[Member]) -> Mapping[str, Sequence[Member]]:
    """Each person's accounts, the one that counts first: of two, the one that is an administrator.

    A person can be a member twice: single sign-on makes an account of its own beside one with a password.
    """
    return by_email(sorted(members, key=is_admin, reverse=True))


def access_state(member: Member | None, invitation: Invitation | None, now: datetime) -> str:
    """Where a person is: member, invited, expired or absent."""
    if member:
        return "member"
    if invitation is None:
        return "absent"
    return "expired" if invitation.expired(now) else "invited"


def _plan(people: Iterable[PersonPlan], current: Current, policy: Policy) -> Plan:
    possible = [member for member in current.members if policy.manage_members and is_admin(member)]
    # The legacy role admin may be a frozen one: without assigned roles it counts only if nobody is shown as Admin.
    admins = {member.email for member in [each for each in possible if each.assigned_roles] or possible}
    return Plan(tuple(sorted(people, key=lambda person: person.phase)), policy, frozenset(admins))


def _plan_person(
    desired: Desired, theirs: Sequence[Invitation], accounts: Sequence[Member], policy: Policy, now: datetime
) -> PersonPlan:
    """Plan that one person has access."""
    member = accounts[0] if accounts else None
    if member and policy.manage_members:
        warnings = (_other_account(each) for each in accounts[1:] if match(desired, each) is not Match.YES)
        return replace(_plan_member(desired, member), warnings=tuple(warnings))
    live = _live(theirs, now)
    if live:
        return _plan_invited(desired, theirs, live, policy, now)
    person = PersonPlan(desired.email, "created", desired=desired, invitation=latest(theirs), member=member)
    if theirs and policy.renew_before is None and not policy.resend:
        return replace(person, action="expired")
    if member:
        return replace(person, action="member", warnings=member_warnings(desired, member))
    action = "renewed" if theirs else "created"
    return replace(person, action=action, changes=(*map(Revoke, theirs), Invite(desired)))


def _plan_member(desired: Desired, member: Member) -> PersonPlan:
    """Plan that a member has the desired roles. Roles that cannot be compared are set: an update sends no email."""
    if match(desired, member) is Match.YES:
        return PersonPlan(desired.email, "unchanged", desired=desired, member=member)
    return PersonPlan(desired.email, "updated", (Update(member, desired),), desired, member=member)


def _plan_invited(
    desired: Desired, theirs: Sequence[Invitation], live: Sequence[Invitation], policy: Policy, now: datetime
) -> PersonPlan:
    """Plan for a person with at least one live invitation."""
    matches: dict[Match, list[Invitation]] = {each: [] for each in Match}
    for each in live:
        matches[match(desired, each)].append(each)
    kept = latest(matches[Match.YES] or matches[Match.UNKNOWN])
    if kept is None:
        return _plan_replacement("replaced", desired, theirs, max(live, key=_end))
    due, warnings = _is_due(kept, policy.renew_before, now)
    if matches[Match.YES] and (due or policy.resend):
        same = replace(desired, assigned_roles=kept.assigned_roles or desired.assigned_roles)
        return _plan_replacement("renewed", same, theirs, kept)
    if not matches[Match.YES]:
        warnings += (_unknown_roles(desired, kept),)
    warnings += tuple(map(_other_invitation, matches[Match.NO]))
    return PersonPlan(desired.email, "unchanged", desired=desired, live=kept, invitation=kept, warnings=warnings)


def _plan_replacement(action: str, desired: Desired, theirs: Iterable[Invitation], live: Invitation) -> PersonPlan:
    """Plan to revoke all of a person's invitations and to invite again.

    The live one goes last: if another one is rejected before, the person can still join.
    """
    revoked = (*(each for each in theirs if each is not live), live)
    return PersonPlan(desired.email, action, (*map(Revoke, revoked), Invite(desired)), desired, live, live)


def _plan_absent(email: str, theirs: Sequence[Invitation], accounts: Sequence[Member], now: datetime) -> PersonPlan:
    """Plan that one person has no access. The member goes first, then the live invitation, then the expired ones."""
    revoked = sorted(theirs, key=_end, reverse=True)
    changes: tuple[Change, ...] = (*map(Remove, accounts), *map(Revoke, revoked))
    action = "removed" if accounts else "deleted" if theirs else "absent"
    member = accounts[0] if accounts else None
    return PersonPlan(email, action, changes, live=latest(_live(theirs, now)), invitation=latest(theirs), member=member)


def _is_due(invitation: Invitation, renew_before: timedelta | None, now: datetime) -> tuple[bool, tuple[str, ...]]:
    """Whether a live invitation is to be renewed, and a warning if it is not although it expires soon."""
    if renew_before is None or not invitation.expires_within(renew_before, now):
        return False, ()
    lifetime = invitation.lifetime()
    if lifetime is not None and lifetime > renew_before:
        return True, ()
    lives = f"lives for {show_duration(lifetime)} in all" if lifetime else "does not show how long it lives in all"
    warning = (
        f"renew_before ({show_duration(renew_before)}) is ignored for {invitation.email}, whose invitation {lives}:"
        " every run would send an email. Choose a shorter time."
    )
    return False, (warning,)


def _confirm(person: PersonPlan, roles: Sequence[Role]) -> PersonPlan:
    """One person's plan with roles as the organization has them."""
    desired = person.desired
    if desired is None:
        return person
    if desired.assigned_roles is not None:
        names = [role.id for role in desired.assigned_roles]
    else:
        same = [role for role in roles if is_system_role(role, desired.role)]
        if len(same) != 1 and person.live is None:
            # Nothing is lost if the API rejects the legacy role.
            return person
        if len(same) != 1:
            count = "more than one" if same else "no"
            raise OptionError(
                f"{person.email}: role: the organization has {count} system role {desired.role!r};"
                f" use roles, of {list_roles(roles)}."
            )
        names = [same[0].id]
    desired = replace(desired, assigned_roles=resolve_roles(names, roles, f"{person.email}: roles"))
    if person.member:
        return replace(_plan_member(desired, person.member), warnings=person.warnings)
    return replace(person, desired=desired, changes=(*person.changes[:-1], Invite(desired)))


def _unknown_roles(desired: Desired, invitation: Invitation) -> str:
    return (
        f"The roles of the invitation of {desired.email} ({describe(invitation)}) cannot be compared with the desired"
        f" ones ({describe(desired)}), so it is left alone. Use the organization's names of roles, or revoke it first."
    )


def _other_invitation(invitation: Invitation) -> str:
    return (
        f"{invitation.email} has another invitation, with other roles ({describe(invitation)})."
        f" If it is not intended, revoke it with state=absent and invitation_id={invitation.id}."
    )


def _other_account(member: Member) -> str:
    return (
        f"{member.email} is a member twice. The account with the user ID {member.user_id} has other roles"
        f" ({describe(member)}) and is left alone: remove it with the module membership, state=absent and user_id."
    )


def _live(invitations: Iterable[Invitation], now: datetime) -> list[Invitation]:
    return [invitation for invitation in invitations if not invitation.expired(now)]


def _end(invitation: Invitation) -> datetime:
    return parse_timestamp(invitation.expire_at) or _END_OF_TIME


def _diff_line(email: str, holder: Holder | None) -> str:
    return f"{email}: {describe(holder)}\n" if holder else ""


def _some(emails: Iterable[str]) -> str:
    """Some email addresses, and how many more there are."""
    return ", ".join(bounded(sorted(emails), NAMED_IN_MESSAGE, "and {} more"))
