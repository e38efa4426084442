"""The ASGI application, for servers that speak nothing else; reads then go through Django's views."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
application = get_asgi_application()
