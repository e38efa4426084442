#!/usr/bin/env python
"""Django's command line for the Trusted Packaging Index."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from tpi_site.kit.errors import Refusal

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    try:
        execute_from_command_line(sys.argv)
    except Refusal as refusal:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"{refusal.detail} {getattr(refusal, 'why', '')}".strip())
