"""The settings of the installation, by name, for who has to set up another machine in its place; secrets are left out."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import urlsplit

from tpi_site.settings import env

_SECRET = re.compile(r"SECRET|PEPPER|PASSWORD|KEY|TOKEN|LDAP|DIRECTOR|LICENSE|CREDENTIAL")
_HARMLESS = {"TPI_TOKEN_MAX_DAYS", "TPI_SERVICE_TOKEN_MAX_DAYS", "TPI_VERIFIED_PASSWORD_SECONDS"}
LEFT_OUT = "(set; keep it apart from backups)"


def settings_by_name() -> dict[str, str]:
    """Every setting that the environment gives; of one that may hold a secret only that it is set."""
    found = {}
    for name in sorted(env.declared):
        value = os.environ.get(name) or os.environ.get(f"{name}_FILE")
        if value:
            found[name] = _shown(name, value)
    return found


def as_json() -> bytes:
    """As a part of the backup."""
    return json.dumps(settings_by_name(), indent=1).encode()


def _shown(name: str, value: str) -> str:
    if name not in _HARMLESS and (_SECRET.search(name) or f"{name}_FILE" in os.environ):
        return LEFT_OUT
    return _without_password(value) if "://" in value else value


def _without_password(address: str) -> str:
    """An address without what stands before its host, and without options, which may be credentials."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return LEFT_OUT
    user = parts.username
    who = f"{user}@" if user else ""
    kept = "&".join(each for each in parts.query.split("&") if each and not _SECRET.search(each.upper()))
    return f"{parts.scheme}://{who}{host}{parts.path}" + (f"?{kept}" if kept else "")
