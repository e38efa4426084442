"""What the client of upstreams makes of real indexes: this product, pypiserver, devpi-server and a static tree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from indexapp.clients import upstream
from indexapp.clients.upstream import Missing, NotModified, Page, UpstreamAddress
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.functional.artefacts import fresh_name
from tests.functional.conftest import Cast
from tests.servers.peers import DevpiServer, PypiServer
from tests.servers.static_index import StaticIndex
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional

NAME = fresh_name("upstream")
FILES = [
    build_wheel(NAME, "1.0", headers=[("Requires-Python", ">=3.8")]),
    build_sdist(NAME, "1.1", headers=[("Requires-Python", ">=3.8")]),
]


@pytest.fixture(autouse=True)
def _loopback_may_be_asked(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture(scope="module")
def pypiserver() -> Iterator[PypiServer]:
    with PypiServer(FILES) as server:
        yield server


@pytest.fixture(scope="module")
def devpi() -> Iterator[DevpiServer]:
    with DevpiServer(FILES) as server:
        yield server


@pytest.fixture(scope="module")
def tree() -> Iterator[StaticIndex]:
    with StaticIndex(FILES) as server:
        yield server


@pytest.fixture(scope="module")
def another(tpi: TpiServer, cast: Cast) -> UpstreamAddress:
    with Session(tpi.url, cast.headers) as session:
        for built in FILES:
            assert session.upload(built).status == 200
    return UpstreamAddress(f"{tpi.url}/simple", cast.reader.username, cast.reader.password)


@pytest.fixture(params=["another TPI", "pypiserver", "devpi-server", "a static tree"])
def address(request: pytest.FixtureRequest) -> UpstreamAddress:
    if request.param == "another TPI":
        found: UpstreamAddress = request.getfixturevalue("another")
        return found
    name = {"pypiserver": "pypiserver", "devpi-server": "devpi", "a static tree": "tree"}[request.param]
    return UpstreamAddress(request.getfixturevalue(name).url)


def page_of(address: UpstreamAddress) -> Page:
    answer = upstream.fetch_page(address, NAME)
    assert isinstance(answer, Page)
    return answer


def test_a_page_and_its_files(address: UpstreamAddress) -> None:
    page = page_of(address)
    assert (page.name, page.status, dict(page.dropped)) == (NAME, "active", {})
    contents = {built.filename: built.content for built in FILES}
    assert {file.filename: file.version for file in page.files} == {FILES[0].filename: "1.0", FILES[1].filename: "1.1"}
    for file in page.files:
        assert file.digests["sha256"] == hashlib.sha256(contents[file.filename]).hexdigest()
        with upstream.open_file(address, file.url) as answer:
            assert b"".join(answer.body) == contents[file.filename]
        with upstream.open_file(address, file.url, start=10) as answer:
            assert b"".join(answer.body) == contents[file.filename][answer.start :]


def test_metadata_that_is_promised_is_there(address: UpstreamAddress) -> None:
    for file in page_of(address).files:
        if file.core_metadata is not None:
            content = upstream.fetch_small(address, f"{file.url}.metadata", 100_000)
            assert file.core_metadata in ({}, {"sha256": hashlib.sha256(content).hexdigest()})


def test_a_page_that_did_not_change(address: UpstreamAddress) -> None:
    page = page_of(address)
    again = upstream.fetch_page(address, NAME, etag=page.etag, last_modified=page.last_modified)
    assert isinstance(again, NotModified) or (isinstance(again, Page) and again.files == page.files)


def test_a_project_that_is_not_there(address: UpstreamAddress) -> None:
    answer = upstream.fetch_page(address, fresh_name("missing"))
    assert isinstance(answer, Missing) or (isinstance(answer, Page) and not answer.files)


def test_the_list(address: UpstreamAddress) -> None:
    names = upstream.fetch_project_names(address)
    assert names is not None
    assert NAME in {*names}
    assert upstream.test(address).is_usable


def test_all_that_a_modern_index_says_is_kept(another: UpstreamAddress) -> None:
    page = page_of(another)
    wheel = next(file for file in page.files if file.kind == "bdist_wheel")
    assert (page.form, page.versions, page.last_serial is not None) == ("json", ("1.0", "1.1"), True)
    assert (wheel.size, wheel.requires_python) == (len(FILES[0].content), ">=3.8")
    assert wheel.upload_time is not None
    assert wheel.core_metadata is not None
