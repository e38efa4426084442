"""What every first start makes alike, made once for a test run: the migrated database and the collected static files.

An installation of a test begins with copies of them; its secrets, people and keys it still makes itself, each its own.  Where
there is no test run (benches, soaks) everything begins from nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.plugins import run_folder

_ROOT = Path(__file__).resolve().parent.parent.parent
_DATABASE, _STATIC = "tpi.sqlite3", "static"
_MAKE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
from tpi_site.kit import static_files
static_files.collect()
"""


def begin(data: Path, *, with_database: bool) -> None:
    """Put what an empty data folder lacks into it; of one that is in use only the static files are touched."""
    template = _installation()
    if template is None:
        return
    data.mkdir(mode=0o700, exist_ok=True)
    if with_database and not any(data.iterdir()):
        shutil.copy(template / _DATABASE, data)
    if not (data / _STATIC).exists():
        shutil.copytree(template / _STATIC, data / _STATIC)


def migrate(environment: Mapping[str, str]) -> None:
    """Migrate the database and collect the static files of an installation that does not run."""
    subprocess.run(
        [sys.executable, "-c", _MAKE],
        cwd=_ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tpi_site.settings.base", "PATH": os.environ["PATH"], **environment},
        umask=0o077,
        check=True,
    )


def once(name: str, make: Callable[[Path], None]) -> Path | None:
    """The folder ``name`` of this run, made by whichever process asks first; None outside of a run."""
    if run_folder.VARIABLE not in os.environ:
        return None
    folder = run_folder.current() / f"template-{name}"
    with _alone(folder):
        if not folder.exists():
            making = folder.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            make(making)
            making.rename(folder)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _installation() -> Path | None:
    def make(folder: Path) -> None:
        folder.mkdir(mode=0o700)
        migrate({"TPI_DATA_DIR": str(folder)})
        assert not (folder / f"{_DATABASE}-wal").exists(), "the database is not all in its file"

    return once("installation", make)
