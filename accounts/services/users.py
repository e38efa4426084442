"""Creating and changing people's accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.token_format import PREFIX
from accounts.models import BrowserSession, User
from accounts.services import audit, generations, instance_parts, sessions
from accounts.services.passwords import MAX_PASSWORD
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

MIRRORED = frozenset({"email", "first_name", "last_name"})
"""What an account of a directory's person takes from there, so that a change here would last until the next sync."""
EDITABLE = frozenset(
    {"email", "first_name", "last_name", "is_active", "is_superuser", "instance_roles", "is_break_glass"}
)


def _require_administrator(actor: Actor) -> None:
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may manage accounts.", code="administrator-needed")


def _require_kept_here(user: User, names: Iterable[str]) -> None:
    if user.directory is not None and MIRRORED.intersection(names):
        raise Conflict(
            f"Name and e-mail of this account come from the directory '{user.directory.name}'; change them there.",
            code="directory-field",
        )


def create(
    *, actor: Actor, username: str, email: str = "", password: str | None = None, is_superuser: bool = False
) -> User:
    """Make an account; without a password it can only be used through tokens or a directory."""
    _require_administrator(actor)
    user = User(username=User.normalize_username(username), email=email, is_superuser=is_superuser)
    user.is_staff = is_superuser
    _set_password(user, password)
    _full_clean(user)
    with transaction.atomic():
        if User.named(user.username).exists():
            raise Conflict(f"There is an account named '{user.username}' already.", code="user-exists")
        user.save()
        audit.record(actor=actor, action="user.create", subject=user, email=email, is_superuser=is_superuser)
        generations.bump_access()
    return user


def change(*, actor: Actor, user: User, **values: Any) -> User:
    """Change some of :data:`EDITABLE`; disabling an account ends its tokens' use at once.

    ``instance_roles`` are :class:`~accounts.domain.instance_roles.InstanceRole`, in the place of those held before.
    Security officers disable accounts that do not administer the instance, and change nothing else.
    """
    if not (values == {"is_active": False} and actor.may_secure and not user.is_superuser):
        _require_administrator(actor)
    if unknown := set(values) - EDITABLE:
        raise Invalid(
            f"These fields of an account cannot be changed: {', '.join(sorted(unknown))}.", code="field-fixed"
        )
    _require_kept_here(user, (name for name, value in values.items() if value != getattr(user, name)))
    if user.pk == actor.user_id and not (values.get("is_active", True) and values.get("is_superuser", True)):
        raise Conflict("You cannot disable or demote yourself; ask another administrator.", code="self-lockout")
    before = {name: instance_parts.plain(name, getattr(user, name)) for name in values}
    fields = instance_parts.derived(user, values)
    for name, value in fields.items():
        setattr(user, name, value)
    instance_parts.check(actor, user, changed=values)
    _full_clean(user)
    with transaction.atomic():
        user.save(update_fields=list(fields))
        if not user.is_active:
            sessions.close(user)
        after = {name: instance_parts.plain(name, getattr(user, name)) for name in values}
        audit.record(actor=actor, action="user.change", subject=user, before=before, after=after)
        generations.bump_access()
    return user


def change_own(*, actor: Actor, user: User, first_name: str, last_name: str, email: str) -> User:
    """Change how oneself is called and reached; it needs a session or a password, not a token."""
    if actor.changes_nothing:
        raise Forbidden("An auditor changes nothing; ask an administrator of the instance.", code="auditor-reads")
    if actor.user_id != user.pk or actor.token is not None:
        raise Forbidden("A profile is changed by its owner, signed in and not with a token.", code="token-scope")
    values = {"first_name": first_name, "last_name": last_name, "email": email}
    _require_kept_here(user, values)
    before = {name: getattr(user, name) for name in values}
    for name, value in values.items():
        setattr(user, name, value)
    _full_clean(user)
    with transaction.atomic():
        user.save(update_fields=list(values))
        audit.record(actor=actor, action="user.change", subject=user, before=before, after=values)
    return user


def set_password(*, actor: Actor, user: User, password: str, keep: BrowserSession | None = None) -> None:
    """Give ``user`` a new password; people do so for themselves, administrators for anyone.

    Sessions end with the old one, but for ``keep``, in which it is done.
    """
    if actor.user_id != user.pk:
        _require_administrator(actor)
    elif actor.token is not None:
        raise Forbidden(
            "A password is changed after signing in with the old one, not with a token.", code="token-scope"
        )
    if user.kind == User.Kind.SERVICE:
        raise Conflict("A service account has no password; issue a token for it.", code="service-account-fixed")
    if user.directory_id is not None:
        raise Conflict(
            "The password of this account is kept by its directory; change it there.", code="directory-password"
        )
    _set_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        sessions.close(user, keep=keep)
        audit.record(actor=actor, action="user.set-password", subject=user)
        generations.bump_access()


def delete(*, actor: Actor, user: User) -> None:
    """Remove an account with its tokens, memberships and roles; what it published stays."""
    _require_administrator(actor)
    if user.pk == actor.user_id:
        raise Conflict("You cannot delete yourself; ask another administrator.", code="self-lockout")
    with transaction.atomic():
        audit.record(actor=actor, action="user.delete", subject=user)
        user.delete()
        generations.bump_access()


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    _require_usable(password)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="password-weak") from None
    user.set_password(password)


def _require_usable(password: str) -> None:
    """Refuse what a sign-in could never be made with."""
    if len(password) > MAX_PASSWORD:
        raise Invalid(f"Choose a password of at most {MAX_PASSWORD} characters.", code="password-too-long")
    if password.startswith(PREFIX):
        raise Invalid(
            f"A password that begins with '{PREFIX}' would be taken for a token; choose another one.",
            code="password-like-a-token",
        )


def _full_clean(user: User) -> None:
    try:
        user.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        problems = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
        raise Invalid(problems, code="user-invalid") from None
