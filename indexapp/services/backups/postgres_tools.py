"""PostgreSQL's own programs, ``pg_dump`` and ``pg_restore``, as this machine has them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from tpi_site.kit.errors import Unavailable

_PIECE = 256 * 1024
_ONLY = ["--no-owner", "--no-privileges", "--no-comments"]
_OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}
_FIELDS = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}


def reached(connection: Any) -> dict[str, Any]:
    """The settings of a connection's database with the one server that it has reached, where several may be named."""
    connection.ensure_connection()
    there = connection.connection.info
    return {**connection.settings_dict, "HOST": there.host, "PORT": str(there.port)}


def dump(database: Mapping[str, Any], snapshot: str, server: int, file: BinaryIO) -> None:
    """Write the database as the exported ``snapshot`` has it, in PostgreSQL's custom format."""
    require(program := "pg_dump", server)
    command = [program, "--format=custom", "--compress=1", *_ONLY, f"--snapshot={snapshot}"]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=_environment(database)) as process:
            assert process.stdout is not None  # noqa: S101  asked for
            try:
                while piece := process.stdout.read(_PIECE):
                    file.write(piece)
            except BaseException:
                process.kill()
                raise
        _require_done(program, process.returncode, said)


def restore(database: Mapping[str, Any], pieces: Iterable[bytes]) -> None:
    """Fill the empty database from a dump, all or nothing."""
    command = ["pg_restore", "--single-transaction", "--exit-on-error", *_ONLY, f"--dbname={database['NAME']}"]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said, env=_environment(database)) as process:
            assert process.stdin is not None  # noqa: S101  asked for
            try:
                for piece in pieces:
                    process.stdin.write(piece)
                process.stdin.close()
            except BrokenPipeError:
                pass  # what it says tells why
            except BaseException:
                process.kill()  # before the end of its input is seen, so that nothing is committed
                raise
        _require_done(command[0], process.returncode, said)


def require(program: str, server: int) -> None:
    """Refuse where the program is missing or older than the server, whose dumps it could not make or read."""
    here = version(program)
    if here < server:
        what = f"version {here}" if here else "missing"
        raise Unavailable(
            f"The program {program} on this machine is {what}, and the server is PostgreSQL {server}: install PostgreSQL's "
            f"client programs of version {server} or later.",
            code="database-program",
        )


def version(program: str) -> int:
    """The program's major version, 0 where there is none."""
    if shutil.which(program) is None:
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


def _environment(database: Mapping[str, Any]) -> dict[str, str]:
    """Where the database is, as PostgreSQL's programs read it; a command line could be read by everybody."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    found |= {name: str(database[field]) for field, name in _FIELDS.items() if database.get(field)}
    options = database.get("OPTIONS") or {}
    return found | {name: str(options[option]) for option, name in _OPTIONS.items() if options.get(option)}


def _require_done(program: str, code: int, said: BinaryIO) -> None:
    if code:
        said.seek(0)
        last = said.read(4000).decode("utf-8", "replace").strip().replace("\n", " ")
        raise Unavailable(f"{program} ended with {code}: {last[:400]}", code="database-program")
