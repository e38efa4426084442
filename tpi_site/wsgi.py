"""The WSGI application: installers' reads in front, Django behind."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
_django = get_wsgi_application()

from indexapp.views.machine.wsgi import MachineReads  # noqa: E402  models need the apps that were just loaded

application = MachineReads(_django)
