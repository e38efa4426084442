"""Writing the directories that the environment configures to the rows that sign-ins read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accounts.domain.actors import internal
from accounts.models import Directory
from accounts.services.directories import settings
from tpi_site.kit.errors import Invalid, Unavailable
from tpi_site.kit.sealing import SECRET_SEALED


def write(configured: Mapping[str, Mapping[str, Any]]) -> None:
    """Make the rows equal to what is configured.

    One that is configured no more is switched off, its people stay, and the console may change or delete it; it is taken
    back when the variables return.
    """
    actor = internal("environment")
    for place, (name, values) in enumerate(configured.items()):
        row = Directory.objects.filter(name=name).first()
        given = {**values, "place": place, "enabled": True, "origin": Directory.Origin.ENVIRONMENT}
        if row is None:
            settings.create(actor=actor, name=name, **given)
        elif row.origin == Directory.Origin.CONSOLE:
            raise Invalid(
                f"TPI_LDAP names the directory '{name}', which was made in the console; give one of them another name.",
                code="directory-exists",
            )
        elif changed := _changed(row, given):
            settings.change(actor=actor, directory=row, **changed)
    for row in Directory.objects.filter(origin=Directory.Origin.ENVIRONMENT).exclude(name__in=configured):
        settings.change(actor=actor, directory=row, enabled=False, origin=Directory.Origin.RELEASED)


def variable_part(name: str) -> str:
    """The name as it stands in the variables of the directory's fields."""
    return name.upper().replace("-", "_")


def made_in_console(names: Iterable[str]) -> list[str]:
    """Which of the names directories have that were made in the console."""
    rows = Directory.objects.filter(name__in=names, origin=Directory.Origin.CONSOLE)
    return list(rows.order_by("name").values_list("name", flat=True))


def faults(name: str, values: Mapping[str, Any]) -> list[str]:
    """What keeps the values from being a directory, a sentence for each field; nothing is read or written."""
    found = settings.faults(Directory(name=name), values, by_person=False)
    return [f"{variable(name, fault.field)}: {fault.sentence}" for fault in found]


def variable(name: str, field: str) -> str:
    """The variable that holds a field; that of the name itself is the list of names."""
    fields = {"ca_certificates": "CA_FILE"}
    return "TPI_LDAP" if field == "name" else f"TPI_LDAP_{variable_part(name)}_{fields.get(field, field.upper())}"


def _changed(row: Directory, given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in given.items()
        if value != (_password(row) if name == "bind_password" else getattr(row, name))
    }


def _password(row: Directory) -> str | None:
    """The bind password that is kept; None where it does not open, so that the one of the environment is kept anew."""
    try:
        return settings.settings_of(row).bind_password
    except Unavailable as error:
        if error.code != SECRET_SEALED:
            raise
        return None
