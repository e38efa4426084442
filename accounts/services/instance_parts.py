"""What may not go together in one account: administering the instance, parts in it, and being a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.domain.actors import Actor
from accounts.domain.instance_roles import InstanceRole, role_words, roles_from_mask, roles_to_mask
from accounts.models import User
from tpi_site.kit.errors import Conflict


def plain(name: str, value: Any) -> Any:
    """A field's value as the audit log shows it: the words of a mask of roles."""
    return role_words(roles_from_mask(value)) if name == "instance_roles" else value


def derived(user: User, values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns to write for ``values``, with those that follow from them."""
    fields = dict(values)
    if "instance_roles" in fields:
        fields["instance_roles"] = roles_to_mask(fields["instance_roles"])
    if "is_active" in fields:
        fields["ended_by"] = User.Ended.NOT if fields["is_active"] else User.Ended.ADMINISTRATOR
    administers = fields.get("is_superuser", user.is_superuser)
    fields["is_staff"] = administers
    if not administers and "is_break_glass" not in fields:
        fields["is_break_glass"] = False
    return fields


def check(actor: Actor, user: User, *, changed: Mapping[str, Any]) -> None:
    """Refuse an account that would contradict itself; ``user`` bears the new values."""
    roles = roles_from_mask(user.instance_roles)
    if user.kind == User.Kind.SERVICE and (roles or user.is_superuser or user.is_break_glass):
        raise Conflict(
            "A service account, whose tokens its team issues, plays no part for the instance.",
            code="service-account-fixed",
        )
    if "instance_roles" in changed and InstanceRole.AUDITOR in roles and user.pk == actor.user_id:
        raise Conflict(
            "As an auditor you could not change this back; ask another administrator.",
            code="self-lockout",
        )
    if user.is_break_glass and changed.keys() & {"is_break_glass", "is_superuser", "instance_roles"}:
        _check_break_glass(actor, user, roles, is_new="is_break_glass" in changed)


def _check_break_glass(actor: Actor, user: User, roles: frozenset[InstanceRole], *, is_new: bool) -> None:
    if is_new and user.pk == actor.user_id:
        raise Conflict(
            "Another administrator makes you a break-glass administrator; ask one.", code="break-glass-by-another"
        )
    is_local = user.directory_id is None and user.has_usable_password()
    if not (user.is_superuser and is_local) or InstanceRole.AUDITOR in roles:
        raise Conflict(
            "Only an administrator with a password kept here, and no auditor, can be the one who breaks the glass.",
            code="break-glass-local",
        )
