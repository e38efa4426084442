"""pytest plugin, loaded by ``-p`` because pytest-django reads the settings before any conftest.

Gives the run a folder and settings of its own, whatever the shell has set, and starts PostgreSQL where
``TPI_TEST_DATABASE=postgresql`` asks for it. The processes of a parallel run share what the first one started, and have
data of their own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.plugins import postgresql, run_folder


def _prepare() -> None:
    for name in [name for name in os.environ if name.startswith("TPI_") and not name.startswith("TPI_TEST_")]:
        del os.environ[name]
    folder = run_folder.begin()
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(run_folder.place()))  # of tmp_path
    os.environ["TPI_DATA_DIR"] = str(folder / "data")
    (folder / "data" / "static").mkdir(parents=True)  # where the first start of an installation collects static files
    database = os.environ.get("TPI_TEST_DATABASE", "sqlite")
    if database == "postgresql":
        os.environ["TPI_DATABASE_URL"] = postgresql.start(folder)
    elif database != "sqlite":
        raise RuntimeError("TPI_TEST_DATABASE is either sqlite or postgresql.")


def _take_own_data() -> None:
    """A folder of data for each process: two that change one key ring, each with a database of its own, lose keys."""
    folder = Path(os.environ["TPI_DATA_DIR"]) / os.environ["PYTEST_XDIST_WORKER"]
    (folder / "static").mkdir(parents=True, exist_ok=True)
    os.environ["TPI_DATA_DIR"] = str(folder)


# Each process of a run reads all 470 test modules, which pytest rewrites: half of the time until the first test.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "PYTEST_XDIST_WORKER" not in os.environ:
    _prepare()
else:
    _take_own_data()
