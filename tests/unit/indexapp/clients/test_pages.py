from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from indexapp.clients import upstream
from indexapp.clients.upstream import Failure, Missing, NotModified, Page, UpstreamAddress, UpstreamFailed
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.servers.static_index import Behaviour, Credentials, StaticFile, StaticIndex
from tests.servers.static_index_pages import metadata_of

WHEEL = StaticFile(
    *build_wheel("acme-tool", "1.0"), requires_python=">=3.8,<4", yanked="too <old> & tired", provenance=b"{}"
)


def page_of(index: StaticIndex, name: str = "acme-tool") -> Page:
    answer = upstream.fetch_page(UpstreamAddress(index.url), name)
    assert isinstance(answer, Page)
    return answer


def test_every_field_of_a_json_page_is_kept() -> None:
    with StaticIndex([WHEEL, build_sdist("acme-tool", "1.1")]) as index:
        index.mark("acme-tool", "archived", "it is done")
        page = page_of(index)
    file = page.files[0]
    assert (page.form, page.name, page.status, page.status_reason) == ("json", "acme-tool", "archived", "it is done")
    assert (page.versions, page.last_serial, dict(page.dropped)) == (("1.0", "1.1"), index.serial, {})
    assert page.etag
    assert page.last_modified
    assert file.filename == WHEEL.filename
    assert (file.kind, file.version, file.url) == ("bdist_wheel", "1.0", index.file_url(WHEEL.filename))
    assert file.digests == {"sha256": hashlib.sha256(WHEEL.content).hexdigest()}
    assert file.size == len(WHEEL.content)
    assert file.upload_time == datetime(2024, 5, 1, 12, 0, 0, 123456, UTC)
    assert (file.requires_python, file.yanked) == (">=3.8,<4", "too <old> & tired")
    assert file.core_metadata == {"sha256": hashlib.sha256(metadata_of(WHEEL) or b"").hexdigest()}
    assert file.provenance == f"{index.base}/provenance/{WHEEL.filename}"
    assert (page.files[1].kind, page.files[1].yanked, page.files[1].core_metadata) == ("sdist", None, None)


@pytest.mark.parametrize("urls", ["absolute", "relative", "base"])
def test_an_html_page_gives_what_html_has(urls: str) -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(forms=("html",), urls=urls)) as index:
        index.mark("acme-tool", "deprecated", "see acme-tool-2")
        page = page_of(index)
    file = page.files[0]
    assert (page.form, page.status, page.status_reason, page.last_serial) == (
        "html",
        "deprecated",
        "see acme-tool-2",
        index.serial,
    )
    assert file.url == index.file_url(WHEEL.filename)
    assert file.digests == {"sha256": hashlib.sha256(WHEEL.content).hexdigest()}
    assert (file.requires_python, file.yanked) == (">=3.8,<4", "too <old> & tired")
    assert file.core_metadata == {"sha256": hashlib.sha256(metadata_of(WHEEL) or b"").hexdigest()}
    assert (file.size, file.upload_time) == (None, None)


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_file_without_digests_is_one(form: str) -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(forms=(form,), hashes="none")) as index:
        assert page_of(index).files[0].digests == {}


def test_a_page_that_did_not_change_is_not_sent_again() -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(max_age=600)) as index:
        page = page_of(index)
        address = UpstreamAddress(index.url)
        again = upstream.fetch_page(address, "acme-tool", etag=page.etag, last_modified=page.last_modified)
        index.publish(StaticFile(*build_wheel("acme-tool", "1.1")))
        later = upstream.fetch_page(address, "acme-tool", etag=page.etag, last_modified=page.last_modified)
    assert page.max_age == 600
    assert isinstance(again, NotModified)
    assert isinstance(later, Page)


def test_a_project_that_the_upstream_has_not() -> None:
    with StaticIndex([WHEEL]) as index:
        assert isinstance(upstream.fetch_page(UpstreamAddress(index.url), "nowhere"), Missing)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Failure.REFUSED), (403, Failure.REFUSED), (500, Failure.BUSY), (503, Failure.BUSY),
                         (429, Failure.BUSY), (418, Failure.BAD_ANSWER), (304, Failure.BAD_ANSWER), (204, Failure.BAD_ANSWER)],
)  # fmt: skip
def test_a_status_is_told(status: int, kind: Failure) -> None:
    with (
        StaticIndex([WHEEL], behaviour=Behaviour(status=status, retry_after="7")) as index,
        pytest.raises(UpstreamFailed) as caught,
    ):
        page_of(index)
    assert (caught.value.kind, str(status) in caught.value.sentence) == (kind, True)
    assert caught.value.retry_after == (None if kind is Failure.REFUSED else 7)


def test_credentials_are_shown() -> None:
    with StaticIndex([WHEEL], credentials=Credentials("mirror", "pass:wörd")) as index:
        with pytest.raises(UpstreamFailed) as caught:
            page_of(index)
        answer = upstream.fetch_page(UpstreamAddress(index.url, "mirror", "pass:wörd"), "acme-tool")
    assert caught.value.kind is Failure.REFUSED
    assert isinstance(answer, Page)
