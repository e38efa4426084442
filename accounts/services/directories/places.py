"""Places in teams and parts for the instance that a directory's groups give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from accounts.domain.actors import Actor, internal
from accounts.domain.instance_roles import InstanceRole, role_words, roles_from_mask
from accounts.models import ADMINISTRATOR_BIT, Directory, GroupMapping, Membership, Team, User
from accounts.services import account_ends, audit, last_administrator


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """A membership that the directory gave: its key, what it is, the team's name, and what it is to be lowered to."""

    pk: int
    role: str
    team: str
    lowered_to: str = ""

    @property
    def loss(self) -> str:
        """What its holder loses, in words."""
        return f"{self.lowered_to} of {self.team}, not {self.role}" if self.lowered_to else f"no longer in {self.team}"


Held = dict[int, HeldPlace]
"""A person's memberships that the directory gave, by the team's key."""
_ORDER = list(Membership.Place.values)
_ADMINISTRATOR = "administrator"
_PARTS = ["instance_roles", "directory_roles", "is_superuser", "is_staff", "is_active"]


def held(user_ids: Iterable[int], directory: Directory) -> dict[int, Held]:
    """What each of these people holds through the directory; one query."""
    found: dict[int, Held] = {}
    rows = Membership.objects.filter(user__in=user_ids, directory=directory).order_by()
    for pk, user, team, role, name in rows.values_list("pk", "user_id", "team_id", "role", "team__name"):
        found.setdefault(user, {})[team] = HeldPlace(pk, role, name)
    return found


def give(
    directory: Directory,
    user: User,
    mappings: Iterable[GroupMapping],
    held: Held,
    did: list[str],
    fresh: list[Membership],
) -> int:
    """Give what the mappings say and the person has not, told in ``did``; answers how many memberships are new or other.

    New ones are added to ``fresh``, for whoever calls to write many together.
    """
    changed = 0
    for mapping, role in _wanted(mappings).values():
        team, row = mapping.team, held.get(mapping.team_id or 0)
        if team is None or (row is not None and _rank(row.role) >= _rank(role)):
            continue  # a lower place is taken with what else is, and counted with it
        if row is None:
            fresh.append(Membership(team=team, user=user, role=role, directory=directory))
        else:
            Membership.objects.filter(pk=row.pk).update(role=role)
        _note(directory, "team.set-member", team, user, role=role, group=mapping.group_dn)
        did.append(f"{role} of {team.name}")
        changed += 1
    _set_parts(directory, user, did, add=_mask(mappings))
    return changed


def surplus(user: User, mappings: Iterable[GroupMapping], held: Held) -> tuple[list[HeldPlace], int]:
    """What the person holds through the directory without a group that gives it: memberships, and a mask of parts.

    A place that is higher than any group gives is among them, with what it is to be lowered to.
    """
    wanted, rows = _wanted(mappings), []
    for team, row in held.items():
        if team not in wanted:
            rows.append(row)
        elif _rank(role := wanted[team][1]) < _rank(row.role):
            rows.append(replace(row, lowered_to=role))
    return rows, user.directory_roles & ~_mask(mappings)


def take(directory: Directory, user: User, mappings: Iterable[GroupMapping], held: Held, did: list[str]) -> int:
    """Take what no group gives any more; tells how many memberships ended or were lowered."""
    rows, parts = surplus(user, mappings, held)
    lost = {row.pk: row for row in rows}
    notes: list[tuple[str, Team, dict[str, Any]]] = []
    for row in Membership.objects.filter(pk__in=lost).select_related("team") if rows else ():
        place = lost[row.pk]
        if place.lowered_to:
            row.role = place.lowered_to
            row.save(update_fields=["role"])
            notes.append(("team.set-member", row.team, {"role": row.role}))
        else:
            row.delete()
            notes.append(("team.remove-member", row.team, {}))
        did.append(place.loss)
    if looks_after(rows) and (ended := account_ends.end_lent_tokens(user)):
        notes[-1][2].update(audit.listed("tokens_revoked", ended))
    for action, team, detail in notes:
        _note(directory, action, team, user, **detail)
    if parts:
        _set_parts(directory, user, did, drop=parts)
    return len(rows)


def looks_after(rows: Iterable[HeldPlace]) -> bool:
    """Whether one of the places lets its holder issue tokens of service accounts."""
    return any(row.role != Membership.Place.MEMBER for row in rows)


