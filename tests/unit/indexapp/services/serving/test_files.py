"""Files as installers get them: whole, in ranges, and not at all."""

from __future__ import annotations

import re
from email import message_from_bytes
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from indexapp.models import File
from indexapp.services import releases
from indexapp.services.serving import files as serving_files
from indexapp.storage import BlobDamaged, default_storage
from tests.builders.core_metadata import Built
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_index, published
from tests.wsgi_client import WsgiClient
from tpi_site.kit.key_ring import key_id_of, key_ring

pytestmark = [pytest.mark.database, pytest.mark.django_db]

SMALL = build_wheel()
LARGE = build_wheel(files={"acme_tool/noise.bin": bytes(range(256)) * 2000}, compression=0)
"""Above the size up to which one read is cheaper than handing the file to the server."""


def address(file: File, index: str = "main") -> str:
    return f"/{index}/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def built(request: pytest.FixtureRequest) -> Built:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def file(cast: Cast, built: Built) -> File:
    return published(cast.index, built)


@pytest.fixture(params=["machine", "plain_django"])
def reader(cast: Cast, request: pytest.FixtureRequest) -> WsgiClient:
    client: WsgiClient = request.getfixturevalue(request.param)
    return client.signed(cast.bearer("reader"))


def test_the_whole_file(built: Built, file: File, reader: WsgiClient) -> None:
    answer = reader.get(address(file))
    assert (answer.status, answer.body) == (200, built.content)
    assert answer.headers["Content-Length"] == str(len(built.content))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == f'"{file.sha256}"'
    assert answer.headers["Cache-Control"] == "private, max-age=365000000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["Content-Encoding"] is None


def test_no_content_coding_whatever_is_accepted(built: Built, file: File, reader: WsgiClient) -> None:
    answer = reader.get(address(file), Accept_Encoding="gzip, zstd, br")
    assert (answer.body, answer.headers["Content-Encoding"]) == (built.content, None)


def test_the_metadata_beside_it(file: File, reader: WsgiClient) -> None:
    answer = reader.get(f"{address(file)}.metadata")
    assert answer.body == b"Metadata-Version: 2.4\nName: acme-tool\nVersion: 1.0\n"
    assert answer.headers["ETag"] == f'"{file.metadata_sha256}"'


def test_no_metadata_where_none_is_announced(cast: Cast, reader: WsgiClient) -> None:
    file = published(cast.index, build_sdist(metadata_version="2.1"))
    assert reader.get(address(file)).status == 200
    assert reader.get(f"{address(file)}.metadata").status == 404


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("5-9", 5, 10),
        ("10-", 10, None),
        ("-7", -7, None),
        ("0-99999999", 0, None),
        ("-99999999", 0, None),
    ],
)
def test_one_range(built: Built, file: File, reader: WsgiClient, asked: str, start: int, stop: int | None) -> None:
    answer = reader.get(address(file), Range=f"bytes={asked}")
    expected = built.content[start:stop]
    first = start % len(built.content)
    assert (answer.status, answer.body) == (206, expected)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(built.content)}"
    assert answer.headers["Content-Length"] == str(len(expected))


def test_a_large_stretch_of_a_large_file(cast: Cast, reader: WsgiClient) -> None:
    file = published(cast.index, LARGE)
    answer = reader.get(address(file), Range="bytes=1000-400000")
    assert (answer.status, answer.body) == (206, LARGE.content[1000:400_001])


