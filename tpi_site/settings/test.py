"""Settings of the test suite: the shipped ones over a throw-away data folder, with cheap password hashing."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("TPI_DATA_DIR", tempfile.mkdtemp(prefix="tpi-test-"))

from tpi_site.settings.base import *  # noqa: F403  the shipped settings are what is tested
from tpi_site.settings.base import STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
