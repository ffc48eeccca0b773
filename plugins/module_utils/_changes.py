# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: changes, and the plan of them, which tells its diff and whether it is safe. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Union

from ._options import Limit, OptionError, bounded, is_address
from ._records import Desired, Invitation, Member, live_only
from ._roles import alike, describe, is_admin, role_set

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from ._errors import ApiError
    from ._records import Holder

NAMED_IN_MESSAGE = 5

NO_LIMIT = Limit(100, percentage=True)


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
    """The organization as it was read at ``now``. ``members`` is None if they were not read.

    ``unreadable`` is the number of records in the lists that could not be read. ``later`` is the time by the later one
    of the API's and the host's clock, if they differ.
    """

    invitations: Sequence[Invitation]
    members: Sequence[Member] | None
    now: datetime
    unreadable: int = 0
    later: datetime | None = None

    @property
    def holders(self) -> Sequence[Holder]:
        """Everybody who has roles."""
        return [*(self.members or ()), *self.invitations]

    def people(self, manage_members: bool, moment: datetime | None = None) -> set[str]:
        """The emails of everybody who can join, now or at a moment, and, if members are managed, who has joined."""
        joined = {member.email for member in self.members or () if manage_members}
        return joined.union(invitation.email for invitation in live_only(self.invitations, moment or self.now))


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
    """The order of a plan: access is granted before any is removed."""

    GRANT = 0
    DEMOTE = 1
    TAKE = 2


