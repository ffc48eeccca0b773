# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: (desired, current, policy) to a plan of typed changes. Pure: no I/O, no clock, no Ansible.

========================================== ======================================================================
a person has now                           and is to have access
========================================== ======================================================================
a live invitation with these roles         unchanged; renewed if it expires within ``renew_before``, or ``resend``
a live invitation with other roles         replaced: revoked, and invited with the desired roles
both of these                              replaced: the one with other roles is revoked, the other one is kept if it
                                           expires last: by a slow clock it may only seem live
a live invitation, roles unknown           unchanged, with a warning
only an expired invitation                 renewed; expired, left alone, if ``renew_before`` is never
joined                                     member, left alone; if members are managed: updated or unchanged, and every
                                           open invitation revoked
nothing                                    created
========================================== ======================================================================

A person who is to have no access loses every invitation and, if members are managed, the membership.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._changes import Invite, PersonPlan, Plan, Policy, Remove, Revoke, Update
from ._errors import ApiError
from ._options import OptionError, is_address, show_duration
from ._records import Invitation, by_email, end_of, latest, live_only
from ._roles import Match, accounts_by_email, describe, is_admin, match

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from ._changes import Change, Current
    from ._records import Desired, Member


def plan_present(desired: Iterable[Desired], current: Current, policy: Policy) -> Plan:
    """Plan that everybody has access with the desired roles; with ``purge``, nobody else."""
    invitations, members = by_email(current.invitations), accounts_by_email(current.members or ())
    people = [_plan_person(each, invitations[each.email], members[each.email], policy, current.now) for each in desired]
    if policy.purge:
        kept = policy.purge_exclude.union(person.email for person in people)
        others = (holder.email for holder in current.holders if policy.manage_members or isinstance(holder, Invitation))
        people += plan_absent(
            (each for each in others if each not in kept and is_address(each)), current, policy
        ).people
    return _plan(people, current, policy)


def plan_absent(emails: Iterable[str], current: Current, policy: Policy) -> Plan:
    """Plan that these people have no access."""
    invitations = by_email(current.invitations)
    members = accounts_by_email((current.members or ()) if policy.manage_members else ())
    people = (_plan_absent(email, invitations[email], members[email], current) for email in dict.fromkeys(emails))
    return _plan(people, current, policy)


def plan_removal(user_id: str, current: Current, policy: Policy) -> Plan:
    """Plan that the member with this user ID has no access. Another account with the same email is left alone."""
    accounts = [member for member in current.members or () if str(member.user_id).lower() == user_id]
    email = accounts[0].email if accounts else ""
    invitations = [invitation for invitation in current.invitations if invitation.email == email]
    return _plan([_plan_absent(email, invitations, accounts, current)], current, policy)


def plan_revocation(invitation: Invitation | None, current: Current) -> Plan:
    """Plan that this one invitation is revoked, and nothing else of the person."""
    theirs = [invitation] if invitation else []
    person = _plan_absent(invitation.email if invitation else "", theirs, (), current)
    return Plan((replace(person, by_id=True),))


def fold(desired: Iterable[Desired]) -> list[Desired]:
    """Drop repetitions, in order. The legacy role and its system role are the same.

    :raises OptionError: if a person is listed with different roles.
    """
    folded: dict[str, Desired] = {}
    mistakes = []
    for each in desired:
        first = folded.setdefault(each.email, each)
        if match(first, each) is not Match.YES:
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
        " invitation cannot change them; use the module membership or memberships, or the playbook roster."
    )
    return (warning,)


def _plan(people: Iterable[PersonPlan], current: Current, policy: Policy) -> Plan:
    possible = [member for member in current.members or () if policy.manage_members and is_admin(member)]
    # The legacy role admin may be a frozen one: without assigned roles it counts only if nobody is shown as Admin.
    admins = {member.email for member in [each for each in possible if each.assigned_roles] or possible}
    return Plan(tuple(sorted(people, key=lambda person: person.phase)), policy, frozenset(admins))


def _plan_person(
    desired: Desired, theirs: Sequence[Invitation], accounts: Sequence[Member], policy: Policy, now: datetime
) -> PersonPlan:
    """Plan that one person has access."""
    member = accounts[0] if accounts else None
    live = live_only(theirs, now)
    if member and policy.manage_members:
        warnings = (_other_account(each) for each in accounts[1:] if match(desired, each) is not Match.YES)
        return replace(_plan_member(desired, member, live), warnings=tuple(warnings))
    if live:
        return _plan_invited(desired, theirs, live, policy, now)
    person = PersonPlan(desired.email, "created", desired=desired, invitation=latest(theirs), member=member)
    if theirs and policy.renew_before is None and not policy.resend:
        return replace(person, action="expired")
    if member:
        return replace(person, action="member", warnings=member_warnings(desired, member))
    action = "renewed" if theirs else "created"
    return replace(person, action=action, changes=(*map(Revoke, theirs), Invite(desired)))


