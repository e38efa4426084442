"""Writing the directories that the environment configures to the rows that sign-ins read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.domain.actors import internal
from accounts.models import Directory
from accounts.services.directories import settings
from tpi_site.kit.errors import Invalid


def write(configured: Mapping[str, Mapping[str, Any]]) -> None:
    """Make the rows equal to what is configured; one that is configured no more is switched off, and its people stay."""
    actor = internal("environment")
    for place, (name, values) in enumerate(configured.items()):
        row = Directory.objects.filter(name=name).first()
        given = {**values, "place": place, "enabled": True}
        if row is None:
            settings.create(actor=actor, name=name, origin=Directory.Origin.ENVIRONMENT, **given)
        elif row.origin != Directory.Origin.ENVIRONMENT:
            raise Invalid(
                f"TPI_LDAP names the directory '{name}', which was made in the console; give one of them another name.",
                code="directory-exists",
            )
        elif changed := _changed(row, given):
            settings.change(actor=actor, directory=row, **changed)
    stale = Directory.objects.filter(origin=Directory.Origin.ENVIRONMENT, enabled=True).exclude(name__in=configured)
    for row in stale:
        settings.change(actor=actor, directory=row, enabled=False)


def _changed(row: Directory, given: dict[str, Any]) -> dict[str, Any]:
    present = settings.settings_of(row)
    return {
        name: value
        for name, value in given.items()
        if value != (present.bind_password if name == "bind_password" else getattr(row, name))
    }
