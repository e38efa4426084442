"""Run the function that the command line names."""

from __future__ import annotations

import json
import os
import sys

import django

from tests.servers import inside

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    sys.stdout.write(json.dumps(getattr(inside, sys.argv[1])(**json.loads(sys.argv[2]))))
