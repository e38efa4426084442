"""A throw-away PostgreSQL server on a socket below the run's folder."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

_BIN = Path("/usr/lib/postgresql/15/bin")
_USER = "tpi"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
}
_PATIENCE = 30.0


def start(folder: Path) -> str:
    """Start a server of this run's own below ``folder`` and return its address as ``TPI_DATABASE_URL`` takes it.

    It ends with this process, however that ends, because the kernel is asked to interrupt it then.
    """
    home = folder / "postgresql"
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    initdb = [_BIN / "initdb", "-D", home / "data", "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync", "-N"]
    subprocess.run(_as_owner(*initdb), check=True, stdout=subprocess.DEVNULL, cwd="/")
    options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = [_BIN / "postgres", "-D", home / "data", "-k", home, *options]
    with (folder / "postgresql.log").open("wb") as log:
        # A session of its own: Ctrl-C is for the tests, which still need the server to clear up.
        process = subprocess.Popen(
            _as_owner(*server), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True
        )
    atexit.register(_stop, process, home)
    _wait_until_ready(process, home, folder / "postgresql.log")
    return f"postgres://{_USER}@{quote(str(home), safe='')}/{_USER}"


def _as_owner(*command: str | Path) -> list[str]:
    """``command`` as an ordinary user (PostgreSQL refuses root), interrupted when its parent dies."""
    lower = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    clean = ["env", "-i", f"PATH={_BIN}:/usr/bin:/bin", "LC_ALL=C.UTF-8"]
    return ["setpriv", *lower, "--pdeathsig", "INT", *clean, *map(str, command)]


def _wait_until_ready(process: subprocess.Popen[bytes], home: Path, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while subprocess.run([_BIN / "pg_isready", "-q", "-h", home], check=False).returncode:
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes], home: Path) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(home, ignore_errors=True)