@dataclass(frozen=True)
class PersonPlan:
    """The changes for one person, in order, and what the person has now.

    ``desired`` is None if the person loses access. ``live`` is the invitation that the person can join with,
    ``invitation`` the same or, if there is none, an expired one. ``by_id``: only the one named record is meant, not the
    person. ``error``: why nothing can be done.
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
    error: ApiError | None = None

    @property
    def invites(self) -> bool:
        """Whether the person is invited, which sends an email."""
        return any(isinstance(change, Invite) for change in self.changes)

    @property
    def invites_a_newcomer(self) -> bool:
        """Whether a person without a live invitation is invited, who may have joined already."""
        return self.live is None and self.invites

    @property
    def updates(self) -> bool:
        """Whether a member gets other roles."""
        return any(isinstance(change, Update) for change in self.changes)

    @property
    def gives_roles(self) -> bool:
        """Whether the person is invited or updated."""
        return self.invites or self.updates

    @property
    def gives_up_an_invitation(self) -> bool:
        """Whether a live invitation is revoked for a new one, which the API must not reject."""
        return self.live is not None and self.invites

    @property
    def legacy_role_at_risk(self) -> bool:
        """Whether a legacy role is given where the API shows assigned roles, and may reject a legacy one."""
        current = self.member or self.invitation
        legacy = self.desired is not None and self.desired.assigned_roles is None
        return legacy and self.gives_roles and current is not None and current.assigned_roles is not None

    @property
    def phase(self) -> Phase:
        """When the changes are due."""
        if self.desired is None:
            return Phase.TAKE
        loses_roles = is_admin(self.member) or role_set(self.member) - role_set(self.desired)
        return Phase.DEMOTE if self.updates and loses_roles and not is_admin(self.desired) else Phase.GRANT

    @property
    def makes_admin(self) -> bool:
        """Whether a member becomes an administrator."""
        return self.updates and is_admin(self.desired)

    @property
    def takes_from_a_member(self) -> bool:
        """Whether a member is removed, or loses roles."""
        return self.phase is Phase.DEMOTE or any(isinstance(change, Remove) for change in self.changes)

    @property
    def takes_admin(self) -> bool:
        """Whether a member stops being an administrator."""
        return self.takes_from_a_member and is_admin(self.member) and not is_admin(self.desired)

    @property
    def takes_access(self) -> bool:
        """Whether somebody who has access, or can join, is to have none."""
        return self.desired is None and bool(self.changes) and bool(self.member or self.live)

    def diff(self, alike: Collection[str]) -> tuple[str, str]:
        """One line each for what the person has now and what the changes lead to, empty for no access.

        ``alike`` are the IDs of roles that are printed like another one.
        """
        before = self.member or (self.live if self.desired else self.invitation)
        if describe(before, alike) == describe(self.desired, alike):
            alike = role_set(before).symmetric_difference(role_set(self.desired)).union(alike)
        keeps = self.desired is not None and not self.invites
        further = [change.invitation for change in self.changes if isinstance(change, Revoke) and keeps]
        invited = "".join(f"; invited with {describe(invitation, alike)}" for invitation in further)
        lines = [f"{self.email}: {describe(holder, alike)}" if holder else "" for holder in (before, self.desired)]
        return f"{lines[0]}{invited}\n".lstrip("\n"), f"{lines[1]}\n".lstrip("\n")


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

    @property
    def invites_newcomers(self) -> bool:
        """Whether somebody without a live invitation is invited, who may have joined already."""
        return any(person.invites_a_newcomer for person in self.people)

    def diff(self) -> dict[str, str]:
        """The plan as ``--diff`` shows it: one line for each person with a change, sorted by email."""
        changed = sorted((person for person in self.people if person.changes), key=lambda each: each.email)
        holders = (holder for each in changed for holder in (each.member, each.invitation, each.desired) if holder)
        same = alike(holders)
        lines = [person.diff(same) for person in changed]
        before, after = zip(*lines) if lines else ((), ())
        return {"before": "".join(before), "after": "".join(after)}

    def check(self, current: Current) -> None:
        """Check that the plan is safe to apply.

        :raises OptionError: if ``purge`` takes access from too many people, or nobody would be an administrator.
        """
        self._check_purge(current)
        taken = [person.email for person in self.people if self.policy.manage_members and person.takes_from_a_member]
        if taken and not self.admins:
            raise OptionError(
                "Nothing was changed: no member is recognized as having the system role Admin, so it is unknown who has"
                f" to remain. These members would lose roles or be removed: {_some(taken)}. Change them in the console,"
                " and report this."
            )
        stays = self.admins - {person.email for person in self.people if person.takes_admin}
        if self.admins and not stays and not any(person.makes_admin for person in self.people):
            raise OptionError(
                "Nothing was changed: no member would have the system role Admin, so nobody could manage access."
                f" Current administrators: {_some(self.admins)}. Keep one of them, or give Admin to another member."
            )

    def check_legacy_roles(self) -> None:
        """Check that no live invitation is given up for a legacy role that stands for no system role.

        :raises OptionError: if one is.
        """
        at_risk = [person.email for person in self.people if person.live and person.legacy_role_at_risk]
        if at_risk:
            raise OptionError(
                f"Nothing was changed: the organization has no system role for the legacy role of {_some(at_risk)}; use"
                " roles, which role_info lists."
            )

    def warnings(self, current: Current) -> Iterator[str]:
        """Yield what a reader of the plan should check."""
        if current.members is None and self.invites_newcomers:
            yield "The API key may not list members: people who have joined may be invited again."
        if self.policy.purge:
            yield from self._purge_warnings(current)
        invited = [person.email for person in self.people if person.invites]
        losers = [person.email for person in self.people if person.takes_access] if invited else []
        taken = {text: email for email in losers for text in _misspellings(email)}
        for email in invited if taken else ():
            near = [taken[text] for text in _misspellings(email) if text in taken]
            if near:
                yield f"{email} is invited and {near[0]} loses access: check that this is not a typing error."

    def _purge_warnings(self, current: Current) -> Iterator[str]:
        people = current.people(self.policy.manage_members)
        for email in sorted(self.policy.purge_exclude - {holder.email for holder in current.holders}):
            yield f"purge_exclude: nobody has the address {email}; check its spelling."
        for email in sorted(people.difference(person.email for person in self.people)):
            if not is_address(email):
                yield f"{email} has access, and purge leaves it alone, because no roster can contain this address."

    def _check_purge(self, current: Current) -> None:
        if not self.policy.purge:
            return
        if current.unreadable:
            raise OptionError(
                f"Nothing was changed: purge needs complete lists, and {current.unreadable} records in the lists of"
                " ClickHouse Cloud cannot be read. Run without purge, and report this."
            )
        taken = {person.email for person in self.people if person.takes_access}
        # By either clock: a slow one counts expired invitations, a fast one none.
        for moment in (current.later, current.now):
            people = current.people(self.policy.manage_members, moment)
            purged, most = taken & people, self.policy.purge_limit.most(len(people))
            if len(purged) > most:
                raise OptionError(
                    f"Nothing was changed: purge would take access from {len(purged)} of {len(people)} people, and"
                    f" purge_limit ({self.policy.purge_limit}) allows {most}: {_some(purged)}. Check that the roster is"
                    " complete; if it is, raise purge_limit."
                )


def predict(person: PersonPlan) -> Outcome:
    """The outcome of a plan if every change succeeds, which is all that check mode does."""
    invitation, member, desired = person.invitation, person.member, person.desired
    if desired and person.invites:
        invitation = Invitation(desired.email, desired.role, desired.assigned_roles)
    if desired and member and person.updates:
        member = replace(member, role=desired.role or member.role, assigned_roles=desired.assigned_roles)
    action = "failed" if person.error else person.action
    return Outcome(person, action, bool(person.changes), invitation, member, person.error, person.warnings)


def _misspellings(email: str) -> set[str]:
    """The address, and it less each of its characters: two that share one differ by one letter, or two are swapped."""
    return {email, *(email[:place] + email[place + 1 :] for place in range(len(email)))}


def _some(emails: Iterable[str]) -> str:
    """Some email addresses, and how many more there are."""
    return ", ".join(bounded(sorted(emails), NAMED_IN_MESSAGE, "and {} more"))
