"""Configuring directories and what their groups mean here."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.domain import directory_fields, directory_settings, sealed_purposes
from accounts.domain.actors import Actor
from accounts.domain.directory_settings import DirectorySettings, Fault
from accounts.domain.instance_roles import InstanceRole
from accounts.models import Directory, GroupMapping, Membership, Team
from accounts.permissions import require_person
from accounts.services import audit, last_administrator
from accounts.services.directories import switching
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, InvalidFields, NotFound
from tpi_site.kit.sealing import resealed, seal, unseal

EDITABLE = frozenset(directory_fields.LABELS)
ADMINISTRATOR = "administrator"
"""As an instance role of a mapping: who is in the group administers the instance."""
_MOST = 32_767
_PLAIN = (
    "name",
    "kind",
    "hosts",
    "user_base",
    "security",
    "ca_certificates",
    "verify_certificate",
    "timeout",
    "bind_dn",
)
_MORE = ("user_template", "user_filter", "name_attribute", "group_base", "group_filter", "nesting", "page_size")


def settings_of(directory: Directory) -> DirectorySettings:
    """The row as the clients take it, with the bind account's password in clear."""
    return plain_settings(directory, unseal(directory.bind_password, purpose(directory)))


def plain_settings(directory: Directory, password: str) -> DirectorySettings:
    """As :func:`settings_of`, with a bind account's password that is not the row's."""
    given = {name: getattr(directory, name) for name in (*_PLAIN, *_MORE)}
    given["group_base"] = directory.group_base or directory.user_base
    return DirectorySettings(**given, direct=directory.bind == Directory.Bind.DIRECT, bind_password=password)


def spellings_of(directory: Directory) -> int:
    """By how many names a person may be given to the directory before it is known whose they are."""
    if directory.bind != Directory.Bind.DIRECT:
        return 1  # the entry is found first
    given = {name: getattr(directory, name) for name in ("name", "kind", "hosts", "user_base", "name_attribute")}
    return len(DirectorySettings(**given).names)


def purpose(directory: Directory) -> str:
    """What the directory's bind password is sealed for: it, and the servers that the password is shown to."""
    return sealed_purposes.of_directory(*(getattr(directory, name) for name in sealed_purposes.DIRECTORY))


def create(*, actor: Actor, name: str, origin: str = Directory.Origin.CONSOLE, **values: Any) -> Directory:
    """Make a directory; it takes part in sign-ins at once where it is enabled."""
    require_may_configure(actor)
    directory = Directory(name=name, origin=origin)
    if "nesting" not in values and values.get("kind") == Directory.Kind.ACTIVE_DIRECTORY:
        values["nesting"] = Directory.Nesting.CHAIN
    _set(actor, directory, values)
    with transaction.atomic():
        if (present := Directory.objects.filter(name=name).first()) is not None:
            require_kept(present)
            raise Conflict(f"There is a directory named '{name}' already.", code="directory-exists")
        directory.bind_password = resealed(directory.bind_password, purpose(directory))
        directory.save()
        audit.record(actor=actor, action="directory.create", subject=directory, after=_shown(values))
    return directory


def change(*, actor: Actor, directory: Directory, origin: str = "", **values: Any) -> Directory:
    """Change some of :data:`EDITABLE`; an absent ``bind_password`` keeps the one that is there.

    ``origin`` is the environment's to give, which is not refused to switch off what all administrators come through.
    """
    require_may_configure(actor)
    with transaction.atomic():
        if not values.get("enabled", True):
            last_administrator.hold()  # before the row is held, as everywhere
        _hold_row(directory)
        require_changed_here(actor, directory)
        require_kept(directory)
        was_enabled = directory.enabled
        if not values.get("enabled", True):
            _see_to_administrators(actor, directory)
        moved = {"origin": origin} if origin else {}
        before = {name: getattr(directory, name) for name in (*values, *moved) if name != "bind_password"}
        _set(actor, directory, values)
        if directory.enabled != was_enabled:
            (switching.on if directory.enabled else switching.off)(directory)
        directory.origin = origin or directory.origin
        directory.save(update_fields={*values, *moved, "bind_password"})
        after = _shown(values | moved)
        audit.record(actor=actor, action="directory.change", subject=directory, before=before, after=after)
    return directory


