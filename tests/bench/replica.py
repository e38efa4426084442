"""Inside an installation: ``invite NAME`` prints a secret, ``join URL SECRET`` becomes a replica, ``wait NUMBER`` follows without taking anything."""

from __future__ import annotations

import os
import sys
import time
import uuid
from threading import Thread

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
_WAIT = 20.0


def main(deed: str, *given: str) -> None:
    """Do what the words say."""
    import django

    django.setup()
    from django.db import transaction

    from accounts.domain.actors import internal
    from indexapp.services.replication import applying, credentials, joining

    actor = internal("bench")
    if deed == "invite":
        sys.stdout.write(credentials.invite(actor=actor, name=given[0])[1])
    elif deed == "join":
        with transaction.atomic():
            applying.empty()  # every installation of the bench has people of its own
        joining.join(actor=actor, url=given[0], secret=given[1])
    else:
        _wait([credentials.invite(actor=actor, name=f"waiting-{number}")[1] for number in range(int(given[0]))])


def _wait(secrets: list[str]) -> None:
    """Ask for news again and again, as so many replicas that have everything."""
    for secret in secrets:
        Thread(target=_ask, args=(secret,), daemon=True).start()
    time.sleep(3600)


def _ask(secret: str) -> None:
    from indexapp.clients.primary import Primary
    from indexapp.services.replication import epochs, giving

    primary = Primary(f"http://{os.environ['TPI_BIND']}/", secret, str(uuid.uuid4()))
    epoch, asked = str(epochs.current().uuid), {"since": epochs.newest_serial(), **giving.generations()}
    while True:
        news = primary.news({**asked, "epoch": epoch}, _WAIT)
        asked = {"since": news["newest"], **news["generations"]}


if __name__ == "__main__":
    main(*sys.argv[1:])
