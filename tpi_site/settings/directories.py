"""Directories that the environment configures: ``TPI_LDAP`` names them, ``TPI_LDAP_<NAME>_<FIELD>`` says how each is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tpi_site.settings import env

_TEXTS = {
    "title": "",
    "kind": "ldap",
    "hosts": "",
    "security": "ldaps",
    "bind": "account",
    "bind_dn": "",
    "bind_password": "",
    "user_template": "",
    "user_base": "",
    "user_filter": "",
    "name_attribute": "",
    "group_base": "",
    "group_filter": "",
}
_SWITCHES = ("verify_certificate", "only_mapped")
_NUMBERS = ("timeout", "page_size", "removal_limit")


def read() -> dict[str, dict[str, Any]]:
    """By name all fields, those of a directory in the console; what is not set has its usual value, also after a change."""
    return {name: _directory(name) for name in env.words("TPI_LDAP")}


def _directory(name: str) -> dict[str, Any]:
    prefix = f"TPI_LDAP_{name.upper().replace('-', '_')}_"  # as accounts' environment.variable_part has it
    found: dict[str, Any] = {}
    for field, usual in _TEXTS.items():
        found[field] = env.text(prefix + field.upper(), usual)
    found["nesting"] = env.text(prefix + "NESTING", "chain" if found["kind"] == "active-directory" else "walk")
    for field in _SWITCHES:
        found[field] = env.switch(prefix + field.upper(), default=field == "verify_certificate")
    for field, default in zip(_NUMBERS, (5, 500, 20), strict=True):
        found[field] = env.integer(prefix + field.upper(), default, minimum=1)
    path = env.text(prefix + "CA_FILE")
    found["ca_certificates"] = _certificates(prefix + "CA_FILE", path) if path else ""
    return found


def _certificates(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        env.problems.append(env.Problem(variable, f"the certificates cannot be read: {error}."))
        return ""
