"""Typed readers of the environment.

Each reader takes the variable's name and default and never raises: a value that cannot be used is remembered in
:data:`problems` and reported by the system check ``tpi.E001``, so that a person sees every mistake at once, with a
hint, instead of a stack trace for the first.  A variable ``X`` may also be given as ``X_FILE``, the path of a file that
holds the value, as container platforms mount secrets.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import dj_database_url

T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """A variable whose value cannot be used, and what would be right."""

    variable: str
    sentence: str


problems: list[Problem] = []
declared: dict[str, str] = {}
"""Every variable that a reader was asked for, with its default as text; the documentation is tested against it."""


def _raw(name: str, default: str) -> str | None:
    """The value given for ``name`` (or through ``name_FILE``), or None when neither is set."""
    declared[name] = default
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name)
    if name in os.environ:
        problems.append(Problem(name, f"both {name} and {name}_FILE are set; keep one of them."))
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(name, f"the file that {name}_FILE names cannot be read: {error}."))
        return None


def _parsed(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    value = _raw(name, str(default))
    if value is None or value == "":
        return default
    try:
        return parse(value)
    except (ValueError, KeyError):
        problems.append(Problem(name, f"the value must be {expected}."))
        return default


def text(name: str, default: str = "") -> str:
    """A string; empty counts as not set."""
    return _raw(name, default) or default


def integer(name: str, default: int, *, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``."""

    def parse(value: str) -> int:
        number = int(value)
        if number < minimum:
            raise ValueError
        return number

    return _parsed(name, default, parse, f"a whole number of at least {minimum}")


_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def switch(name: str, *, default: bool) -> bool:
    """``on`` or ``off`` (also true/false, yes/no, 1/0)."""
    value = _parsed(
        name, "on" if default else "off", lambda text: "on" if _SWITCH[text.lower()] else "off", "on or off"
    )
    return value == "on"


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    """One of ``options``."""

    def parse(value: str) -> str:
        if value not in options:
            raise ValueError
        return value

    return _parsed(name, default, parse, "one of " + ", ".join(options))


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, ",".join(default)).split(",") if word.strip()]


_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
}
"""How soon a PostgreSQL server that has fallen silent is given up, where the address says nothing else; see libpq."""


def database(name: str, default: str) -> dict[str, Any]:
    """A database address as Django's settings: ``sqlite:///path`` or ``postgres://user:password@host:port/name``.

    Of PostgreSQL there may be several hosts with commas between them; that which takes writes is used.
    """
    fallback = read_database(default)
    try:
        return read_database(_raw(name, default) or default)
    except ValueError:  # dj_database_url's own errors are ValueErrors too; the value is not shown, it holds a password
        problems.append(Problem(name, "the value must be a sqlite:// or postgres:// address, without a pool."))
        return fallback


def read_database(value: str) -> dict[str, Any]:
    """A database address as :func:`database` takes it; raises ValueError.

    Django's pool is refused; docs/high-availability.md says why connections that threads keep are better.
    """
    value, servers = _servers(value)
    found: dict[str, Any] = dict(dj_database_url.parse(value, conn_max_age=None, conn_health_checks=True))
    if found["ENGINE"] == "django.db.backends.postgresql":
        found["OPTIONS"] = _PATIENCE | found.get("OPTIONS", {})
        if servers:
            found |= servers
            found["OPTIONS"].setdefault("target_session_attrs", "read-write")
    elif found["ENGINE"] != "django.db.backends.sqlite3" or servers:
        raise ValueError
    if "pool" in found.get("OPTIONS", {}):
        raise ValueError
    return found


def replica(name: str, value: str) -> dict[str, Any]:
    """The address of a PostgreSQL server that may be a standby; pages must not wait long for it."""
    try:
        found = read_database(value)
    except ValueError:
        found = {"ENGINE": ""}
    if "postgresql" not in found["ENGINE"]:
        problems.append(Problem(name, "the value must be a postgres:// address."))
        return read_database("postgres://127.0.0.1:9/nothing")
    found["ENGINE"] = "django.db.backends.postgresql"
    found["OPTIONS"] |= {"connect_timeout": 2, "target_session_attrs": "any"}
    return found


def _servers(value: str) -> tuple[str, dict[str, str]]:
    """The address with the first of its hosts, and the settings that name them all if there are several."""
    scheme, _, rest = value.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, hosts = authority.rpartition("@")
    if "," not in hosts:
        return value, {}
    pairs = [host.rpartition(":") if _PORT.search(host) else (host, "", "5432") for host in hosts.split(",")]
    if not all(host and port.isdigit() for host, _, port in pairs):
        raise ValueError
    servers = {
        "ENGINE": "tpi_site.kit.postgresql",
        "HOST": ",".join(host.strip("[]") for host, _, _ in pairs),
        "PORT": ",".join(port for _, _, port in pairs),
    }
    return f"{scheme}://{user}{at}{hosts.partition(',')[0]}{slash}{path}", servers


_PORT = re.compile(r":[^\]]*\Z")


def generated_secret(name: str, path: Path, *, minimum_length: int = 32) -> str:
    """A secret from the environment, else from ``path``, which is made (mode 0600) at the first start."""
    given = _raw(name, "made at first start")
    if given:
        if len(given) < minimum_length or len(set(given)) < minimum_length // 4:
            problems.append(Problem(name, f"the secret is weak; give at least {minimum_length} random characters."))
        return given
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _make_secret(path)


def _make_secret(path: Path) -> str:
    """Write a new secret so that of two first starts at once both read the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_urlsafe(64).encode("ascii"))
        os.fsync(descriptor)
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        candidate.unlink()
    return path.read_text(encoding="ascii").strip()
