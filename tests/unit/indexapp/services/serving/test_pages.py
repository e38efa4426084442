"""Project pages as installers get them: what they say, when they change, and who gets them."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from accounts.domain.verbs import ALL_VERBS, Verb
from indexapp.models import File, Project
from indexapp.services import projects, releases
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import ROLES, Cast
from tests.factories.publishing import give, make_index, published, upload
from tests.plugins import process_memory
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PAGE = "/simple/acme-tool/"


class Links(HTMLParser):
    """The anchors of a page: attributes by text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self._open: dict[str, str | None] | None = None
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = dict(attrs) if tag == "a" else None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.found[data] = self._open
            self._open = None


@pytest.fixture
def file(cast: Cast) -> File:
    return published(cast.index, build_wheel(headers=[("Requires-Python", ">=3.11")]))


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def test_the_json_page(cast: Cast, file: File, reader: WsgiClient) -> None:
    page = reader.get(PAGE, Accept=JSON)
    assert page.headers["Content-Type"] == JSON
    [row] = page.json["files"]
    digest = file.sha256
    assert row["url"] == f"/main/files/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}"
    assert (row["hashes"], row["size"], row["requires-python"]) == ({"sha256": digest}, file.size, ">=3.11")
    assert row["core-metadata"] == {"sha256": file.metadata_sha256}
    assert (row["yanked"], page.json["versions"], page.json["name"]) == (False, ["1.0"], "acme-tool")
    assert page.json["meta"]["_last-serial"] == int(page.headers["X-PyPI-Last-Serial"])
    assert page.json["project-status"] == {"status": "active"}


def test_the_html_page_says_the_same(cast: Cast, file: File, reader: WsgiClient) -> None:
    page = reader.get(PAGE)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    [(name, attributes)] = Links(page.body).found.items()
    url = reader.get(PAGE, Accept=JSON).json["files"][0]["url"]
    assert (name, attributes["href"]) == (file.filename, f"{url}#sha256={file.sha256}")
    assert attributes["data-requires-python"] == ">=3.11"
    assert attributes["data-core-metadata"] == f"sha256={file.metadata_sha256}"
    assert reader.get(PAGE, Accept=HTML).body == page.body


def test_what_the_page_links_to_can_be_fetched(cast: Cast, file: File, reader: WsgiClient) -> None:
    [row] = reader.get(PAGE, Accept=JSON).json["files"]
    assert reader.get(row["url"]).body == build_wheel(headers=[("Requires-Python", ">=3.11")]).content
    assert b"Requires-Python: >=3.11" in reader.get(f"{row['url']}.metadata").body


@pytest.mark.parametrize("where", ["", "/main"])
def test_the_default_index_has_two_addresses_and_one_page(
    cast: Cast, file: File, reader: WsgiClient, where: str
) -> None:
    assert reader.get(f"{where}/simple/acme-tool/", Accept=JSON).json["files"][0]["url"].startswith("/main/files/")


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/simple/acme-tool", "/simple/acme-tool/"),
        ("/simple/Acme.Tool/", "/simple/acme-tool/"),
        ("/main/simple/ACME__tool", "/main/simple/acme-tool/"),
        (
            "/simple/Acme-Tool/?format=application/vnd.pypi.simple.v1+json",
            "/simple/acme-tool/?format=application/vnd.pypi.simple.v1+json",
        ),
    ],
)
def test_other_spellings_lead_to_the_normal_one(
    cast: Cast, file: File, reader: WsgiClient, asked: str, location: str
) -> None:
    answer = reader.get(asked)
    assert (answer.status, answer.headers["Location"]) == (301, location)


@pytest.mark.parametrize("url", [PAGE, "/simple/", "/main/pypi/acme-tool/json"])
@pytest.mark.parametrize("accept", [JSON, HTML, "*/*"])
@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_head_is_get_without_the_body(
    cast: Cast, file: File, reader: WsgiClient, url: str, accept: str, encoding: str
) -> None:
    got = reader.get(url, Accept=accept, Accept_Encoding=encoding)
    head = reader.head(url, Accept=accept, Accept_Encoding=encoding)
    assert head.body == b""
    assert (head.status, head.reason) == (got.status, got.reason)
    assert _lasting(head) == _lasting(got)
    assert int(got.headers["Content-Length"]) == len(got.body)


def _lasting(answer: Answer) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in answer.headers.items() if name != "X-Request-ID")


