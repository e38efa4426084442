#!/usr/bin/env python
"""Django's command line for the Trusted Packaging Index."""

from __future__ import annotations

import os
import sys

from tpi_site import command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    command_line.run(sys.argv)