def give_auditors(mappings: Iterable[GroupMapping]) -> bool:
    """Whether one of them may end that somebody administers: take :func:`departures.hold_for_ends` before any row's lock."""
    return any(mapping.instance_role == InstanceRole.AUDITOR.value for mapping in mappings)


def _rank(role: str) -> int:
    return _ORDER.index(role)


def _wanted(mappings: Iterable[GroupMapping]) -> dict[int, tuple[GroupMapping, str]]:
    """By the team's key the highest place that a group gives."""
    found: dict[int, tuple[GroupMapping, str]] = {}
    for mapping in mappings:
        if mapping.team_id is None:
            continue
        known = found.get(mapping.team_id)
        if known is None or _rank(mapping.role) > _rank(known[1]):
            found[mapping.team_id] = (mapping, mapping.role)
    return found


def _mask(mappings: Iterable[GroupMapping]) -> int:
    mask = 0
    for mapping in mappings:
        if mapping.instance_role:
            is_administrator = mapping.instance_role == _ADMINISTRATOR
            mask |= ADMINISTRATOR_BIT if is_administrator else InstanceRole(mapping.instance_role).bit
    return mask


def _set_parts(directory: Directory, user: User, did: list[str], *, add: int = 0, drop: int = 0) -> None:
    """Add to and drop from what the directory gives of the account's instance roles; what was given here stays."""
    if not (add & ~user.directory_roles & ~_given_here(user) or drop & user.directory_roles):
        return
    user.refresh_from_db(fields=_PARTS, from_queryset=User.objects.select_for_update(no_key=True))
    mask = user.directory_roles | _addable(directory, user, add & ~_given_here(user))
    mask &= ~_droppable(directory, user, drop)
    if mask == user.directory_roles:
        return
    gone, new = user.directory_roles & ~mask, mask & ~user.directory_roles
    before = _parts(user)
    user.instance_roles = (user.instance_roles & ~gone | new) & ~ADMINISTRATOR_BIT
    if (gone | new) & ADMINISTRATOR_BIT:
        user.is_superuser = user.is_staff = bool(mask & ADMINISTRATOR_BIT)
    user.directory_roles = mask
    user.save(update_fields=["instance_roles", "directory_roles", "is_superuser", "is_staff"])
    after = _parts(user)
    audit.record(actor=_acting(directory), action="user.change", subject=user, before=before, after=after)
    did += [f"{word} of the instance" for word in part_words(new)]
    did += [f"no longer {word} of the instance" for word in part_words(gone)]


def _droppable(directory: Directory, user: User, parts: int) -> int:
    """The parts that may go: administration does not leave with the last who has it."""
    if parts & user.directory_roles & ADMINISTRATOR_BIT:
        last_administrator.hold()
        if last_administrator.is_last(user):
            last_administrator.ring(user, directory)
            return parts & ~ADMINISTRATOR_BIT
    return parts


def _addable(directory: Directory, user: User, parts: int) -> int:
    """The parts that may come: that of an auditor would end administering as surely as a loss does."""
    if parts & ~user.directory_roles & InstanceRole.AUDITOR.bit and user.is_superuser:
        last_administrator.hold()
        if last_administrator.is_last(user):
            last_administrator.ring(user, directory)
            return parts & ~InstanceRole.AUDITOR.bit
    return parts


def _given_here(user: User) -> int:
    """The parts that an administrator gave, which no group gives or takes."""
    roles = user.instance_roles & ~user.directory_roles
    is_administrator = user.is_superuser and not user.directory_roles & ADMINISTRATOR_BIT
    return roles | (ADMINISTRATOR_BIT if is_administrator else 0)


def _parts(user: User) -> dict[str, object]:
    """The parts as evidence tells them."""
    return {"instance_roles": role_words(roles_from_mask(user.instance_roles)), "is_superuser": user.is_superuser}


def part_words(mask: int) -> list[str]:
    """The parts of a mask in words."""
    words = [_ADMINISTRATOR] if mask & ADMINISTRATOR_BIT else []
    return words + role_words(roles_from_mask(mask & ~ADMINISTRATOR_BIT))


def _acting(directory: Directory) -> Actor:
    return internal(f"directory {directory.name}")


def _note(directory: Directory, action: str, team: Team, user: User, **detail: Any) -> None:
    audit.record(
        actor=_acting(directory),
        action=action,
        subject=team,
        member=user.username,
        directory=directory.name,
        **detail,
    )
