"""How long a replica and its primary take to find what differs among many files, and what memory that costs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.bench import corpus
from tests.bench.corpus import Shape
from tests.bench.installation import Installation
from tests.bench.lines.memory import Rise
from tests.bench.processes import PYTHON, ROOT
from tests.bench.table import Line, Table, Target
from tests.servers.data_folder import DataFolder

SETTINGS = {"TPI_TOKEN_PEPPER": "a pepper that both of them have, as they must", "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}
_DIFFERENCES = 10
_TIME = Target(60, is_ceiling=True, unit=" s")
_MEMORY = Target(300, is_ceiling=True, unit=" MiB")
_EXTRA = Target(64, is_ceiling=True, unit=" MiB")
_COPIED = ("blob", "project", "release", "file", "change")


def measure_verify(table: Table, primary: Installation, folder: Path, shape: Shape) -> None:
    """``replication verify`` of two installations with the same rows, but for ten files that are others."""
    replica = DataFolder.prepared(folder / "verify-replica", SETTINGS)
    with primary.server:
        secret = json.loads(primary.inside("tests.servers.inside", "invite", '{"name": "far"}'))
        (replica.data / "secret").write_text(secret)
        url = f"http://127.0.0.1:{primary.port}"
        _require(replica.manage("replication", "join", url, str(replica.data / "secret")), 0)
        _require(replica.manage("replication", "follow", "--once"), 0)
    corpus.seed(primary.database, shape)
    _copy(primary.data, replica.data)
    with primary.server:
        primary.server.settle()
        rise = Rise(primary)
        result, seconds, peak = _verify(replica)
        risen = rise.mib
    named = len(result["differences"])
    if (result["replica"]["files"], named) != (shape.projects * shape.files, _DIFFERENCES):
        raise RuntimeError(f"verify names {named} differences: {result['differences'][:3]}")
    name = f"replica and primary of {result['replica']['files']:,} files compared, {named} differ"
    table.add(Line(name, f"{seconds:.1f} s", "", seconds, _TIME))
    table.add(Line("  peak memory at the replica", f"{peak:.0f} MiB", "", peak, _MEMORY))
    table.add(Line("  memory of a worker at the primary", f"+{risen:.0f} MiB at most", "", risen, _EXTRA))


def _require(done: subprocess.CompletedProcess[str], code: int) -> None:
    if done.returncode != code:
        raise RuntimeError(f"{done.args} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")


def _copy(primary: Path, replica: Path) -> None:
    """What the replica would have taken by and by; then some of its files are others."""
    with closing(sqlite3.connect(replica / "tpi.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("ATTACH ? AS there", [str(primary / "tpi.sqlite3")])
        database.execute("BEGIN")
        for name in _COPIED:
            columns = ", ".join(f'"{row[1]}"' for row in database.execute(f"PRAGMA table_info(indexapp_{name})"))
            statement = f"INSERT OR IGNORE INTO indexapp_{name} ({columns}) SELECT {columns} FROM there.indexapp_{name}"
            database.execute(statement)
        database.execute("UPDATE indexapp_following SET cursor = (SELECT max(serial) FROM there.indexapp_change)")
        (last,) = database.execute("SELECT max(id) FROM indexapp_file").fetchone()
        for place in range(_DIFFERENCES):
            other = [f"{place:064x}", last - place * (last // _DIFFERENCES)]
            database.execute("UPDATE indexapp_file SET sha256 = ? WHERE id = ?", other)
        database.execute("COMMIT")


def _verify(replica: DataFolder) -> tuple[dict[str, Any], float, float]:
    """What it found, the seconds that it took with the start of its process, and the MiB that this had at most."""
    path = replica.data / "result.json"
    command = [PYTHON, "manage.py", "replication", "verify", "--json", str(path)]
    began = time.monotonic()
    with (replica.data / "verify.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=replica.environment, stdout=log, stderr=log)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if not path.is_file():
        raise RuntimeError(f"verify failed:\n{(replica.data / 'verify.log').read_text()[-2000:]}")
    found: dict[str, Any] = json.loads(path.read_text())["result"]
    return found, seconds, used.ru_maxrss / 1024