def _hold_row(directory: Directory) -> None:
    """Read the row again and keep it: what is in memory may be older than a removal or another change."""
    try:
        directory.refresh_from_db(from_queryset=Directory.objects.select_for_update(no_key=True))
    except Directory.DoesNotExist:
        raise NotFound("The directory was removed in the meantime.") from None


def _see_to_administrators(actor: Actor, directory: Directory) -> None:
    """A person is refused to switch off what all of them come through; variables say how it is, and it is told."""
    if actor.user_id is not None:
        last_administrator.require_one_outside(directory)
    else:
        last_administrator.ring_if_none_outside(directory)


_WHERE_PASSWORDS_GO = ("hosts", "security", "ca_certificates", "verify_certificate", "bind_dn")
"""Who changes one of these shows that they know the bind password, which would else be sent where they like."""


def map_group(
    *,
    actor: Actor,
    directory: Directory,
    group_dn: str,
    team: Team | None = None,
    role: str = "",
    instance_role: str = "",
) -> GroupMapping:
    """Let a group's members hold a place in ``team``, or a part for the instance; it holds from their next sign-in or sync."""
    _require_may_map(actor, instance_role)
    _require_aim(team, role, instance_role)
    group_dn = _as_mapped(directory, _checked_dn(group_dn))
    role = (role or Membership.Place.MEMBER) if team else ""
    with transaction.atomic():
        mapping, is_new = GroupMapping.objects.get_or_create(
            directory=directory, group_dn=group_dn, team=team, instance_role=instance_role, defaults={"role": role}
        )
        if not is_new and mapping.role == role:
            raise Conflict("The group is mapped so already.", code="mapping-exists")
        GroupMapping.objects.filter(pk=mapping.pk).update(role=role)
        mapping.role = role
        audit.record(actor=actor, action="directory.map-group", subject=mapping, **_aim(mapping))
    return mapping


def unmap_group(*, actor: Actor, mapping: GroupMapping) -> None:
    """End a mapping; what it gave ends with its people's next sign-in or sync."""
    _require_may_map(actor, mapping.instance_role)
    with transaction.atomic():
        audit.record(actor=actor, action="directory.unmap-group", subject=mapping, **_aim(mapping))
        if not GroupMapping.objects.filter(pk=mapping.pk).delete()[0]:
            raise NotFound("The mapping was taken away in the meantime.")


def _aim(mapping: GroupMapping) -> dict[str, str]:
    return {
        "directory": mapping.directory.name,
        "team": mapping.team.name if mapping.team else "",
        "role": mapping.role,
        "instance_role": mapping.instance_role,
    }


def require_may_configure(actor: Actor) -> None:
    """Refuse who may not configure directories."""
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may configure directories.", code="administrator-needed")


def require_changed_here(actor: Actor, directory: Directory) -> None:
    """Refuse people where variables of the environment configure the directory."""
    if directory.origin == Directory.Origin.ENVIRONMENT and actor.user_id is not None:
        raise Conflict(
            f"The directory '{directory.name}' is configured by TPI_LDAP_ variables; change it there.",
            code="directory-from-environment",
        )


