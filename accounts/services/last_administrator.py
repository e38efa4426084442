"""The installation always has somebody who can administer it."""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import F, Q, QuerySet

from accounts.domain.instance_roles import InstanceRole, roles_from_mask
from accounts.models import Directory, User
from accounts.services import alarms
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict

_ALARM = "last-administrator"


def hold() -> None:
    """Let nobody else take administration away until the transaction is over: two at once would each see the other.

    Comes before the locks of rows and of token lines.
    """
    locking.hold("administrators")


def administers(user: User) -> bool:
    """Whether the account is an administrator's that is in use; an auditor changes nothing, so is none."""
    is_auditor = InstanceRole.AUDITOR in roles_from_mask(user.instance_roles)
    return user.is_active and user.is_superuser and user.kind == User.Kind.PERSON and not is_auditor


def able() -> QuerySet[User]:
    """The administrators who can sign in: with a password kept here, or through a directory that is in use."""
    rows = User.objects.filter(is_active=True, is_superuser=True, kind=User.Kind.PERSON)
    rows = rows.alias(as_auditor=F("instance_roles").bitand(InstanceRole.AUDITOR.bit)).filter(as_auditor=0)
    without = Q(password="") | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    through_directory = Q(directory__enabled=True, is_break_glass=False)
    return rows.filter(through_directory | (Q(directory=None) & ~without))


def is_last(user: User) -> bool:
    """Whether ``user`` administers the instance and nobody else could; hold the lock."""
    return administers(user) and not able().exclude(pk=user.pk).exists()


def require_another(user: User) -> None:
    """Refuse to go on where nobody but ``user`` could administer the instance afterwards; takes the lock."""
    hold()
    if not able().exclude(pk=user.pk).exists():
        raise Conflict(
            f"'{user.username}' is the last administrator who can sign in; make another one first.",
            code="last-administrator",
        )


def require_one_outside(directory: Directory) -> None:
    """Refuse to let a directory go that all administrators come through; takes the lock."""
    hold()
    if _all_come_through(directory):
        raise Conflict(
            f"All administrators come through the directory '{directory.name}'; make one with a password kept here first.",
            code="last-administrator",
        )


def ring_if_none_outside(directory: Directory) -> None:
    """Tell the operators that a directory goes off which all administrators come through; call it before, with the lock."""
    if _all_come_through(directory):
        sentence = (
            f"The directory '{directory.name}' is configured no more and switched off, and all administrators come through "
            "it. Make one with a password kept here, or configure it again."
        )
        alarms.ring(_ALARM, sentence, subject=directory.name)


def _all_come_through(directory: Directory) -> bool:
    return able().filter(directory=directory).exists() and not able().exclude(directory=directory).exists()


def ring(user: User, directory: Directory) -> None:
    """Tell the operators that a directory would have taken the last one."""
    alarms.ring(
        _ALARM,
        f"The directory '{directory.name}' would have ended that '{user.username}' administers the instance, and nobody "
        "else does: the account keeps its part, without sessions and tokens if it was shut out. Make another administrator.",
        subject=user.username,
    )
