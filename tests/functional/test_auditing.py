"""pip-audit and uv audit ask a live installation, and find what was imported into it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.factories.vulnerabilities import affected, archive, osv_record
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home, Outcome, interpreter, tool
from tests.functional.conftest import Cast
from tests.functional.installers import Pip
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def audited(tpi: TpiServer, cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A project of which everything before 2.0 is known to be vulnerable, and the advisory that says so."""
    folder, name = tmp_path_factory.mktemp("audited"), fresh_name("audited")
    with Session(tpi.url, cast.headers) as owner:
        for version in ("1.0", "2.0"):
            for path in build(folder, name, version).files:
                assert owner.upload(Built(path.name, path.read_bytes())).status == 200
    osv_id = f"PYSEC-2026-{name.rpartition('-')[2]}"
    _import(tpi, archive(folder / "all.zip", [osv_record(osv_id, affected(name))]))
    return name, osv_id


def _import(tpi: TpiServer, path: Path) -> None:
    command = [sys.executable, "manage.py", "import_osv", str(path), "--incremental"]
    done = subprocess.run(command, cwd=ROOT, env=tpi.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 new" in done.stdout


def _pip_audit(home: Home, tpi: TpiServer, credentials: Credentials | None, *arguments: str | Path) -> Outcome:
    address = f"{tpi.url}/osv/v1/query"
    service = ("--vulnerability-service", "osv", "--osv-url", credentials.in_url(address) if credentials else address)
    options = ("--progress-spinner", "off", "--cache-dir", home.folder / "audit-cache", "--desc", "off")
    return home.run(tool("pip-audit"), *service, *options, "--aliases", *arguments)


def _requirements(home: Home, name: str, version: str) -> Path:
    path = home.folder / f"requirements-{version}.txt"
    path.write_text(f"{name}=={version}\n")
    return path


def test_pip_audit_finds_a_vulnerable_pin_and_passes_a_fixed_one(
    tpi: TpiServer, cast: Cast, home: Home, audited: tuple[str, str]
) -> None:
    name, osv_id = audited
    pinned = ("--no-deps", "--disable-pip", "--requirement")
    found = _pip_audit(home, tpi, cast.reader, *pinned, _requirements(home, name, "1.0"))
    assert found.code == 1, found.output
    assert all(word in found.words for word in (name, "1.0", osv_id, "2.0", "CVE-2026-")), found.output
    passed = _pip_audit(home, tpi, cast.reader, *pinned, _requirements(home, name, "2.0"))
    assert "No known vulnerabilities found" in passed.require_success().words


def test_pip_audit_looks_at_what_is_installed(tpi: TpiServer, cast: Cast, home: Home, audited: tuple[str, str]) -> None:
    name, osv_id = audited
    outcome, found = Pip().install(home, [f"{name}==1.0"], f"{tpi.url}/simple/", cast.reader)
    outcome.require_success()
    assert found == {name: "1.0"}
    told = _pip_audit(home, tpi, cast.reader, "--path", home.folder / "pip-target")
    assert (told.code, osv_id in told.words) == (1, True), told.output


def test_pip_audit_without_credentials_fails_and_says_nothing_good(
    tpi: TpiServer, home: Home, audited: tuple[str, str]
) -> None:
    pinned = ("--no-deps", "--disable-pip", "--requirement")
    told = _pip_audit(home, tpi, None, *pinned, _requirements(home, audited[0], "1.0"))
    assert told.code != 0
    assert "No known vulnerabilities found" not in told.words


def _locked(home: Home, tpi: TpiServer, cast: Cast, name: str, version: str) -> Path:
    """A project of uv's that is locked to the version, from the installation alone."""
    text = (
        f'[project]\nname = "app-{version.replace(".", "-")}"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f'dependencies = ["{name}=={version}"]\n'
        f'[[tool.uv.index]]\nname = "tpi"\nurl = "{tpi.url}/simple/"\ndefault = true\n'
    )
    folder = home.project(f"app-{version}", text)
    signed = {"UV_INDEX_TPI_USERNAME": cast.reader.username, "UV_INDEX_TPI_PASSWORD": cast.reader.password}
    # The project's own configuration names the index.
    more = {**signed, "UV_NO_CONFIG": "0"}
    home.run(tool("uv"), "lock", "--python", interpreter(), cwd=folder, more=more).require_success()
    return folder


def _uv_audit(home: Home, tpi: TpiServer, credentials: Credentials | None, folder: Path) -> Outcome:
    address = f"{tpi.url}/osv/"
    url = credentials.in_url(address) if credentials else address
    options = ("--frozen", "--python-version", "3.11", "--preview-features", "audit-command", "--service-url", url)
    return home.run(tool("uv"), "audit", *options, cwd=folder, more={"UV_NO_CONFIG": "0"})


def test_uv_audit_finds_a_vulnerable_lock_and_passes_a_fixed_one(
    tpi: TpiServer, cast: Cast, home: Home, audited: tuple[str, str]
) -> None:
    name, osv_id = audited
    found = _uv_audit(home, tpi, cast.reader, _locked(home, tpi, cast, name, "1.0"))
    assert found.code != 0
    # uv may name it by its alias.
    assert name in found.words
    assert osv_id in found.words or f"CVE-2026-{osv_id.rpartition('-')[2]}" in found.words, found.output
    passed = _uv_audit(home, tpi, cast.reader, _locked(home, tpi, cast, name, "2.0"))
    assert "no known vulnerabilities" in passed.require_success().words.lower()


def test_uv_audit_without_credentials_fails(tpi: TpiServer, cast: Cast, home: Home, audited: tuple[str, str]) -> None:
    told = _uv_audit(home, tpi, None, _locked(home, tpi, cast, audited[0], "1.0"))
    assert told.code != 0
    assert "401" in told.words


def test_what_is_asked_over_the_wire(tpi: TpiServer, cast: Cast, audited: tuple[str, str]) -> None:
    """As the clients ask it, without them."""
    name, osv_id = audited
    question = {"package": {"name": name, "ecosystem": "PyPI"}, "version": "1.0"}
    with Session(tpi.url, cast.headers) as reader:
        asked = reader.request("POST", "/osv/v1/querybatch", body=json.dumps({"queries": [question]}).encode())
        assert asked.status == 200, asked.body
        assert [one["id"] for one in asked.json()["results"][0]["vulns"]] == [osv_id]
        assert reader.get(f"/osv/v1/vulns/{osv_id}").json()["id"] == osv_id
