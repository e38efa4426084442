"""The note that a database was moved: what is left of it must not be taken for the installation.

It lies in the data folder, names both databases without their passwords, and is read with the settings, so that every
command and every start on the old database is refused.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_NAME = "database-moved.json"


def described(database: dict[str, Any]) -> str:
    """Django's settings of a database in words: kind, host and name."""
    if "sqlite3" in database["ENGINE"]:
        return f"sqlite:///{database['NAME']}"
    hosts, ports = str(database.get("HOST") or "").split(","), str(database.get("PORT") or "5432").split(",")
    servers = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
    return f"postgres://{servers}/{database['NAME']}"


def note(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> Path:
    """Write down that the one was moved to the other; returns the file, which is to be removed to go back."""
    path = folder / _NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"from": described(old), "to": described(new)}, file)
        file.flush()
        os.fsync(file.fileno())
    return path


def refusal(folder: Path, database: dict[str, Any]) -> str:
    """Why this database must not be used any more; empty where it was not moved."""
    path = folder / _NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["from"] != described(database):
            return ""
        return (
            f"the database {found['from']} was moved to {found['to']}; give the settings that the service has now (README: "
            f"'. /etc/tpi/tpi.env'), or remove {path} to go back to the old one."
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ""