@pytest.mark.parametrize("url", [PAGE, "/simple/", "/main/pypi/acme-tool/json"])
def test_an_unchanged_page_is_not_sent_again(cast: Cast, file: File, reader: WsgiClient, url: str) -> None:
    first = reader.get(url)
    again = reader.get(url, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert again.headers["Vary"] == first.headers["Vary"]
    assert reader.get(url, If_None_Match=f'W/{first.headers["ETag"]}, "x"').status == 304
    assert reader.get(url, If_None_Match='"other"').status == 200


def test_each_representation_has_an_etag_of_its_own(cast: Cast, file: File, reader: WsgiClient) -> None:
    asked = [(accept, encoding) for accept in (JSON, HTML) for encoding in ("", "gzip", "zstd")]
    answers = [reader.get(PAGE, Accept=accept, Accept_Encoding=encoding) for accept, encoding in asked]
    assert len({answer.headers["ETag"] for answer in answers}) == len({answer.body for answer in answers}) == 6
    for answer in answers:
        assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize("open_to_all", [False, True])
def test_what_needed_credentials_stays_out_of_shared_caches(
    cast: Cast, file: File, machine: WsgiClient, open_to_all: bool
) -> None:
    cast.index.anonymous_read = open_to_all
    cast.index.save()
    client = machine if open_to_all else machine.signed(cast.bearer("reader"))
    for url in (PAGE, "/simple/", f"/main/files/{_path(file)}", "/main/pypi/acme-tool/json"):
        answer = client.get(url)
        assert answer.status == 200
        assert answer.headers["Cache-Control"].split(",")[0] == ("public" if open_to_all else "private")
        assert ("Authorization" in (answer.headers["Vary"] or "")) is not open_to_all


def _path(file: File) -> str:
    return f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


def test_the_page_changes_with_every_deed(cast: Cast, file: File, reader: WsgiClient) -> None:
    actor = cast.actor("administrator")
    deeds = [
        lambda: upload(cast.index, build_sdist()),
        lambda: releases.yank(actor=actor, release=file.release, reason="broken"),
        lambda: releases.unyank(actor=actor, release=file.release),
        lambda: releases.yank_file(actor=actor, file=file),
        lambda: releases.unyank_file(actor=actor, file=file),
        lambda: projects.set_status(actor=actor, project=file.project, status="deprecated", reason="use beta"),
        lambda: projects.set_status(actor=actor, project=file.project, status="quarantined"),
        lambda: projects.set_status(actor=actor, project=file.project, status="active"),
        lambda: releases.delete_file(actor=actor, file=file),
    ]
    seen = [reader.get(PAGE, Accept=JSON)]
    for deed in deeds:
        deed()
        page = reader.get(PAGE, Accept=JSON, If_None_Match=seen[-1].headers["ETag"])
        assert page.status == 200
        assert int(page.headers["X-PyPI-Last-Serial"]) > int(seen[-1].headers["X-PyPI-Last-Serial"])
        seen.append(page)
    assert len({page.headers["ETag"] for page in seen}) == len(seen)


def test_what_happens_to_other_projects_leaves_the_page_as_it_was(cast: Cast, file: File, reader: WsgiClient) -> None:
    before = reader.get(PAGE)
    upload(cast.index, build_wheel("another"))
    assert reader.get(PAGE, If_None_Match=before.headers["ETag"]).status == 304


def test_yanks_of_release_and_file_are_shown_with_the_nearer_reason(cast: Cast, file: File, reader: WsgiClient) -> None:
    actor = cast.actor("administrator")

    def yanked() -> Any:
        return reader.get(PAGE, Accept=JSON).json["files"][0]["yanked"]

    releases.yank(actor=actor, release=file.release)
    assert yanked() is True
    releases.yank(actor=actor, release=file.release, reason="the release")
    assert yanked() == "the release"
    releases.yank_file(actor=actor, file=file, reason="the file")
    assert yanked() == "the file"
    releases.unyank(actor=actor, release=file.release)
    assert yanked() == "the file"
    releases.unyank_file(actor=actor, file=file)
    assert yanked() is False


def test_a_quarantined_project_keeps_its_page_and_offers_nothing(cast: Cast, file: File, reader: WsgiClient) -> None:
    projects.set_status(actor=cast.actor("team_admin"), project=file.project, status="quarantined", reason="malware")
    page = reader.get(PAGE, Accept=JSON).json
    assert (page["files"], page["versions"]) == ([], [])
    assert page["project-status"] == {"status": "quarantined", "reason": "malware"}
    assert Links(reader.get(PAGE).body).found == {}
    for suffix in ("", ".metadata"):
        answer = reader.get(f"/main/files/{_path(file)}{suffix}")
        assert (answer.status, answer.code) == (403, "project-quarantined")
    assert reader.get("/simple/", Accept=JSON).json["projects"] == []
    projects.set_status(actor=cast.actor("team_admin"), project=file.project, status="active")
    assert reader.get(f"/main/files/{_path(file)}").status == 200


def test_a_project_without_files_has_a_page(cast: Cast, reader: WsgiClient) -> None:
    projects.create(actor=cast.actor("administrator"), index=cast.index, name="acme-tool")
    page = reader.get(PAGE, Accept=JSON)
    assert (page.status, page.json["files"], page.json["versions"]) == (200, [], [])


def test_a_deleted_project_has_none_and_a_new_one_of_the_name_begins_anew(
    cast: Cast, file: File, reader: WsgiClient, settings: Any
) -> None:
    settings.TPI_TRASH_DAYS = 0
    old = reader.get(PAGE)
    projects.delete(actor=cast.actor("administrator"), project=file.project)
    gone = reader.get(PAGE)
    assert (gone.status, gone.code) == (404, "not-found")
    assert reader.get(f"/main/files/{_path(file)}").status == 404
    upload(cast.index, build_wheel(version="2.0"))
    page = reader.get(PAGE, Accept=JSON)
    assert page.json["versions"] == ["2.0"]
    assert page.headers["ETag"] != old.headers["ETag"]


VISIBLE = set(ROLES) - {"anonymous", "outsider", "operator"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("way", ["bearer", "basic"])
@pytest.mark.parametrize("client", ["machine", "plain_django"])
def test_who_gets_what(
    cast: Cast, file: File, request: pytest.FixtureRequest, role: str, way: str, client: str
) -> None:
    asker: WsgiClient = request.getfixturevalue(client).signed(getattr(cast, way)(role))
    addresses = [PAGE, "/main/simple/acme-tool/", f"/main/files/{_path(file)}", "/main/pypi/acme-tool/json", "/simple/"]
    for url in addresses:
        answer = asker.get(url)
        expected = 200 if role in VISIBLE else 401 if role == "anonymous" else 403
        assert answer.status == expected, (url, answer.body)
        if expected == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("role", ["anonymous", "outsider"])
def test_a_name_that_exists_looks_like_one_that_does_not(
    cast: Cast, file: File, machine: WsgiClient, role: str
) -> None:
    asker = machine.signed(cast.bearer(role))

    def told(url: str) -> tuple[int, str, bytes]:
        answer = asker.get(url)
        return answer.status, answer.reason.replace("nowhere", "main"), answer.body.replace(b"nowhere", b"main")

    assert told(PAGE) == told("/simple/no-such-thing/") == told("/simple/Not%20Valid/")
    assert told("/main/simple/acme-tool/") == told("/nowhere/simple/acme-tool/")
    assert told("/simple/Acme.Tool") == told("/simple/No.Such.Thing")
    assert told(f"/main/files/{_path(file)}") == told(f"/main/files/{_path(file)[:-4]}.zip")
    assert told("/main/pypi/acme-tool/json") == told("/main/pypi/no-such-thing/json")


def test_who_reads_all_of_the_index_is_told_what_is_not_there(cast: Cast, reader: WsgiClient) -> None:
    for url in ("/simple/no-such-thing/", "/simple/Not%20Valid/", f"/simple/{'x' * 300}/", "/simple/%00/"):
        answer = reader.get(url)
        assert (answer.status, answer.code) == (404, "not-found"), url


def test_who_reads_one_project_is_not_told_what_is_not_there(cast: Cast, file: File, machine: WsgiClient) -> None:
    published(cast.index, build_wheel("secret"))
    give(cast.outsider, [Verb.READ], cast.index, file.project)
    asker = machine.signed(cast.bearer("outsider"))
    assert asker.get(PAGE).status == 200
    assert {asker.get(f"/simple/{name}/").status for name in ("secret", "no-such-thing")} == {403}
    assert [row["name"] for row in asker.get("/simple/", Accept=JSON).json["projects"]] == ["acme-tool"]


@pytest.mark.parametrize(
    ("scope", "statuses"),
    [
        ({"verbs": [Verb.READ]}, (200, 200, 404)),
        ({"verbs": [Verb.UPLOAD]}, (403, 403, 403)),
        ({"verbs": ALL_VERBS, "indexes": ["main"]}, (200, 200, 404)),
        ({"verbs": ALL_VERBS, "indexes": ["other"]}, (403, 403, 403)),
        ({"verbs": ALL_VERBS, "projects": ["acme-tool"]}, (200, 200, 403)),
        ({"verbs": ALL_VERBS, "projects": ["other"]}, (403, 403, 403)),
    ],
)
def test_a_token_sees_what_it_is_for(
    cast: Cast, file: File, machine: WsgiClient, scope: dict[str, Any], statuses: tuple[int, int, int]
) -> None:
    asker = machine.signed({"Authorization": f"Bearer {cast.token('administrator', **scope)}"})
    urls = (PAGE, f"/main/files/{_path(file)}", "/simple/no-such-thing/")
    assert tuple(asker.get(url).status for url in urls) == statuses


def test_an_index_may_take_tokens_only(cast: Cast, file: File, machine: WsgiClient) -> None:
    cast.index.allow_passwords = False
    cast.index.save()
    asker = machine.signed(cast.basic("administrator"))
    for url in (PAGE, "/simple/", f"/main/files/{_path(file)}", "/simple/no-such-thing/"):
        answer = asker.get(url)
        assert (answer.status, answer.code) == (403, "right-missing")
        assert "tokens only" in answer.json["detail"]
        assert machine.signed(cast.bearer("administrator")).get(url).status in (200, 404)


def test_an_unknown_index_is_told_of_to_administrators_alone(cast: Cast, machine: WsgiClient) -> None:
    for role, status in (("anonymous", 401), ("outsider", 403), ("reader", 403), ("administrator", 404)):
        assert machine.signed(cast.bearer(role)).get("/nowhere/simple/acme/").status == status


def test_without_a_default_index_there_is_nothing_at_its_address(cast: Cast, machine: WsgiClient) -> None:
    cast.index.is_default = False
    cast.index.save()
    assert machine.signed(cast.bearer("administrator")).get("/simple/").status == 404
    assert machine.get("/simple/").status == 401
    assert machine.signed(cast.bearer("administrator")).get("/main/simple/").status == 200


@pytest.mark.parametrize("query", ["format=nonsense", "format="])
def test_an_unknown_format_is_refused(cast: Cast, file: File, reader: WsgiClient, query: str) -> None:
    answer = reader.get(f"{PAGE}?{query}")
    assert (answer.status, answer.code) == (400, "unknown-format")


@pytest.mark.parametrize("query", ["&".join(["a=1"] * 50), "a=%ff%fe", "=&=&;", "a" * 5000, "format=x" + "y" * 5000])
def test_whatever_the_query_says_the_page_is_served(cast: Cast, file: File, reader: WsgiClient, query: str) -> None:
    assert reader.get(f"{PAGE}?{query}").status == 200


def test_projects_in_several_indexes_do_not_mix(cast: Cast, file: File, reader: WsgiClient) -> None:
    other = make_index("other")
    published(other, build_wheel("acme-tool", "9.0"))
    give(cast.reader, [Verb.READ], other)
    assert reader.get("/main/simple/acme-tool/", Accept=JSON).json["versions"] == ["1.0"]
    assert reader.get("/other/simple/acme-tool/", Accept=JSON).json["versions"] == ["9.0"]
    assert reader.get(f"/other/files/{_path(file)}").status == 404


def test_versions_and_files_come_in_the_order_of_versions(cast: Cast, reader: WsgiClient) -> None:
    for version in ("1.10", "1.9", "1.9.post1", "1.10rc1"):
        upload(cast.index, build_wheel(version=version))
    page = reader.get(PAGE, Accept=JSON).json
    assert page["versions"] == ["1.9", "1.9.post1", "1.10rc1", "1.10"]
    assert [row["filename"].split("-")[1] for row in page["files"]] == page["versions"]


def test_times_have_a_zone_and_microseconds(cast: Cast, file: File, reader: WsgiClient) -> None:
    File.objects.update(uploaded_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert reader.get(PAGE, Accept=JSON).json["files"][0]["upload-time"] == "2026-01-02T03:04:05.000000Z"
    File.objects.update(uploaded_at=datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC))
    Project.objects.update(last_serial=10**6)
    process_memory.forget()
    assert reader.get(PAGE, Accept=JSON).json["files"][0]["upload-time"] == "2026-01-02T03:04:05.000060Z"