def _plan_member(desired: Desired, member: Member, live: Sequence[Invitation]) -> PersonPlan:
    """Plan that a member has the desired roles and no open invitation.

    Roles that cannot be compared are set: an update sends no email.
    """
    update = () if match(desired, member) is Match.YES else (Update(member, desired),)
    changes = (*map(Revoke, live), *update)
    return PersonPlan(desired.email, "updated" if changes else "unchanged", changes, desired, member=member)


def _plan_invited(
    desired: Desired, theirs: Sequence[Invitation], live: Sequence[Invitation], policy: Policy, now: datetime
) -> PersonPlan:
    """Plan for a person with at least one live invitation."""
    matches: dict[Match, list[Invitation]] = {each: [] for each in Match}
    for each in live:
        matches[match(desired, each)].append(each)
    kept = latest(matches[Match.YES] or matches[Match.UNKNOWN])
    if kept is None:
        return _plan_replacement("replaced", desired, theirs, max(live, key=end_of))
    due, warnings = _is_due(kept, policy.renew_before, now)
    if matches[Match.YES] and (due or policy.resend):
        same = replace(desired, assigned_roles=kept.assigned_roles or desired.assigned_roles)
        return _plan_replacement("renewed", same, theirs, kept)
    if not matches[Match.YES]:
        others = tuple(map(_other_invitation, matches[Match.NO]))
        warnings += (_unknown_roles(desired, kept), *others)
        return PersonPlan(desired.email, "unchanged", desired=desired, live=kept, invitation=kept, warnings=warnings)
    if any(end_of(other) > end_of(kept) for other in matches[Match.NO]):
        return _plan_replacement("replaced", desired, theirs, kept)
    changes = tuple(map(Revoke, matches[Match.NO]))
    action = "replaced" if changes else "unchanged"
    return PersonPlan(desired.email, action, changes, desired, kept, kept, warnings=warnings)


def _plan_replacement(action: str, desired: Desired, theirs: Iterable[Invitation], live: Invitation) -> PersonPlan:
    """Plan to revoke all of a person's invitations and to invite again.

    The live one goes last: if another one is rejected before, the person can still join.
    """
    revoked = (*(each for each in theirs if each is not live), live)
    return PersonPlan(desired.email, action, (*map(Revoke, revoked), Invite(desired)), desired, live, live)


def _plan_absent(email: str, theirs: Sequence[Invitation], accounts: Sequence[Member], current: Current) -> PersonPlan:
    """Plan that one person has no access. The member goes first, then the live invitation, then the expired ones."""
    revoked = sorted(theirs, key=end_of, reverse=True)
    changes: tuple[Change, ...] = (*map(Remove, accounts), *map(Revoke, revoked))
    action = "removed" if accounts else "deleted" if theirs else "absent"
    error = _maybe_unreadable(email, current.unreadable) if current.unreadable and not changes else None
    live, member = latest(live_only(theirs, current.now)), accounts[0] if accounts else None
    return PersonPlan(email, action, changes, live=live, invitation=latest(theirs), member=member, error=error)


def _is_due(invitation: Invitation, renew_before: timedelta | None, now: datetime) -> tuple[bool, tuple[str, ...]]:
    """Whether a live invitation is to be renewed, and a warning if it is not although it expires soon."""
    if renew_before is None or not invitation.expires_within(renew_before, now):
        return False, ()
    lifetime = invitation.lifetime()
    if lifetime is not None and lifetime > renew_before:
        return True, ()
    valid = f"is valid for {show_duration(lifetime)} in total" if lifetime else "does not show how long it is valid"
    warning = (
        f"renew_before ({show_duration(renew_before)}) is ignored for {invitation.email}, whose invitation {valid}:"
        " every run would send an email. Choose a shorter time."
    )
    return False, (warning,)


def _maybe_unreadable(email: str, unreadable: int) -> ApiError:
    who = email or "The record with this ID"
    sentence = (
        f"{who} was not found, but {unreadable} records in ClickHouse Cloud's lists cannot be read, and this may be one"
        " of them: check in the console, and report this"
    )
    return ApiError(sentence, "unreadable records")


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
        f"{member.email} has two member accounts. The one with the user ID {member.user_id} has other roles"
        f" ({describe(member)}) and is left alone: remove it with the module membership, state=absent and user_id."
    )
