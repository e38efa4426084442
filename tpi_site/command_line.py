"""What ``manage.py`` looks at before Django: whether the settings of this shell are those of an installation.

A shell that has not the service's settings means the data folder beside the code: commands there would make an installation's
secrets and an empty database, or change one that was left behind.  Nothing is made before this was looked at.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from tpi_site.settings import env, moved

_NEEDING = frozenset(
    {
        "accept_secret",
        "audit_checkpoint",
        "backup",
        "collect_garbage",
        "encrypt_plaintext",
        "export_static",
        "fsck",
        "issue_token",
        "lifecycle",
        "move_database",
        "move_storage",
        "read_only",
        "remove_second_factor",
        "rotate_keys",
        "sync_directory",
        "test_directory",
        "test_upstream",
        "verify_audit",
    }
)
"""Commands that do something with an installation that is there."""
_BARE = frozenset({"volunteer_mirror"})
"""Commands that need no installation, and must not begin one."""
_MAKING = frozenset({"migrate", "prepare", "restore"})
_BASE = Path(__file__).resolve().parent.parent
_ADVICE = "give this shell the service's settings (README: 'set -a; . /etc/tpi/tpi.env; set +a'), or start TPI first."
_UNDEFINED_TABLE = "42P01"


def run(arguments: list[str]) -> None:
    """Run the command, or end with one sentence where it cannot be meant for what this shell's settings name."""
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError, ProgrammingError

    from tpi_site.kit.errors import Refusal

    command = arguments[1] if len(arguments) > 1 else ""
    if command in _NEEDING | _MAKING:
        os.umask(0o077)  # what is made is secret, the database file too
    if command in _BARE:
        for name in ("TPI_SECRET_KEY", "TPI_TOKEN_PEPPER"):
            if not os.environ.get(f"{name}_FILE"):
                os.environ.setdefault(name, secrets.token_urlsafe(64))  # for this process: none is made on the disk
    if sentence := refusal(command):
        sys.exit(f"CommandError: {sentence}")
    try:
        execute_from_command_line(arguments)
    except Refusal as refused:
        if "--traceback" in arguments:
            raise
        sys.exit(f"{refused.detail} {getattr(refused, 'why', '')}".strip())
    except (OperationalError, ProgrammingError) as error:
        if command not in _NEEDING or not _lacks_tables(error):
            raise
        sys.exit(f"CommandError: The database has no tables of TPI, or older ones: {_ADVICE}")


def refusal(command: str) -> str:
    """Why the command is not begun, in a sentence; empty where nothing is in its way.  Nothing is made."""
    folder = _BASE / (os.environ.get("TPI_DATA_DIR") or "var/")
    try:
        database = env.read_database(_address() or f"sqlite:///{folder / 'tpi.sqlite3'}")
    except (OSError, ValueError):  # which the checks tell of
        return ""
    if command in _NEEDING | _MAKING and (sentence := moved.refusal(folder, database)):
        return sentence[0].upper() + sentence[1:]
    if command in _NEEDING and "sqlite3" in database["ENGINE"] and not Path(database["NAME"]).exists():
        return f"There is no installation at {folder} (no {Path(database['NAME']).name}): {_ADVICE}"
    return ""


def _address() -> str:
    path = os.environ.get("TPI_DATABASE_URL_FILE")
    return Path(path).read_text(encoding="utf-8").strip() if path else os.environ.get("TPI_DATABASE_URL", "")


def _lacks_tables(error: Exception) -> bool:
    return "no such table" in str(error) or getattr(error.__cause__, "sqlstate", "") == _UNDEFINED_TABLE
