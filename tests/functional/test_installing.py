"""Each install tool finds, chooses and fetches what was published, and nothing else."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.conftest import Cast
from tests.functional.installers import INSTALLERS, Installer, Pdm, Pip, Poetry, Uv
from tests.servers import inside
from tests.servers.eavesdropper import Eavesdropper
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional


def put(owner: Session, artefact: Artefact, index: str = "") -> str:
    """Publish without a tool; returns the name."""
    for file in artefact.files:
        reply = owner.upload(Built(file.name, file.read_bytes()), f"{index}/legacy/")
        assert reply.status == 200, reply.reason
    return artefact.name


@pytest.fixture(scope="module")
def chain(tpi: TpiServer, cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """An application and the library that it needs: 1.0 is good, 1.1 yanked, 2.0 for a Python of the future."""
    folder = tmp_path_factory.mktemp("chain")
    library, application = fresh_name("library"), fresh_name("application")
    with Session(tpi.url, cast.headers) as owner:
        put(owner, build(folder, library, "1.0"))
        put(owner, build(folder, library, "1.1"))
        put(owner, build(folder, library, "2.0", requires_python=">=3.99"))
        put(owner, build(folder, application, requires=[f"{library}>=1"]))
    tpi.inside(inside.yank, project=library, version="1.1", reason="loses data")
    return application, library


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
def test_installs_the_newest_that_is_sound_and_fits(
    tpi: TpiServer, cast: Cast, home: Home, chain: tuple[str, str], installer: Installer
) -> None:
    application, library = chain
    outcome, found = installer.install(home, [application], f"{tpi.url}/simple/", cast.reader)
    outcome.require_success()
    assert (found.get(application), found.get(library)) == ("1.0", "1.0")


@pytest.mark.parametrize("installer", [Pip(), Uv()], ids=repr)
def test_a_yanked_release_is_had_by_its_exact_version_and_says_why(
    tpi: TpiServer, cast: Cast, home: Home, chain: tuple[str, str], installer: Installer
) -> None:
    outcome, found = installer.install(home, [f"{chain[1]}==1.1"], f"{tpi.url}/simple/", cast.reader)
    assert found == {chain[1]: "1.1"}
    assert "loses data" in outcome.require_success().words


@pytest.mark.parametrize("installer", [Pip(), Uv(), Pdm()], ids=repr)
def test_credentials_may_come_from_netrc(
    tpi: TpiServer, cast: Cast, home: Home, chain: tuple[str, str], installer: Installer
) -> None:
    home.write_netrc(cast.reader)
    outcome, found = installer.install(home, [chain[1]], f"{tpi.url}/simple/", None)
    outcome.require_success()
    assert found.get(chain[1]) == "1.0"


@pytest.mark.parametrize("installer", [Pip(), Uv()], ids=repr)
def test_a_password_does_where_the_index_takes_one(
    tpi: TpiServer, home: Home, chain: tuple[str, str], installer: Installer
) -> None:
    outcome, found = installer.install(home, [chain[1]], f"{tpi.url}/simple/", Credentials("admin", tpi.password))
    outcome.require_success()
    assert found == {chain[1]: "1.0"}


@pytest.mark.parametrize(
    ("installer", "who"),
    [*product([Pip(), Uv()], ["nobody", "stranger", "outsider"]), (Poetry(), "outsider"), (Pdm(), "nobody")],
    ids=str,
)
def test_nothing_is_installed_without_the_right(
    tpi: TpiServer, cast: Cast, home: Home, chain: tuple[str, str], installer: Installer, who: str
) -> None:
    credentials = getattr(cast, who, None)
    outcome, found = installer.install(home, [chain[1]], f"{tpi.url}/simple/", credentials)
    assert outcome.code != 0
    assert chain[1] not in found
    if isinstance(installer, Uv):
        assert ("403 Forbidden" if who == "outsider" else "401 Unauthorized") in outcome.words
    if isinstance(installer, Pip) and who == "stranger":
        assert "401 Error, Credentials not correct" in outcome.words


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
def test_a_group_gives_what_its_members_have(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, installer: Installer
) -> None:
    library = put(owner, build(tmp_path, fresh_name("library")), "/second")
    application = put(owner, build(tmp_path, fresh_name("application"), requires=[library]))
    put(owner, build(tmp_path, application, "9.0"), "/second")  # hidden: the first member has the name
    outcome, found = installer.install(home, [application], f"{tpi.url}/both/simple/", cast.reader)
    outcome.require_success()
    assert (found.get(application), found.get(library)) == ("1.0", "1.0")


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
def test_metadata_is_read_beside_the_wheel_and_each_wheel_once(
    tpi: TpiServer, cast: Cast, home: Home, chain: tuple[str, str], installer: Installer
) -> None:
    with Eavesdropper(tpi.url).listening() as tap:
        outcome, found = installer.install(home, [chain[0]], f"{tap.url}/simple/", cast.reader)
    outcome.require_success()
    assert chain[1] in found
    for name in chain:
        stem = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        assert [(one.method, one.status) for one in tap.files(f"/{stem}.metadata")] == [("GET", 200)]
        assert [(one.method, one.status) for one in tap.files(f"/{stem}")] == [("GET", 200)]
    assert not [one for one in tap.asked if one.status in (401, 403)]


@pytest.mark.parametrize(
    ("installer", "options", "wanted"),
    [
        pytest.param(Pip(), ("--use-feature=fast-deps",), "bytes=", id="pip"),
        pytest.param(Uv(), (), "bytes=", id="uv"),
        pytest.param(Poetry(), (), "bytes=-", id="poetry"),
    ],
)
def test_metadata_is_read_from_the_wheel_in_ranges_where_it_is_not_told_of(
    *,
    tpi: TpiServer,
    cast: Cast,
    owner: Session,
    home: Home,
    tmp_path: Path,
    installer: Installer,
    options: tuple[str, ...],
    wanted: str,
) -> None:
    name = put(owner, build(tmp_path, fresh_name(), kinds="wheel", padding=os.urandom(200_000)))
    with Eavesdropper(tpi.url, hides_metadata=True).listening() as tap:
        outcome, found = installer.install(home, [name], f"{tap.url}/simple/", cast.reader, *options)
    outcome.require_success()
    assert found.get(name) == "1.0"
    parts = [one for one in tap.files(".whl") if one.headers.get("Range", "").startswith(wanted)]
    assert parts
    assert {one.status for one in parts} == {206}


def test_pip_takes_up_a_download_that_broke_off(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path
) -> None:
    name = put(owner, build(tmp_path, fresh_name(), kinds="wheel", padding=os.urandom(400_000)))
    with Eavesdropper(tpi.url, cuts_at=300_000).listening() as tap:
        outcome, found = Pip().install(home, [name], f"{tap.url}/simple/", cast.reader, "--resume-retries=3")
    outcome.require_success()
    assert found == {name: "1.0"}
    first, second = tap.files(".whl")
    assert (first.status, second.status) == (200, 206)
    assert second.headers["Range"] == "bytes=300000-"
    assert second.headers["If-Range"].startswith('"')


def test_pip_resolves_an_sdist_by_its_static_metadata(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path
) -> None:
    library = put(owner, build(tmp_path, fresh_name("library"), kinds="sdist"))
    name = put(owner, build(tmp_path, fresh_name(), kinds="sdist", requires=[library]))
    with Eavesdropper(tpi.url).listening() as tap:
        outcome, _ = Pip().install(home, [name], f"{tap.url}/simple/", cast.reader, "--dry-run")
    assert f"Would install {name}-1.0 {library}-1.0" in outcome.require_success().words
    assert [one.status for one in tap.files(".tar.gz.metadata")] == [200, 200]
    assert not tap.files(".tar.gz")
