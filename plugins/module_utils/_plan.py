# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done: (wanted, current, now) to a list of steps, one a person. Pure: no I/O, no clock, no Ansible."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from ._api import Invitation, Member, Role, parse_timestamp
from ._errors import printable
from ._options import OptionError, is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._api import Desired, Holder
    from ._errors import ApiError

ACTIONS = ("created", "unchanged", "replaced", "renewed", "deleted", "absent", "member", "expired")

_END_OF_TIME = datetime.max.replace(tzinfo=timezone.utc)


class Step(NamedTuple):
    """What is to be done about one person, in this order: ``delete`` these invitations, then invite as ``wish`` says.

    ``before`` is the live invitation found, if any. ``invitation`` is the one that stands, or would stand, at the end;
    where all is deleted, the one that was. ``member`` is the person who has joined already. ``by_id``: nothing but the
    one that was named is meant, whoever it is for.
    """

    email: str
    action: str
    wish: Desired | None = None
    delete: tuple[Invitation, ...] = ()
    before: Invitation | None = None
    invitation: Invitation | None = None
    member: Member | None = None
    warnings: tuple[str, ...] = ()
    by_id: bool = False

    @property
    def writes(self) -> bool:
        """Whether this changes anything."""
        return bool(self.delete or self.wish)

    @property
    def invites_a_newcomer(self) -> bool:
        """Whether someone without a live invitation is to be invited, who may have joined long since."""
        return self.wish is not None and self.before is None

    @property
    def needs_confirmed_roles(self) -> bool:
        """Whether an invitation is to make room for one with roles that the API may not know, or no longer take.

        Only an API that tells no assigned roles is sure to take ``role``. That an invitation shows a role does not tell
        that it is still there, so nobody's live one is risked for that.
        """
        makes_room = self.before or latest(self.delete)
        if self.wish is None or makes_room is None:
            return False
        return makes_room.assigned_roles is not None if self.wish.assigned_roles is None else self.before is not None

    def diff(self) -> dict[str, Any]:
        """The change as ``--diff`` shows it."""
        by_role = self.wish is not None and not self.wish.assigned_roles
        after = self.wish if self.writes else self.before
        return {"before": _shown(self.before, by_role), "after": _shown(after, by_role)}


class Outcome(NamedTuple):
    """What became of a step. ``changed`` holds for a failed one, too, that got half way.

    ``late``: what was to be revoked may have been gone, so the list that still had it may lack what was sent since.
    ``reconsidered``: it was looked into already whether what was refused stands all the same.
    """

    step: Step
    action: str
    changed: bool
    invitation: Invitation | None = None
    member: Member | None = None
    error: ApiError | None = None
    late: bool = False
    reconsidered: bool = False


def predict(step: Step) -> Outcome:
    """What comes of a step if all goes as planned: all that check mode does."""
    return Outcome(step, step.action, step.writes, step.invitation, step.member)


def plan_present(
    wishes: Iterable[Desired],
    invitations: Iterable[Invitation],
    members: Iterable[Member],
    renew_before: timedelta | None,
    now: datetime,
) -> list[Step]:
    """Plan that everyone is invited as wished. With None for ``renew_before``, what has expired is left as it is."""
    theirs = _by_email(invitations)
    joined = {member.email: member for member in members}
    return [
        _plan_person(wish, theirs.get(wish.email, ()), joined.get(wish.email), renew_before, now) for wish in wishes
    ]


def plan_absent(emails: Iterable[str], invitations: Iterable[Invitation]) -> list[Step]:
    """Plan that these people have no invitation left."""
    theirs = _by_email(invitations)
    return [_plan_revocation(email, theirs.get(email, ())) for email in dict.fromkeys(emails)]


def resolve_roles(names: Iterable[str], roles: Sequence[Role], option: str) -> tuple[Role, ...]:
    """Find the roles that names or IDs stand for: by ID, then by name, then by name as printed, in no case, if unique.

    :raises OptionError: for a name that is unknown or ambiguous.
    """
    found = {role.id: role for role in (_find_role(name, roles, option) for name in names)}
    return tuple(sorted(found.values(), key=lambda role: role.id))


