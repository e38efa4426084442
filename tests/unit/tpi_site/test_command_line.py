"""Commands in a shell that has not the settings of the service: one sentence, and nothing is made or changed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.tpi import ROOT
from tpi_site import command_line
from tpi_site.settings import env, moved


def manage(data: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TPI_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=kept | {"TPI_DATA_DIR": str(data)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def required(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert words in done.stderr
    assert "/etc/tpi/tpi.env" in done.stderr


@pytest.mark.parametrize("command", ["read_only", "fsck", "rotate_keys"])
def test_where_no_installation_is_nothing_is_made(command: str, tmp_path: Path) -> None:
    words = [command, "off"] if command == "read_only" else [command]
    required(manage(tmp_path / "data", *words), "There is no installation at")
    assert not (tmp_path / "data").exists()


def test_a_database_without_tables_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    sqlite3.connect(tmp_path / "tpi.sqlite3").close()
    (tmp_path / "tpi.sqlite3").touch()
    required(manage(tmp_path, "read_only", "off"), "has no tables of TPI")


def test_a_database_that_is_made_is_its_owners(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        done = manage(tmp_path, "migrate", "contenttypes")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tmp_path / "tpi.sqlite3").stat().st_mode) == 0o600


def test_a_database_that_was_moved_is_refused_by_every_command_and_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    old = env.read_database(f"sqlite:///{tmp_path / 'tpi.sqlite3'}")
    note = moved.note(tmp_path, old, env.read_database("postgres://tpi:hidden@db.tpi.example/tpi"))
    assert "hidden" not in note.read_text()
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    for words in (["read_only", "off"], ["prepare"]):
        done = manage(tmp_path, *words)
        required(
            done, f"The database sqlite:///{tmp_path / 'tpi.sqlite3'} was moved to postgres://db.tpi.example:5432/tpi"
        )
    started = subprocess.run(
        [sys.executable, "-m", "tpi_site.jobs"],
        cwd=ROOT,
        env=os.environ | {"TPI_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (started.returncode, "was moved to postgres://" in started.stderr) == (os.EX_CONFIG, True)
    assert not (tmp_path / "tpi.sqlite3").exists()
    assert not (tmp_path / "keyring.json").exists()


def test_the_new_database_and_others_are_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = env.read_database("postgres://a:x@db1:5432,db2:5433/tpi"), env.read_database("postgres://a:x@db3/tpi")
    moved.note(tmp_path, old, new)
    assert "postgres://db1:5432,db2:5433/tpi was moved to postgres://db3:5432/tpi" in moved.refusal(tmp_path, old)
    assert not moved.refusal(tmp_path, new)
    assert not moved.refusal(tmp_path / "elsewhere", old)
    monkeypatch.setenv("TPI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TPI_DATABASE_URL", "postgres://a:x@db3/tpi")
    assert not command_line.refusal("read_only")
    monkeypatch.setenv("TPI_DATABASE_URL", "postgres://a:x@db1:5432,db2:5433/tpi")
    assert command_line.refusal("read_only").startswith("The database postgres://db1")
    assert not command_line.refusal("help")


def test_files_that_cannot_be_read_are_named_before_a_ring_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    ring = tmp_path / "etc" / "keyring.json"
    given = {"TPI_SECRET_KEY_FILE": str(tmp_path / "no"), "TPI_KEYRING": f"file:{ring}"}
    done = manage(tmp_path, "prepare", **given)
    assert done.returncode == 1
    assert "the file that TPI_SECRET_KEY_FILE names cannot be read" in done.stderr
    assert not ring.exists()
