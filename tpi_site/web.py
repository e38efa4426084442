"""``python -m tpi_site.web``: make the installation ready, then serve it with gunicorn, in one process.

Django is imported once: what ``prepare`` has loaded, gunicorn's workers share.
"""

from __future__ import annotations

import os
import sys

import django

_PATIENCE = 15.0
"""Seconds that the processes of a killed predecessor have to let go of the address."""


def main() -> None:
    """Prepare and serve; ends with ``EX_CONFIG`` when a setting makes that impossible, ``EX_TEMPFAIL`` when it may pass."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    os.umask(0o077)
    django.setup()
    _require_free_address()
    _prepare()
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["gunicorn", "-c", "deploy/gunicorn.conf.py"]
    WSGIApplication("%(prog)s [OPTIONS]").run()


def _require_free_address() -> None:
    from django.conf import settings

    from tpi_site.kit import ports

    bind = settings.TPI_BIND
    if bind.rpartition(":")[2].isdigit() and not ports.wait_until_free(bind, seconds=_PATIENCE):
        sys.stderr.write(f"{bind} is in use; stop what listens there, or set TPI_BIND to another address.\n")
        sys.exit(os.EX_CONFIG)


def _prepare() -> None:
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError
    from django.db import connections

    from tpi_site.kit.errors import Refusal

    try:
        call_command("prepare", serving=True)
    except SystemCheckError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(os.EX_CONFIG)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal.detail}\n")
        sys.exit(exit_code(refusal))
    finally:
        sys.stdout.flush()  # a log file should hold the welcome before the first request
        connections.close_all()  # the workers connect for themselves


def exit_code(refusal: Exception) -> int:
    """Whether starting again may help: the supervisor and systemd try again after all but ``EX_CONFIG``."""
    from tpi_site.kit.errors import Unavailable
    from tpi_site.kit.key_ring import KeyRingBroken

    may_pass = isinstance(refusal, Unavailable) and not isinstance(refusal, KeyRingBroken)
    return os.EX_TEMPFAIL if may_pass else os.EX_CONFIG


if __name__ == "__main__":
    main()