def confirm_roles(step: Step, roles: Sequence[Role]) -> Step:
    """The step with its roles, where they need it, as the organization has them: nothing is revoked for others.

    The older ``role`` stands for the system role of its name: an organization that has moved to custom roles takes only
    that one's ID.

    :raises OptionError: for a role that the organization does not have.
    """
    wish = step.wish
    if wish is None or not step.needs_confirmed_roles:
        return step
    if wish.assigned_roles is None:
        same = [role for role in roles if _is_system_role(role, wish.role)]
        if len(same) != 1:
            if step.before is None:
                # Nothing is lost where the API refuses what was asked for.
                return step
            count = "more than one" if same else "no"
            raise OptionError(
                f"{step.email}: role: the organization has {count} system role {wish.role!r};"
                f" use roles, of {role_list(roles)}."
            )
        names = [same[0].id]
    else:
        names = [role.id for role in wish.assigned_roles]
    return _inviting(step, wish._replace(assigned_roles=resolve_roles(names, roles, f"{step.email}: roles")))


def fold(wishes: Iterable[Desired]) -> list[Desired]:
    """Drop repetitions, keeping the order.

    :raises OptionError: if someone is listed with different roles.
    """
    folded: dict[str, Desired] = {}
    for wish in wishes:
        first = folded.setdefault(wish.email, wish)
        if first != wish:
            raise OptionError(
                f"{wish.email} is listed twice with different roles: {describe(first)}, and {describe(wish)};"
                " delete one of the two entries."
            )
    return list(folded.values())


def seen_roles(ids: Iterable[str], invitations: Iterable[Invitation]) -> list[Role]:
    """The roles with these IDs, or more, where nobody asked the API: with their names as far as invitations tell."""
    roles = {role_id.lower(): Role(role_id.lower()) for role_id in ids}
    if roles:
        roles.update((role.id, role) for invitation in invitations for role in invitation.assigned_roles or ())
    return list(roles.values())


def fits(wish: Desired, holder: Holder) -> bool | None:
    """Whether someone has the roles wished for; None where that cannot be told.

    Once an organization has moved to custom roles, the API freezes ``role`` at what it was and assigns by
    ``assignedRoles`` alone, so ``role`` tells roles apart only where the latter is missing or agrees with it.
    """
    assigned = holder.assigned_roles
    if wish.assigned_roles and assigned:
        return _ids(wish) == _ids(holder)
    if wish.role is None:
        return None
    if assigned:
        if _amounts_to(holder, wish.role):
            return True
        return False if _amounts_to(holder, holder.role) else None
    if holder.role == wish.role:
        return True
    return False if assigned is None and holder.role else None


def member_warnings(wish: Desired, member: Member) -> tuple[str, ...]:
    """What to say of someone who has joined with other roles than those wished for."""
    if fits(wish, member) is not False:
        return ()
    warning = (
        f"{member.email} has joined already, with other roles ({describe(member)}) than those asked for"
        f" ({describe(wish)}); an invitation cannot change them, change them in the console."
    )
    return (warning,)


def describe(holder: Holder) -> str:
    """Someone's roles in words."""
    return ", ".join(_role_names(holder)) or "no role"


def role_list(roles: Iterable[Role]) -> str:
    """Roles by name, as text."""
    return ", ".join(_names(roles)) or "none"


def latest(invitations: Iterable[Invitation]) -> Invitation | None:
    """The invitation that lives longest."""
    return max(invitations, key=_end, default=None)


def _plan_person(
    wish: Desired, theirs: Sequence[Invitation], member: Member | None, renew_before: timedelta | None, now: datetime
) -> Step:
    live = [invitation for invitation in theirs if not invitation.expired(now)]
    if not live:
        if theirs and renew_before is None:
            return Step(wish.email, "expired", invitation=latest(theirs))
        if member:
            return Step(wish.email, "member", member=member, warnings=member_warnings(wish, member))
        return _inviting(Step(wish.email, "renewed" if theirs else "created", delete=tuple(theirs)), wish)

    judged = [(invitation, fits(wish, invitation)) for invitation in live]
    fitting, unclear, others = ([each for each, fit in judged if fit is verdict] for verdict in (True, None, False))
    stands = latest(fitting or unclear)
    if not stands:
        before = max(live, key=_end)
        return _inviting(_making_room(wish.email, "replaced", theirs, before, live), wish)
    due, warnings = _is_due(stands, renew_before, now)
    if due and fitting:
        step = _making_room(wish.email, "renewed", theirs, stands, unclear + others)
        return _inviting(step, wish._replace(assigned_roles=stands.assigned_roles or wish.assigned_roles))
    if not fitting:
        warnings += (_unclear_roles(wish, stands),)
    warnings += tuple(map(_other_invitation, others))
    return Step(wish.email, "unchanged", before=stands, invitation=stands, warnings=warnings)


def _end(invitation: Invitation) -> datetime:
    return parse_timestamp(invitation.expire_at) or _END_OF_TIME


