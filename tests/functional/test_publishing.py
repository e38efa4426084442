"""Each upload tool publishes, repeats itself, and shows our sentence when it is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.conftest import Cast
from tests.functional.publishers import OLD_PUBLISHERS, PUBLISHERS, Hatch, Pdm, Poetry, Publisher, Uv
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional
ALL = PUBLISHERS + OLD_PUBLISHERS


def digests(artefact: Artefact) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in artefact.files}


def serial(owner: Session, project: str) -> str:
    return owner.get(f"/simple/{project}/").headers["X-PyPI-Last-Serial"]


@pytest.mark.parametrize("publisher", PUBLISHERS, ids=repr)
def test_publishes_once_and_may_repeat(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, publisher: Publisher
) -> None:
    artefact = build(tmp_path, fresh_name())
    publisher.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner).require_success()
    listed = owner.listed(artefact.name)
    if publisher.builds_itself:
        assert sorted(listed) == sorted(digests(artefact))
    else:
        assert listed == digests(artefact)
    before = serial(owner, artefact.name)
    publisher.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner).require_success()
    assert owner.listed(artefact.name) == listed
    assert serial(owner, artefact.name) == before


@pytest.mark.parametrize("publisher", ALL, ids=repr)
def test_shows_that_a_file_exists_with_other_bytes(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, publisher: Publisher
) -> None:
    artefact = build(tmp_path, fresh_name())
    publisher.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner).require_success()
    listed = owner.listed(artefact.name)
    other = build(tmp_path, artefact.name, content=b"ANSWER = 43\n")
    outcome = publisher.publish(home, other, f"{tpi.url}/legacy/", cast.owner)
    if isinstance(publisher, Hatch):  # it compares names only and sends nothing
        assert "already exists" in outcome.require_success().words
    else:
        assert outcome.code != 0
        assert ("File already exists" if publisher.shows_sentences else "400 Bad Request") in outcome.words
    assert owner.listed(artefact.name) == listed


@pytest.mark.parametrize("publisher", ALL, ids=repr)
@pytest.mark.parametrize(
    ("who", "status", "sentence"),
    [
        ("reader", "403", "The user 'admin' isn't allowed to upload to"),
        ("stranger", "401", "The API token is unknown, expired or revoked"),
        ("outsider", "403", "The user 'outsider' isn't allowed to upload to"),
    ],
)
def test_shows_why_credentials_do_not_suffice(
    *,
    tpi: TpiServer,
    cast: Cast,
    owner: Session,
    home: Home,
    tmp_path: Path,
    publisher: Publisher,
    who: str,
    status: str,
    sentence: str,
) -> None:
    artefact = build(tmp_path, fresh_name(), kinds="sdist")
    credentials: Credentials = getattr(cast, who)
    outcome = publisher.publish(home, artefact, f"{tpi.url}/legacy/", credentials)
    assert outcome.code != 0
    assert (sentence if publisher.shows_sentences else status) in outcome.words
    assert owner.get(f"/simple/{artefact.name}/").status == 404


@pytest.mark.parametrize("publisher", ALL, ids=repr)
def test_nothing_is_published_without_credentials(
    tpi: TpiServer, owner: Session, home: Home, tmp_path: Path, publisher: Publisher
) -> None:
    artefact = build(tmp_path, fresh_name(), kinds="sdist")
    outcome = publisher.publish(home, artefact, f"{tpi.url}/legacy/", None)
    assert outcome.code != 0
    if isinstance(publisher, Poetry):  # the only one that tries without asking for a name
        assert "Sign in with a user name and password or with an API token" in outcome.words
    assert owner.get(f"/simple/{artefact.name}/").status == 404


def test_a_user_may_publish_with_a_password(tpi: TpiServer, owner: Session, home: Home, tmp_path: Path) -> None:
    artefact = build(tmp_path, fresh_name())
    Uv().publish(home, artefact, f"{tpi.url}/legacy/", Credentials("admin", tpi.password)).require_success()
    assert owner.listed(artefact.name) == digests(artefact)


@pytest.mark.parametrize("publisher", OLD_PUBLISHERS, ids=repr)
def test_the_distutils_of_old_publishes(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, publisher: Publisher
) -> None:
    artefact = build(tmp_path, fresh_name())
    publisher.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner).require_success()
    assert list(owner.listed(artefact.name)) == [f"{artefact.name}-1.0.tar.gz"]


def test_uv_skips_what_its_check_address_shows(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path
) -> None:
    artefact = build(tmp_path, fresh_name())
    check = ("--check-url", cast.owner.in_url(f"{tpi.url}/simple/"))
    uv = Uv()
    uv.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner, *check).require_success()
    again = uv.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner, *check).require_success()
    assert again.words.count("already exists, skipping") == 2
    other = build(tmp_path, artefact.name, content=b"ANSWER = 43\n")
    outcome = uv.publish(home, other, f"{tpi.url}/legacy/", cast.owner, *check)
    assert outcome.code != 0
    assert "Local file and index file do not match" in outcome.words
    assert owner.listed(artefact.name) == digests(artefact)


@pytest.mark.parametrize("publisher", [Poetry(), Pdm()], ids=repr)
def test_skip_existing_takes_our_answer_for_what_it_is(
    tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, publisher: Poetry | Pdm
) -> None:
    artefact = build(tmp_path, fresh_name(), kinds="wheel")
    publisher.publish(home, artefact, f"{tpi.url}/legacy/", cast.owner).require_success()
    other = build(tmp_path, artefact.name, content=b"ANSWER = 43\n", kinds="wheel")
    publisher.publish(home, other, f"{tpi.url}/legacy/", cast.owner, "--skip-existing").require_success()
    assert owner.listed(artefact.name) == digests(artefact)


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("index", ["", "/second"])
def test_any_index_is_published_to_with_and_without_a_final_slash(
    *, tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, index: str, slash: str
) -> None:
    artefact = build(tmp_path, fresh_name())
    Uv().publish(home, artefact, f"{tpi.url}{index}/legacy{slash}", cast.owner).require_success()
    assert owner.listed(artefact.name, index) == digests(artefact)


@pytest.mark.parametrize("plus", ["+", "%2B"])
@pytest.mark.parametrize("index", ["", "/second"])
def test_the_page_that_hatch_reads_is_html_whatever_it_accepts(
    *, tpi: TpiServer, cast: Cast, owner: Session, home: Home, tmp_path: Path, index: str, plus: str
) -> None:
    artefact = build(tmp_path, fresh_name("Acme.Odd"))
    address = f"{index}/legacy/{plus}simple/{artefact.name}/"
    assert owner.get(address).status == 404
    Uv().publish(home, artefact, f"{tpi.url}{index}/legacy/", cast.owner).require_success()
    for accept in ("*/*", "application/vnd.pypi.simple.v1+json"):
        reply = owner.get(address, {"Accept": accept})
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert all(f">{file.name}</a>" in reply.body.decode() for file in artefact.files)
    with Session(tpi.url) as nobody:
        anonymous = nobody.get(address)
    assert (anonymous.status, anonymous.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
