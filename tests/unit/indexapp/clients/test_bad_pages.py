"""Pages as no upstream should give them: the page fails with a sentence, or the one file is left out and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from indexapp.clients import pages, upstream
from indexapp.clients.upstream import Failure, Page, UpstreamAddress, UpstreamFailed, UpstreamFile
from tests.builders.wheels import build_wheel
from tests.servers.certificates import Authority
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.servers.text_server import TextServer
from tpi_site.kit.outbound import Limits

WHEEL = StaticFile(*build_wheel("acme-tool", "1.0"))
NAME = "acme_tool-1.0-py3-none-any.whl"
JSON = "application/vnd.pypi.simple.v1+json"
SHA = "ab" * 32


def page_of(index: StaticIndex | TextServer, **address: str) -> Page:
    answer = upstream.fetch_page(UpstreamAddress(index.url, **address), "acme-tool")
    assert isinstance(answer, Page)
    return answer


def failure_of(index: StaticIndex | TextServer) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as caught:
        page_of(index)
    return caught.value


def json_page(*files: Any, **keys: Any) -> str:
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "acme-tool", "files": files, **keys})


def entry(**keys: Any) -> dict[str, Any]:
    return {"filename": NAME, "url": f"https://files.example/{NAME}", "hashes": {"sha256": SHA}, **keys}


def of_json(text: str) -> Page:
    with TextServer(text, JSON) as server:
        return page_of(server)


def of_html(text: str, content_type: str = "text/html") -> Page:
    with TextServer(text, content_type) as server:
        return page_of(server)


def file_of(**keys: Any) -> UpstreamFile:
    return of_json(json_page(entry(**keys))).files[0]


def dropped(**keys: Any) -> dict[str, int]:
    page = of_json(json_page(entry(**keys), {**entry(), "filename": "acme_tool-2.0.tar.gz"}))
    assert [file.filename for file in page.files] == ["acme_tool-2.0.tar.gz"]
    return dict(page.dropped)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("truncate", Failure.UNREACHABLE), ("long-length", Failure.UNREACHABLE), ("short-length", Failure.BAD_ANSWER),
     ("huge-length", Failure.TOO_LARGE), ("wrong-type", Failure.BAD_ANSWER), ("broken-gzip", Failure.BAD_ANSWER),
     ("garbage", Failure.BAD_ANSWER), ("reset", Failure.UNREACHABLE), ("endless", Failure.BAD_ANSWER),
     ("endless-chunks", Failure.BAD_ANSWER), ("gzip-bomb", Failure.TOO_LARGE)],
)  # fmt: skip
def test_a_server_that_misbehaves(fault: str, kind: Failure) -> None:
    """Endless bodies end where they are no JSON any more; a bomb of white space where it is too large."""
    with StaticIndex([WHEEL], behaviour=Behaviour(fault=fault)) as index:
        assert failure_of(index).kind is kind


@pytest.mark.parametrize("fault", ["endless", "endless-chunks", "gzip-bomb"])
def test_html_without_an_end(fault: str) -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(forms=("html",), fault=fault)) as index:
        assert failure_of(index).kind in {Failure.TOO_LARGE, Failure.BAD_ANSWER}


@pytest.mark.parametrize("fault", ["drip", "drip-head"])
def test_a_page_that_drips(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(pages, "_LIMITS", Limits(most=10**6, head=0.5, total=0.5))
    with StaticIndex([WHEEL], behaviour=Behaviour(fault=fault)) as index:
        assert failure_of(index).kind is Failure.TOO_SLOW


def test_a_page_with_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_FILES", 2)
    with StaticIndex(StaticFile(*build_wheel("acme-tool", f"1.{each}")) for each in range(3)) as index:
        assert failure_of(index).kind is Failure.TOO_LARGE


def test_a_page_with_scripts_and_foreign_links() -> None:
    with StaticIndex([WHEEL], behaviour=Behaviour(fault="injection")) as index:
        page = page_of(index)
    assert [(file.filename, file.requires_python) for file in page.files] == [(NAME, ">=3.8")]
    assert page.files[0].yanked == "<script>alert(2)</script>\N{REPLACEMENT CHARACTER} X: y"
    assert page.files[0].url == index.file_url(NAME)
    assert page.dropped == {"address": 3, "name": 2, "other-project": 1}


def test_a_login_page_is_not_an_empty_project() -> None:
    with pytest.raises(UpstreamFailed, match="does not say that it is a page"):
        of_html("<html><form action='/login'><a href='/forgot'>Forgotten?</a></form></html>")


def test_an_empty_page_of_a_repository_is_one() -> None:
    head = '<meta name="pypi:repository-version" content="1.0">'
    assert (of_html(head).files, of_html("", "application/vnd.pypi.simple.v1+html").files) == ((), ())


@pytest.mark.parametrize("version", ["2.0", "10.1", "x", ""])
def test_a_version_that_nobody_knows(version: str) -> None:
    with pytest.raises(UpstreamFailed, match="no known version"):
        of_html(f'<meta name="pypi:repository-version" content="{version}"><a href="{NAME}">{NAME}</a>')
    with pytest.raises(UpstreamFailed, match="no known version"):
        of_json(json.dumps({"meta": {"api-version": version}, "name": "acme-tool", "files": []}))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a" 1}', '{"a": 1,}', "{1: 2}", "null", "<html>", '{"meta": {"api-version": "1.0"}, "name": "acme-tool"',
     json_page() + "x", json_page()[:-1], '{"files": ' + "[" * 100_000, '{"a": "' + "x" * 3_000_000 + '"}', '{"a": ' + "9" * 5000 + "}",
     '{"files": {}}', '{"meta": [], "name": "acme-tool"}', json_page(name="another"), json_page(name=None), json_page(meta={})],
)  # fmt: skip
def test_what_is_not_the_json_of_a_page(text: str) -> None:
    with TextServer(text, JSON) as server:
        assert failure_of(server).kind is Failure.BAD_ANSWER


def test_bytes_that_are_no_text() -> None:
    with TextServer(json_page().encode() + b"\xff", JSON) as server:
        assert "UTF-8" in failure_of(server).sentence


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/octet-stream", "application/vnd.pypi.simple.v2+json", ""]
)
def test_a_page_of_another_type(content_type: str) -> None:
    with TextServer(json_page(), content_type) as server:
        assert failure_of(server).kind is Failure.BAD_ANSWER


@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=utf-8", "application/json", JSON.upper()])
def test_types_of_json(content_type: str) -> None:
    with TextServer("\ufeff" + json_page(entry()), content_type) as server:
        assert len(page_of(server).files) == 1


@pytest.mark.parametrize(
    ("filename", "reason"),
    [("../../etc/passwd", "name"), ("acme_tool-1.0.exe", "name"), ("acme_tool-1.0.tar.gz\n", "name"), ("x" * 5000, "name"),
     ("acme_tool-1.0-py3.whl", "name"), ("acme_tool-no-py3-none-any.whl", "name"), ("-" * 255, "name"), ("", "name"),
     ("other-1.0-py3-none-any.whl", "other-project"), ("other-1.0.tar.gz", "other-project"), (None, "malformed"), (5, "malformed"),
     ("acme_tool-1.0\u202e.tar.gz", "name"), ("acme_tool-1.0.tar.gz\ud800", "name")],
)  # fmt: skip
def test_a_file_that_cannot_be_offered_by_its_name(filename: Any, reason: str) -> None:
    assert dropped(filename=filename) == {reason: 1}


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "ftp://x/y", "http://[::1", "https://", "data:,x", "https://x:99999/", "https://a b/",
     "https://x/" + "y" * 5000, "https://\ud800/"],
)  # fmt: skip
def test_a_file_that_cannot_be_offered_by_its_address(url: str) -> None:
    assert dropped(url=url) == {"address": 1}


@pytest.mark.parametrize(
    "keys",
    [{"url": None}, {"url": 5}, {"hashes": "x"}, {"hashes": {"sha256": 5}}, {"yanked": 5}, {"requires-python": []}],
)
def test_a_file_that_is_broken(keys: dict[str, Any]) -> None:
    assert dropped(**keys) == {"malformed": 1}


@pytest.mark.parametrize("element", ["x", None, 5, [], {}])
def test_an_element_that_is_no_file(element: Any) -> None:
    page = of_json(json_page(element, entry()))
    assert (len(page.files), page.dropped) == (1, {"malformed": 1})


def test_of_two_files_with_a_name_the_first_counts() -> None:
    page = of_json(json_page(entry(), entry(url="https://evil.example/x")))
    assert ([file.url for file in page.files], page.dropped) == ([f"https://files.example/{NAME}"], {"duplicate": 1})


@pytest.mark.parametrize(
    ("field", "value", "attribute"),
    [("size", -1, "size"), ("size", "many", "size"), ("size", 2**70, "size"), ("upload-time", "soon", "upload_time"),
     ("upload-time", [], "upload_time"), ("provenance", "x", "provenance"), ("provenance", "javascript:x", "provenance"),
     ("core-metadata", 5, "core_metadata"), ("core-metadata", False, "core_metadata"), ("core-metadata", None, "core_metadata"),
     ("yanked", None, "yanked"), ("yanked", False, "yanked"), ("requires-python", "", "requires_python"),
     ("requires-python", None, "requires_python")],
)  # fmt: skip
def test_a_field_that_can_be_left_out(field: str, value: Any, attribute: str) -> None:
    file = file_of(**{field: value})
    assert (getattr(file, attribute), file.digests) == (None, {"sha256": SHA})


@pytest.mark.parametrize(
    "hashes", [None, {}, {"sha256": "ab"}, {"sha256": "xy" * 32}, {"blake3": SHA}, {"": ""}, {"sha256": SHA + "\n"}]
)
def test_digests_that_are_none_are_left_out(hashes: Any) -> None:
    assert file_of(hashes=hashes).digests == {}


def test_digests_are_written_in_one_way() -> None:
    assert file_of(hashes={"SHA256": SHA.upper(), "md5": "0" * 32}).digests == {"sha256": SHA, "md5": "0" * 32}


@pytest.mark.parametrize("key", ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"])
def test_metadata_by_each_of_its_names(key: str) -> None:
    assert file_of(**{key: {"sha256": SHA}}).core_metadata == {"sha256": SHA}
    assert file_of(**{key: True}).core_metadata == {}


@pytest.mark.parametrize("yanked", [True, ""])
def test_yanked_without_a_reason(yanked: Any) -> None:
    assert file_of(yanked=yanked).yanked == ""


def test_what_is_kept_has_no_control_characters() -> None:
    file = file_of(yanked="a\x00b\r\nc\ud800d", **{"requires-python": ">=3\x00"})
    assert (file.yanked, file.requires_python) == ("a b c d", ">=3")


def test_a_time_without_a_zone_is_utc() -> None:
    moment = file_of(**{"upload-time": "2024-05-01T12:00:00"}).upload_time
    assert moment is not None
    assert moment.isoformat() == "2024-05-01T12:00:00+00:00"
    moment = file_of(**{"upload-time": "2024-05-01T12:00:00+02:00"}).upload_time
    assert moment is not None
    assert moment.isoformat() == "2024-05-01T10:00:00+00:00"


def test_credentials_in_a_files_address_are_not_kept() -> None:
    assert file_of(url=f"https://user:secret@files.example/{NAME}#sha256=x").url == f"https://files.example/{NAME}"


@pytest.mark.parametrize(
    ("status", "told"),
    [({"status": "quarantined"}, "quarantined"), ({"status": "odd"}, "active"), ({"status": 5}, "active"), ([], "active"), (None, "active")],
)  # fmt: skip
def test_the_status_of_a_project(status: Any, told: str) -> None:
    assert of_json(json_page(**{"project-status": status})).status == told


def test_versions_are_texts() -> None:
    assert of_json(json_page(versions=["1.0", 5, "2\n", "x" * 200])).versions == ("1.0",)
    assert of_json(json_page(versions="1.0")).versions == ()


def test_a_serial_that_is_none() -> None:
    page = of_json(json_page(meta={"api-version": "1.0", "_last-serial": "soon"}))
    assert page.last_serial is None


@pytest.mark.parametrize("charset", ["utf-8", "zlib", "base64", "no-such", "rot13", "undefined", "iso-8859-1"])
def test_a_charset_that_is_none_does_no_harm(charset: str) -> None:
    page = of_html(f'<a href="{NAME}">{NAME}</a>', f"text/html; charset={charset}")
    assert len(page.files) == 1


@pytest.mark.parametrize(
    "before",
    ["<!-- ", "<![foo[", "<!doctype [", "<a", "<script>", "<?x", "</", "<" * 5000, "&#x110000;", "<a><b><a>",
     "<base href='http://[::1'>"],
)  # fmt: skip
def test_broken_markup_never_does_more_than_fail(before: str) -> None:
    with TextServer(f'{before}<a href="https://files.example/{NAME}">{NAME}</a>', "text/html") as server:
        try:
            page = page_of(server)
        except UpstreamFailed as failure:
            assert failure.kind is Failure.BAD_ANSWER
        else:
            assert [file.url for file in page.files] == [f"https://files.example/{NAME}"]


@pytest.mark.parametrize("beginning", ["<!-- ", '<a href="', "<a ", "text ", "<script>"])
def test_a_tag_without_an_end_is_given_up(beginning: str) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        of_html(beginning + "x=y " * 600_000)
    assert caught.value.kind is Failure.BAD_ANSWER


@pytest.mark.parametrize("mark", ["<", "<b>", "</b>", "<!---->", "<a>", "<b c=d e f>"])
def test_a_page_of_nothing_but_markup_is_given_up(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    """Long before its end."""
    monkeypatch.setattr(pages, "MOST_FILES", 1000)
    with pytest.raises(UpstreamFailed, match="too many tags"):
        of_html(mark * 100_000)


def test_a_listing_of_a_folder_that_cuts_names_short() -> None:
    page = of_html(f'<a href="../">Parent</a><a href="{NAME}#sha256={SHA}">acme_tool-1.0-py3-n..&gt;</a>')
    assert [(file.filename, dict(file.digests)) for file in page.files] == [(NAME, {"sha256": SHA})]


def test_attributes_beyond_the_standard_that_indexes_give() -> None:
    page = of_html(f'<a href="{NAME}" data-size="12" data-upload-time="2024-05-01T12:00:00Z">{NAME}</a>')
    assert (page.files[0].size, str(page.files[0].upload_time)) == (12, "2024-05-01 12:00:00+00:00")


@pytest.mark.parametrize(
    ("attribute", "told"),
    [("data-core-metadata='true'", {}), ("data-core-metadata='false'", None), ("data-dist-info-metadata='sha256=x'", None),
     (f"data-dist-info-metadata='sha256={SHA}'", {"sha256": SHA}), ("", None)],
)  # fmt: skip
def test_metadata_of_a_link(attribute: str, told: Any) -> None:
    assert of_html(f'<a href="{NAME}" {attribute}>{NAME}</a>').files[0].core_metadata == told


def test_a_file_without_tls_and_digest_on_a_page_with_tls(tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("s", addresses=["127.0.0.1"])
    sound, bare = entry(url=f"http://files.example/{NAME}"), entry(url="http://files.example/x", hashes={})
    bare["filename"] = "acme_tool-2.0.tar.gz"
    with TextServer(json_page(sound, bare), JSON, certificate=certificate) as server:
        page = page_of(server, ca_certificates=authority.ca_file.read_text())
    assert ([file.filename for file in page.files], page.dropped) == ([NAME], {"unprotected": 1})


@pytest.mark.parametrize("value", ['W/"x', "x", '"\x00"', '"' + "x" * 300 + '"', '"a"b"'])
def test_an_etag_that_is_none_is_not_kept(value: str) -> None:
    with TextServer(json_page(), JSON, headers={"ETag": value, "Last-Modified": "<b>"}) as server:
        page = page_of(server)
    assert (page.etag, page.last_modified) == ("", "")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("max-age=60", 60), ("public, Max-Age=60", 60), ("no-cache, max-age=60", 0), ("no-store", 0), ("max-age=-1", None), ("", None),
     ("s-maxage=60", None), ("max-age=99999999999", 999_999_999)],
)  # fmt: skip
def test_how_long_a_page_is_good(said: str, seconds: int | None) -> None:
    with TextServer(json_page(), JSON, headers={"Cache-Control": said}) as server:
        assert page_of(server).max_age == seconds