def _making_room(
    email: str, action: str, theirs: Iterable[Invitation], before: Invitation, others: Iterable[Invitation]
) -> Step:
    """The step that revokes all of someone's, and warns of ``others`` than the one to be sent anew.

    The live one goes last: where one of them is refused, the person keeps what they can join with.
    """
    delete = (*(each for each in theirs if each is not before), before)
    warnings = tuple(
        f"{email} has another invitation, with {describe(each)}; it is to be revoked, too."
        for each in others
        if each is not before
    )
    return Step(email, action, delete=delete, before=before, warnings=warnings)


def _inviting(step: Step, wish: Desired) -> Step:
    """The step with an invitation as wished at its end."""
    return step._replace(wish=wish, invitation=Invitation(wish.email, wish.role, wish.assigned_roles))


def _plan_revocation(email: str, theirs: Sequence[Invitation]) -> Step:
    # The live one first: whatever comes of the others, the person cannot join any more.
    delete = tuple(sorted(theirs, key=_end, reverse=True))
    stands = latest(theirs)
    return Step(email, "deleted" if theirs else "absent", delete=delete, before=stands, invitation=stands)


def _is_due(invitation: Invitation, renew_before: timedelta | None, now: datetime) -> tuple[bool, tuple[str, ...]]:
    """Whether a live invitation is to be sent anew, and why it is not although it expires soon."""
    if renew_before is None or not invitation.expires_within(renew_before, now):
        return False, ()
    lifetime = invitation.lifetime()
    if lifetime is not None and lifetime > renew_before:
        return True, ()
    lives = f"lives for {lifetime} in all" if lifetime else "does not tell how long it lives in all"
    warning = (
        f"renew_before ({renew_before}) is ignored for {invitation.email}, whose invitation {lives}:"
        " every run would send an email; choose a time shorter than that."
    )
    return False, (warning,)


def _unclear_roles(wish: Desired, invitation: Invitation) -> str:
    return (
        f"The roles of the invitation of {wish.email} ({describe(invitation)}) cannot be compared with those asked for"
        f" ({describe(wish)}), so it is left as it is; name roles as the organization knows them, or revoke it first."
    )


def _other_invitation(invitation: Invitation) -> str:
    return (
        f"{invitation.email} has another invitation, with other roles ({describe(invitation)});"
        f" unless it is meant, revoke it with state=absent and invitation_id={invitation.id}."
    )


def _by_email(invitations: Iterable[Invitation]) -> Mapping[str, Sequence[Invitation]]:
    grouped = defaultdict(list)
    for invitation in invitations:
        grouped[invitation.email].append(invitation)
    return grouped


def _find_role(name: str, roles: Sequence[Role], option: str) -> Role:
    wanted_id = name.lower() if is_uuid(name) else name
    same = [role for role in roles if role.id == wanted_id]
    same = same or [role for role in roles if role.name == name]
    same = same or [role for role in roles if _plain(role.name) == _plain(name)]
    if len({role.id for role in same}) == 1:
        return same[0]
    if same:
        choices = ", ".join(f"{role.name} ({role.id})" for role in same)
        raise OptionError(
            f"{option}: {name!r} is the name of several roles: {choices}; give the ID of the one that is meant."
        )
    raise OptionError(f"{option}: the organization has no role {name!r}; its roles are: {role_list(roles)}.")


def _plain(name: str | None) -> str:
    """A name as messages print it, in no case."""
    return (printable(name) or "").casefold()


def _names(roles: Iterable[Role]) -> list[str]:
    return sorted(printable(role.name) or role.id for role in roles)


def _ids(holder: Holder) -> set[str]:
    return {role.id for role in holder.assigned_roles or ()}


def _amounts_to(holder: Holder, role: str | None) -> bool:
    """Whether the assigned roles are just the system role that the older field names."""
    assigned = set(holder.assigned_roles or ())
    return len(assigned) == 1 and all(_is_system_role(each, role) for each in assigned)


def _is_system_role(role: Role, older_role: str | None) -> bool:
    """Whether it is the system role that the older field names."""
    return role.type == "system" and (role.name or "").casefold() == older_role


def _role_names(holder: Holder) -> list[str]:
    if holder.assigned_roles:
        return _names(holder.assigned_roles)
    return [holder.role] if holder.role else []


def _shown(holder: Holder | None, by_role: bool) -> dict[str, Any]:
    if holder is None:
        return {}
    roles: dict[str, Any] = {"role": holder.role} if by_role else {"roles": _role_names(holder)}
    return {"email": holder.email, **roles}