def test_several_ranges(built: Built, file: File, reader: WsgiClient) -> None:
    answer = reader.get(address(file), Range="bytes=0-3,20-29,-5")
    assert answer.status == 206
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    parts: Any = message_from_bytes(head + answer.body).get_payload()
    size = len(built.content)
    told = [(part["Content-Range"], part.get_payload(decode=True)) for part in parts]
    assert [where for where, _ in told] == [
        f"bytes 0-3/{size}",
        f"bytes 20-29/{size}",
        f"bytes {size - 5}-{size - 1}/{size}",
    ]
    for where, _ in told:
        found = re.match(r"bytes (\d+)-(\d+)/", where)
        assert found is not None
        assert built.content[int(found[1]) : int(found[2]) + 1] in answer.body


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=x", "lines=1-2", "bytes=", "bytes=0-1," * 300])
def test_what_is_no_range_is_ignored(built: Built, file: File, reader: WsgiClient, asked: str) -> None:
    answer = reader.get(address(file), Range=asked)
    assert (answer.status, answer.body) == (200, built.content)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_outside_the_file(built: Built, file: File, reader: WsgiClient, asked: str) -> None:
    answer = reader.get(address(file), Range=asked)
    assert (answer.status, answer.code) == (416, "range-unsatisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(built.content)}"


def test_a_range_of_a_file_that_may_have_changed(built: Built, file: File, reader: WsgiClient) -> None:
    etag = f'"{file.sha256}"'
    assert reader.get(address(file), Range="bytes=0-3", If_Range=etag).status == 206
    answer = reader.get(address(file), Range="bytes=0-3", If_Range='"another"')
    assert (answer.status, answer.body) == (200, built.content)


def test_a_copy_that_is_still_good_is_not_sent_again(file: File, reader: WsgiClient) -> None:
    answer = reader.get(address(file), If_None_Match=f'"{file.sha256}"')
    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize(
    "headers", [{}, {"Range": "bytes=1-2"}, {"Range": "bytes=1-2,5-6"}, {"Range": "bytes=99999999-"}]
)
def test_head_is_get_without_the_body(cast: Cast, file: File, machine: WsgiClient, headers: dict[str, str]) -> None:
    """On the fast path; behind it Django leaves the body of HEAD to the server."""
    asker = machine.signed(cast.bearer("reader"))
    got, head = asker.get(address(file), **headers), asker.head(address(file), **headers)
    assert head.body == b""
    assert head.status == got.status
    for name in ("Content-Length", "Content-Range", "ETag", "Cache-Control", "Accept-Ranges"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("change", ["sha256", "filename", "prefix", "index", "upper"])
def test_near_misses_are_not_found(cast: Cast, file: File, reader: WsgiClient, change: str) -> None:
    url = address(file)
    wrong = {
        "sha256": url.replace(file.sha256[-4:], "0000"),
        "filename": url.replace("acme_tool-1.0", "acme_tool-1.1"),
        "prefix": url.replace(f"/{file.sha256[:2]}/", "/00/", 1),
        "index": url.replace("/main/", "/other/"),
        "upper": url.replace(file.sha256[4:], file.sha256[4:].upper()),
    }[change]
    make_index("other")
    assert wrong != url
    assert reader.get(wrong).status in (403, 404)


def test_a_deleted_file_is_gone_at_once(cast: Cast, file: File, reader: WsgiClient) -> None:
    assert reader.get(address(file)).status == 200
    releases.delete_file(actor=cast.actor("administrator"), file=file)
    assert reader.get(address(file)).status == 404
    assert reader.get(f"{address(file)}.metadata").status == 404


def test_a_yanked_file_is_still_served(cast: Cast, file: File, reader: WsgiClient) -> None:
    releases.yank(actor=cast.actor("administrator"), release=file.release)
    assert reader.get(address(file)).status == 200


def test_missing_bytes_are_the_operators_to_restore(cast: Cast, file: File, reader: WsgiClient) -> None:
    default_storage().delete(file.blob.object_name)
    answer = reader.get(address(file))
    assert (answer.status, answer.code) == (503, "blob-missing")


def test_a_web_server_in_front_sends_the_bytes_that_lie_plain(cast: Cast, reader: WsgiClient, settings: Any) -> None:
    settings.TPI_ENCRYPT = False
    file = published(cast.index, LARGE)
    settings.TPI_ENCRYPT = True
    settings.TPI_ACCEL_LOCATION = "/protected"
    answer = reader.get(address(file), Range="bytes=0-3")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == f"/protected/{file.blob.object_name}"
    assert reader.get(address(file), If_None_Match=f'"{file.sha256}"').status == 304


def test_sealed_bytes_are_opened_here_and_not_by_the_web_server(
    file: File, built: Built, reader: WsgiClient, settings: Any
) -> None:
    settings.TPI_ACCEL_LOCATION = "/protected"
    answer = reader.get(address(file))
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.body == built.content


@pytest.mark.parametrize("place", [300, -1])
def test_damaged_bytes_are_refused_and_named(
    built: Built, file: File, reader: WsgiClient, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = default_storage().objects.local_path(file.blob.object_name)
    assert path is not None
    kept = bytearray(path.read_bytes())
    kept[place] ^= 1
    path.write_bytes(kept)
    if place < 0 and built is LARGE:  # the first segments are good, and leave; then the answer breaks off
        with pytest.raises(BlobDamaged):
            reader.get(address(file))
        return
    answer = reader.get(address(file))
    assert (answer.status, answer.code) == (503, "blob-damaged")
    assert file.sha256 in caplog.text


def test_what_is_remembered_with_a_key_that_left_the_ring_is_looked_up_before_anything_is_read(
    cast: Cast, machine: WsgiClient, settings: Any, tmp_path: Path
) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    file = published(cast.index)
    reader, old = machine.signed(cast.bearer("reader")), key_ring().current
    assert reader.get(address(file)).status == 200
    call_command("rotate_keys", stdout=StringIO())
    call_command("rotate_keys", remove=old, stdout=StringIO())
    assert reader.head(address(file)).status == 200, "which opens nothing, and so finds out nothing by failing"
    [served] = serving_files._files.values()
    assert key_id_of(served.stored.sealed_key) == key_ring().current != old
    assert reader.get(address(file)).body == SMALL.content


def test_the_server_may_lack_sendfile(cast: Cast, machine: WsgiClient) -> None:
    file = published(cast.index, LARGE)

    def without(environ: dict[str, Any], start_response: Any) -> Any:
        del environ["wsgi.file_wrapper"]
        return machine.application(environ, start_response)

    reader = WsgiClient(without, cast.bearer("reader"))
    assert reader.get(address(file)).body == LARGE.content
    assert reader.get(address(file), Range="bytes=7-300006").body == LARGE.content[7:300_007]