class BeingRemoved(Conflict):
    """The directory is on its way out."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The directory '{name}' is being removed; wait until that is over.", code="directory-being-removed"
        )


def require_kept(directory: Directory) -> None:
    """Refuse a directory that is being removed, as far as the row in memory knows."""
    if directory.removal_id is not None:
        raise BeingRemoved(directory.name)


def _require_may_map(actor: Actor, instance_role: str) -> None:
    require_may_configure(actor)
    if instance_role:
        require_person(actor, "change which group plays a part for the instance")
    if instance_role and instance_role not in {ADMINISTRATOR, *(role.value for role in InstanceRole)}:
        raise Invalid(f"'{instance_role}' is not an instance role.", code="role-unknown")


def _require_aim(team: Team | None, role: str, instance_role: str) -> None:
    if (team is None) == (not instance_role):
        raise Invalid("Map a group either to a team or to an instance role.", code="mapping-aim")
    if team and role and role not in Membership.Place.values:
        raise Invalid(
            f"'{role}' is not a place in a team; use {', '.join(Membership.Place.values)}.", code="role-unknown"
        )


def _checked_dn(text: str) -> str:
    from accounts.clients.ldap_connection import DirectoryFault, require_library
    from accounts.clients.ldap_groups import is_dn

    try:
        require_library()
    except DirectoryFault as fault:
        raise Invalid(fault.sentence, code="directory-library") from None
    if not is_dn(text):
        raise Invalid(
            f"{text!a} is not a distinguished name; copy the group's, such as cn=devs,ou=groups,dc=corp.",
            code="directory-dn",
        )
    return text.strip()


def _as_mapped(directory: Directory, group_dn: str) -> str:
    """The name as an earlier mapping of the same group writes it: case and blanks make no other group."""
    from accounts.clients.ldap_groups import normal_dn

    wanted = normal_dn(group_dn)
    known = GroupMapping.objects.filter(directory=directory).values_list("group_dn", flat=True).distinct()
    return next((name for name in known if normal_dn(name) == wanted), group_dn)


def _set(actor: Actor, directory: Directory, values: dict[str, Any]) -> None:
    if unknown := set(values) - EDITABLE:
        raise Invalid(f"A directory has no {', '.join(sorted(unknown))}.", code="field-fixed")
    if found := faults(directory, values, by_person=actor.user_id is not None):
        codes = {fault.code for fault in found}
        code = codes.pop() if len(codes) == 1 else "directory-invalid"
        raise InvalidFields({fault.field: fault.sentence for fault in found}, code=code)
    password, was_for = _password(directory, values), purpose(directory)
    for name, value in values.items():
        if name != "bind_password":
            setattr(directory, name, value)
    if "bind_password" in values or purpose(directory) != was_for:
        directory.bind_password = seal(password, purpose(directory))


def _password(directory: Directory, values: Mapping[str, Any]) -> str:
    """The one that is given, else the one that is kept."""
    if "bind_password" in values:
        return str(values["bind_password"])
    return unseal(directory.bind_password, purpose(directory))


def faults(directory: Directory, values: Mapping[str, Any], *, by_person: bool) -> list[Fault]:
    """What keeps ``directory`` from being given the values, one fault for each field; nothing is changed.

    People, unlike variables of the environment, give the bind password again where it would be sent elsewhere.
    """
    changed = copy.copy(directory)
    for name, value in values.items():
        if name != "bind_password":
            setattr(changed, name, value)
    wrong = _out_of_limits(changed)
    plain = _field_faults(changed, exclude={fault.field for fault in wrong})
    if not any(fault.field == "kind" for fault in plain):
        wrong += directory_settings.faults(plain_settings(changed, _password(directory, values)))
    wrong += plain
    if by_person and (places := _leads_elsewhere(directory, values)):
        sentence = f"Enter the bind account's password again; it would be sent elsewhere by what changed: {places}."
        wrong.append(Fault("bind_password", sentence, "directory-password-again"))
    return list({fault.field: fault for fault in reversed(wrong)}.values())[::-1]


def _leads_elsewhere(directory: Directory, values: Mapping[str, Any]) -> str:
    """The fields whose new values would take the bind password that is kept to another place."""
    if not directory.bind_password or values.get("bind_password"):
        return ""
    moved = [name for name in _WHERE_PASSWORDS_GO if name in values and values[name] != getattr(directory, name)]
    return ", ".join(directory_fields.LABELS[name] for name in moved)


def _out_of_limits(directory: Directory) -> list[Fault]:
    """Numbers that the table does not take."""
    found = []
    if not 1 <= directory.removal_limit <= 100:  # noqa: PLR2004  a percentage
        sentence = "The limit of removals is a percentage, from 1 to 100."
        found.append(Fault("removal_limit", sentence, "directory-limit"))
    numbers = [name for name in ("timeout", "page_size") if not 1 <= getattr(directory, name) <= _MOST]
    return [*found, *(Fault(name, f"This is a number from 1 to {_MOST}.", "directory-limit") for name in numbers)]


def _field_faults(directory: Directory, exclude: set[str]) -> list[Fault]:
    """What a field by itself does not take."""
    try:
        directory.full_clean(exclude={*exclude, "bind_password"}, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return [Fault(name, " ".join(sentences)) for name, sentences in error.message_dict.items()]
    return []


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    """What the audit log may hold of the values."""
    return {name: "(set)" if name == "bind_password" else value for name, value in values.items()}
