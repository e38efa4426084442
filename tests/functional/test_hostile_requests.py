"""Odd paths, headers and methods: whatever is asked, the server does not fail, shows nothing of its inside and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.wheels import build_wheel
from tests.functional.aftermath import require_no_fault, require_refusal, state_of
from tests.functional.artefacts import fresh_name
from tests.functional.conftest import Cast
from tests.servers.raw import RawAnswer, exchange, head
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional
quickly = settings(
    max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HASHED = "ab/cd/" + "0" * 60
ROOMS = [
    "/",
    "/simple/",
    "/simple/acme/",
    "/main/simple/",
    "/main/files/",
    f"/main/files/{HASHED}/",
    "/files/",
    "/packages/main/",
    "/legacy/",
    "/legacy/+simple/",
    "/pypi/acme/",
    "/pypi/acme/1.0/json/",
    "/main/pypi/",
    "/integrity/acme/1.0/",
    "/api/v1/",
    "/api/v1/indexes/main/projects/",
    "/main/project/",
    "/search/?q=",
    "/simple/?format=",
    "/account/",
    "/admin/",
    "/static/",
    "/nowhere/simple/",
]
TRICKS = [
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/secret-key",
    "..\\..\\secret-key",
    "..%5c..%5csecret-key",
    "%c0%ae%c0%ae/secret-key",
    "%00",
    "acme%00.whl",
    "%ff%fe",
    "%ed%a0%80",
    "%e2%80%ae",
    "%0d%0aX-Injected:%20yes",
    "%",
    "%zz",
    "a" * 8000,
    "a" * 20_000,
    "%f0%9f%90%8d",
    "//",
    "/./../.",
    ";jsessionid=1",
    "{7*7}",
    "<script>",
    "%25252e%25252e",
    "'%20OR%201=1--",
]


@pytest.fixture(scope="module")
def wheel(tpi: TpiServer, cast: Cast) -> str:
    """The address of a published wheel."""
    name = fresh_name()
    with Session(tpi.url, cast.headers) as owner:
        assert owner.upload(build_wheel(name, "1.0")).status == 200
        address: str = owner.page(name)["files"][0]["url"]
    return address


@pytest.fixture(autouse=True)
def nothing_changes(tpi: TpiServer, cast: Cast, wheel: str) -> Iterator[None]:
    before = state_of(tpi)
    yield
    assert state_of(tpi) == before


def ask(tpi: TpiServer, method: str, target: str, headers: dict[str, str | bytes]) -> RawAnswer:
    answer = exchange(tpi.port, head(method, target, {"Connection": "close", **headers}))
    require_no_fault(answer)
    assert answer.status != 0, "closed without an answer"
    assert "x-injected" not in answer.headers
    return answer


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
@pytest.mark.parametrize("who", ["owner", "nobody"])
def test_a_tricky_path_gives_nothing_away(tpi: TpiServer, cast: Cast, trick: str, who: str) -> None:
    secret = (tpi.data / "secret-key").read_bytes()
    for room in ROOMS:
        answer = ask(tpi, "GET", room + trick, dict(cast.headers) if who == "owner" else {})
        assert secret not in answer.body
        assert b"root:" not in answer.body


@quickly
@given(room=st.sampled_from(ROOMS), raw=st.binary(min_size=1, max_size=60), slash=st.booleans())
def test_any_path_is_answered(tpi: TpiServer, cast: Cast, room: str, raw: bytes, *, slash: bool) -> None:
    ask(tpi, "GET", room + quote(raw, safe="/") + "/" * slash, dict(cast.headers))


@pytest.mark.parametrize("project", ["..", "-acme", "acme-", "a b", "acm\u00e9", "a" * 2000, "acme\0", "CON:"])
def test_a_name_that_cannot_be_is_not_found(tpi: TpiServer, cast: Cast, project: str) -> None:
    answer = ask(tpi, "GET", f"/simple/{quote(project, safe='')}/", dict(cast.headers))
    require_refusal(answer, status=404)


HEADERS = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cookie",
    "If-None-Match",
    "If-Range",
    "If-Modified-Since",
    "Range",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "Forwarded",
    "X-Request-ID",
    "X-CSRFToken",
    "Content-Type",
    "Referer",
    "User-Agent",
    "Expect",
]
values = st.one_of(
    st.binary(max_size=80).map(lambda raw: raw.translate(None, b"\r\n\0")),
    st.sampled_from([b"bytes=", b"Basic ", b"Bearer ", b"*/*;q=", b'"', b"W/", b",", b";", b"=", b"%00", b"tpi_"]),
    st.lists(st.sampled_from([b"0-", b"-1", b"9-1", b",", b"bytes=", b"99999999999999999999-"]), max_size=30).map(
        b"".join
    ),
)


@quickly
@given(headers=st.dictionaries(st.sampled_from(HEADERS), values, max_size=4), page=st.booleans())
def test_any_header_is_borne(tpi: TpiServer, cast: Cast, wheel: str, headers: dict[str, bytes], *, page: bool) -> None:
    lines: dict[str, str | bytes] = {**cast.headers, **headers}
    ask(tpi, "GET", "/simple/" if page else wheel, lines)


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"Basic",
        b"Basic !!!",
        b"Basic \xff\xfe",
        b"Basic " + b"A" * 10_000,
        b"Basic bm9jb2xvbg==",
        b"Basic AAA6AAA=",
        b"Bearer",
        b"Bearer \xe9\xff",
        b"Bearer tpi_" + b"z" * 5_000,
        b"Digest username=admin",
        b"Negotiate YII",
        b"token tpi_wrong",
        b"\xf0\x9f\x90\x8d",
    ],
)
@pytest.mark.parametrize("target", ["/simple/", "/main/simple/acme/", "/api/v1/indexes/"])
def test_broken_credentials_are_none(tpi: TpiServer, authorization: bytes, target: str) -> None:
    answer = ask(tpi, "GET", target, {"Authorization": authorization})
    require_refusal(answer, status=401)
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-0", 206),
        ("bytes=-1", 206),
        ("bytes=0-0,2-2", 206),
        ("bytes=99999999-", 416),
        ("bytes=-0", 416),
        ("bytes=5-1", 200),
        ("bytes=a-b", 200),
        ("lines=0-1", 200),
        ("bytes=" + ",".join(f"{i}-{i}" for i in range(1_200)), 200),
        ("bytes=" + "0-,", 200),
        ("bytes=18446744073709551616-", 416),
    ],
)
def test_ranges(tpi: TpiServer, cast: Cast, wheel: str, asked: str, status: int) -> None:
    answer = ask(tpi, "GET", wheel, {**cast.headers, "Range": asked})
    if len(asked) > 1_000:
        assert answer.status in (200, 416)
    else:
        assert answer.status in (status, 206 if asked.endswith("0-,") else status)


@pytest.mark.parametrize("named", ["/main", "/nowhere", "/simple"])
@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "Script-Name"])
def test_no_header_says_where_the_site_is(tpi: TpiServer, cast: Cast, wheel: str, name: str, named: str) -> None:
    project = wheel.rpartition("/")[2].partition("-")[0].replace("_", "-")
    for target in (f"/main/simple/{project}/", f"/main/project/{project}/"):
        answer = ask(tpi, "GET", target, {**cast.headers, name: named})
        assert (answer.status, project.encode() in answer.body) == (200, True)
        assert f'"{named}/static/'.encode() not in answer.body


def test_who_is_no_configured_proxy_does_not_say_how_the_request_came(tpi: TpiServer, cast: Cast, wheel: str) -> None:
    project = wheel.rpartition("/")[2].partition("-")[0].replace("_", "-")
    answer = ask(tpi, "GET", f"/pypi/{project}/json", {**cast.headers, "X-Forwarded-Proto": "https"})
    assert b'"url":"http://' in answer.body
    assert b'"url":"https://' not in answer.body


METHODS = ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW", "get"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", ["/simple/", "/simple/acme/", "/legacy/", "/livez", "/", "/pypi/acme/json", "file"])
def test_other_methods_do_nothing(tpi: TpiServer, cast: Cast, wheel: str, method: str, target: str) -> None:
    answer = ask(tpi, method, wheel if target == "file" else target, dict(cast.headers))
    assert 400 <= answer.status < 500, answer
    assert cast.owner.password.encode() not in answer.body


@pytest.mark.parametrize("target", ["/simple/", "/simple/acme/", "/pypi/acme/json"])
def test_reading_addresses_take_no_body(tpi: TpiServer, cast: Cast, target: str) -> None:
    request = head("POST", target, {**cast.headers, "Content-Length": "5", "Connection": "close"}) + b"hello"
    answer = exchange(tpi.port, request)
    require_refusal(answer, status=405)
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA B: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: b\r\n" * 500 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n",
        b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xff" * 9_000,
    ],
)
def test_what_is_no_http_is_closed_or_refused(tpi: TpiServer, request_bytes: bytes) -> None:
    answer = exchange(tpi.port, request_bytes, half_close=True)
    require_no_fault(answer)


@pytest.mark.parametrize("host", ["", "evil.example", "evil.example/../", "a b", "[::1", "127.0.0.1:99999", "x" * 300])
def test_a_spoofed_host_reaches_no_link(tpi: TpiServer, cast: Cast, wheel: str, host: str) -> None:
    project = wheel.rpartition("/")[2].partition("-")[0].replace("_", "-")
    request = (
        f"GET /simple/{project}/ HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n"
    )
    request += f"Authorization: {cast.headers['Authorization']}\r\n\r\n"
    answer = exchange(tpi.port, request.encode())
    require_no_fault(answer)
    assert b"evil.example" not in answer.body
    assert "evil.example" not in answer.headers.get("location", "")
