"""What goes along with switching a directory off and on.

While it is off, its people's tokens and sessions go on as those of a directory that is away since then: ``failing_since``
keeps the moment.  Nothing rings for it, and nobody comes in by password.
"""

from __future__ import annotations

from django.utils import timezone

from accounts.models import Directory, VerifiedPassword
from accounts.services import alarms, generations

ALARMS = ("directory-away", "directory-sync-paused", "directory-sync-broken", "directory-group-missing")
"""What rings about a directory in use; the subject is its name."""
_OFF = "Switched off."


def off(directory: Directory) -> None:
    """The directory is off from now on; call it in the transaction that says so, with the row held."""
    since = directory.failing_since or timezone.now()  # who has lapsed already does not begin again
    _write(directory, failing_since=since, failure=_OFF, paused_at=None)
    VerifiedPassword.objects.filter(user__directory=directory).delete()
    for code in ALARMS:
        alarms.settle(code, subject=directory.name)
    generations.bump_access()


def on(directory: Directory) -> None:
    """The directory is in use again, and how it is will be found out; call it as :func:`off`."""
    _write(directory, failing_since=None, failure="")
    generations.bump_access()


def _write(directory: Directory, **values: object) -> None:
    for name, value in values.items():
        setattr(directory, name, value)
    directory.save(update_fields=list(values))
