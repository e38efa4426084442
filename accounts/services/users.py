"""Creating and changing people's accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.service_names import is_kept_for_programs
from accounts.domain.token_format import PREFIX
from accounts.models import BrowserSession, User
from accounts.permissions import require_person
from accounts.services import (
    account_ends,
    audit,
    generations,
    instance_parts,
    last_administrator,
    passwords,
    sessions,
    token_lineage,
)
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from tpi_site.kit.request_context import current

MIRRORED = frozenset({"email", "first_name", "last_name"})
"""What an account of a directory's person takes from there, so that a change here would last until the next sync."""
EDITABLE = frozenset(
    {"email", "first_name", "last_name", "is_active", "is_superuser", "instance_roles", "is_break_glass"}
)
_PARTS = frozenset({"is_superuser", "instance_roles", "is_break_glass"})


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
    """Make an account; without a password it can only be used through tokens or a directory.

    An administrator is made by a person who is there, not with a token.  Names of programs are for service accounts.
    """
    _require_administrator(actor)
    if is_superuser:
        require_person(actor, "make an administrator")
    if is_kept_for_programs(username):
        raise Invalid("Names that begin with 'svc-' are for service accounts; choose another one.", code="name-kept")
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
    """Change some of :data:`EDITABLE`; disabling a person's account ends its sessions and its tokens for good.

    Who administers the instance no more loses the tokens that theirs have made for service accounts of others.

    ``instance_roles`` are :class:`~accounts.domain.instance_roles.InstanceRole`, in the place of those held before.
    Security officers disable accounts that do not administer the instance, and change nothing else.  ``user`` is read
    anew and held, so that of two changes at once neither undoes what it did not speak of.
    """
    if not actor.may_secure:
        _require_administrator(actor)
    if unknown := set(values) - EDITABLE:
        raise Invalid(
            f"These fields of an account cannot be changed: {', '.join(sorted(unknown))}.", code="field-fixed"
        )
    with transaction.atomic():
        ends = not (values.get("is_active", True) and values.get("is_superuser", True))
        _take(user, ends=ends, touches_parts=bool(values.keys() & _PARTS))
        _require_may_change(actor, user, values)
        before = {name: instance_parts.plain(name, getattr(user, name)) for name in values}
        ended = _write(actor, user, values)
        after = {name: instance_parts.plain(name, getattr(user, name)) for name in values}
        detail = audit.listed("tokens_revoked", ended) if ended else {}
        audit.record(actor=actor, action="user.change", subject=user, before=before, after=after, **detail)
        generations.bump_access()
    return user


def _take(user: User, *, ends: bool, touches_parts: bool) -> None:
    """Read the row as it is now and keep others from changing it, after the locks that come before those of rows.

    Tokens that are made meanwhile hold their owner's row as it is keyed, which is no obstacle.
    """
    if ends or touches_parts:
        last_administrator.hold()
    if ends:
        token_lineage.hold()
    try:
        user.refresh_from_db(from_queryset=User.objects.select_for_update(no_key=True))
    except User.DoesNotExist:
        raise NotFound("The account was deleted in the meantime.") from None


def _require_may_change(actor: Actor, user: User, values: dict[str, Any]) -> None:
    if not (values == {"is_active": False} and actor.may_secure and not user.is_superuser):
        _require_administrator(actor)
    _require_kept_here(user, (name for name, value in values.items() if value != getattr(user, name)))
    if values.keys() & _PARTS:
        require_person(actor, "change who administers the instance or plays a part for it")
    if values.get("is_active") and not user.is_active and (user.is_superuser or user.instance_roles):
        require_person(actor, "enable an account that plays a part for the instance")
    if user.pk == actor.user_id and not (values.get("is_active", True) and values.get("is_superuser", True)):
        raise Conflict("You cannot disable or demote yourself; ask another administrator.", code="self-lockout")


def _write(actor: Actor, user: User, values: dict[str, Any]) -> list[str]:
    """Write the values and what follows from them; gives the key ids of tokens that ended.  A program's tokens only rest."""
    administered, was_active, was_superuser = last_administrator.administers(user), user.is_active, user.is_superuser
    fields = instance_parts.derived(user, values)
    for name, value in fields.items():
        setattr(user, name, value)
    instance_parts.check(actor, user, changed=values)
    _full_clean(user)
    if administered and not last_administrator.administers(user):
        last_administrator.require_another(user)
    user.save(update_fields=list(fields))
    if was_active and not user.is_active and user.kind == User.Kind.PERSON:
        return account_ends.end_credentials(user)
    return account_ends.end_lent_tokens(user) if was_superuser and not user.is_superuser else []


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


def set_password(
    *, actor: Actor, user: User, password: str, present: str = "", keep: BrowserSession | None = None
) -> None:
    """Give ``user`` a new password; people do so for themselves with the ``present`` one, administrators for anyone.

    Never with a token.  Sessions end with the old one, but for ``keep``, in which it is done.
    """
    if actor.user_id != user.pk:
        _require_administrator(actor)
    require_person(actor, "set a password")
    if user.kind == User.Kind.SERVICE:
        raise Conflict("A service account has no password; issue a token for it.", code="service-account-fixed")
    if user.directory_id is not None:
        raise Conflict(
            "The password of this account is kept by its directory; change it there.", code="directory-password"
        )
    if actor.user_id == user.pk:
        _require_present(user, present)
    _set_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        sessions.close(user, keep=keep)
        audit.record(actor=actor, action="user.set-password", subject=user)
        generations.bump_access()


def _require_present(user: User, present: str) -> None:
    """Whoever sits down at an open session, or has got hold of its cookie, does not know it."""
    if not present:
        raise Invalid("Give your present password too, as `present`.", code="password-needed")
    try:
        passwords.verify(username=user.username, password=present, address=current.get().address)
    except Unauthenticated:
        raise Forbidden("The present password is wrong.", code="password-wrong") from None


def delete(*, actor: Actor, user: User) -> None:
    """Remove an account with its tokens, all that was made with them, its memberships and roles; what it published stays."""
    _require_administrator(actor)
    if user.pk == actor.user_id:
        raise Conflict("You cannot delete yourself; ask another administrator.", code="self-lockout")
    with transaction.atomic():
        _take(user, ends=True, touches_parts=True)
        if last_administrator.administers(user):
            last_administrator.require_another(user)
        ended = account_ends.end_credentials(user)
        audit.record(actor=actor, action="user.delete", subject=user, **audit.listed("tokens_revoked", ended))
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
    if len(password) > passwords.MAX_PASSWORD:
        raise Invalid(f"Choose a password of at most {passwords.MAX_PASSWORD} characters.", code="password-too-long")
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
