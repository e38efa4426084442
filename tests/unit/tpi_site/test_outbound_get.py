from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.builders.core_metadata import Built
from tests.servers.certificates import Authority
from tests.servers.proxy import Proxy
from tests.servers.static_index import Behaviour, Credentials, StaticFile, StaticIndex
from tpi_site.kit import outbound
from tpi_site.kit.outbound import Code, Limits, OutboundFailed, Way

LIMITS = Limits(most=1_000_000)
FILE = StaticFile(*Built("acme_tool-1.0.tar.gz", b"content"))


@pytest.fixture(autouse=True)
def _loopback_may_be_asked(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def content_of(url: str, limits: Limits = LIMITS, **way: str) -> bytes:
    with outbound.get(url, way=Way(way.pop("home", url), **way), limits=limits) as response:
        assert response.status == 200
        return b"".join(response.body)


def failure_of(url: str, limits: Limits = LIMITS, **way: str) -> OutboundFailed:
    with pytest.raises(OutboundFailed) as caught:
        content_of(url, limits, **way)
    return caught.value


def test_a_status_is_the_callers_to_read() -> None:
    with StaticIndex([FILE], behaviour=Behaviour(status=503)) as index:
        url = index.file_url(FILE.filename)
        with outbound.get(url, way=Way(url), limits=LIMITS) as response:
            assert (response.status, b"".join(response.body), response.url) == (503, b"No.", url)


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1:70/", "//127.0.0.1/x", "http:///x", "",
     "http://[::1/x", "http://127.0.0.1:99999/x", "http://127.0.0.1:x/", "http://a b/", "http://fe80::1%25eth0]/",
     "http://[fe80::1%25eth0]/x", "http://\ud800/"],
)  # fmt: skip
def test_only_http_is_asked(url: str) -> None:
    assert failure_of(url, home="https://upstream.example/").code is Code.NOT_ALLOWED


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_an_inside_address_is_not_asked_however_it_is_written(settings: Any, host: str) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    with StaticIndex([FILE]) as index:
        failure = failure_of(index.file_url(FILE.filename).replace("127.0.0.1", host))
    assert (failure.code, index.requests) == (Code.NOT_ALLOWED, [])


def test_a_redirect_to_an_inside_address_is_not_followed(settings: Any) -> None:
    """The first address may be asked, the one that it leads to may not."""
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.1/32"]
    with StaticIndex([FILE]) as inside, StaticIndex([FILE]) as index:
        index.behaviour = Behaviour(redirect_to=inside.base.replace("127.0.0.1", "127.0.0.2") + "/")
        failure = failure_of(index.file_url(FILE.filename))
    assert (failure.code, inside.requests, len(index.requests)) == (Code.NOT_ALLOWED, [], 1)


@pytest.mark.parametrize(
    ("location", "code"),
    [("file:///etc/passwd", Code.NOT_ALLOWED), ("ftp://127.0.0.1/x", Code.NOT_ALLOWED), ("http://[::1", Code.NOT_ALLOWED),
     ("http://169.254.169.254/latest", Code.NOT_ALLOWED), ("/again", Code.BAD_ANSWER)],
)  # fmt: skip
def test_a_redirect_that_leads_nowhere(location: str, code: Code) -> None:
    with StaticIndex([FILE], behaviour=Behaviour(redirect_to=location)) as index:
        assert failure_of(index.file_url(FILE.filename)).code is code
    assert len(index.requests) <= 6


def test_credentials_go_to_their_own_origin_only() -> None:
    """Not to another port, and not again when the redirect leads back."""
    with StaticIndex([FILE]) as elsewhere, StaticIndex([FILE], credentials=Credentials("u", "p")) as index:
        url = index.file_url(FILE.filename)
        assert content_of(url, username="u", password="p") == b"content"
        index.behaviour = Behaviour(redirect_to=f"{elsewhere.base}/")
        assert content_of(url, username="u", password="p") == b"content"
        assert "authorization" not in elsewhere.requests[-1].headers
        elsewhere.behaviour = Behaviour(redirect_to=url)
        with outbound.get(elsewhere.url, way=Way(url, "u", "p"), limits=LIMITS) as response:
            assert response.status == 401


def test_credentials_in_an_address_are_not_sent_nor_told() -> None:
    with StaticIndex([FILE]) as index:
        url = index.file_url(FILE.filename).replace("://", "://user:s3cret@")
        with outbound.get(url, way=Way(url), limits=LIMITS) as response:
            assert "s3cret" not in response.url
        assert "authorization" not in index.requests[-1].headers
        index.behaviour = Behaviour(fault="reset")
        assert "s3cret" not in str(failure_of(url))


def test_an_address_with_letters_of_all_kinds_is_asked() -> None:
    with StaticIndex() as index:
        with outbound.get(f"{index.base}/ö ä?x=ß#y", way=Way(index.base), limits=LIMITS) as response:
            assert response.status == 404
        assert index.requests[0].path == "/%C3%B6%20%C3%A4?x=%C3%9F"


@pytest.mark.parametrize("fault", ["drip-head", "drip"])
def test_what_drips_is_given_up(fault: str) -> None:
    with StaticIndex([StaticFile("acme_tool-1.0.tar.gz", bytes(10_000))], behaviour=Behaviour(fault=fault)) as index:
        failure = failure_of(index.file_url(FILE.filename), Limits(most=100_000, head=0.5, total=0.5))
    assert failure.code is Code.TOO_SLOW


def test_a_server_that_falls_silent_is_given_up() -> None:
    with StaticIndex([FILE], behaviour=Behaviour(pause_after=3)) as index:
        failure = failure_of(index.file_url(FILE.filename), Limits(most=100, idle=0.3))
    assert failure.code is Code.TOO_SLOW


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert failure_of(url, Limits(most=100, head=0.3)).code is Code.TOO_SLOW


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    assert failure_of(f"http://127.0.0.1:{port}/").code is Code.UNREACHABLE
    assert failure_of("http://nowhere.invalid/").code is Code.UNREACHABLE


def test_tls_by_an_authority_of_ones_own(authority: Authority) -> None:
    with StaticIndex([FILE], certificate=authority.issue("s", addresses=["127.0.0.1"])) as index:
        url = index.file_url(FILE.filename)
        assert content_of(url, ca_certificates=authority.ca_file.read_text()) == b"content"
        with outbound.get(url, way=Way(url, ca_certificates=authority.ca_file.read_text()), limits=LIMITS) as response:
            assert response.tls == "TLSv1.3"
        assert failure_of(url).code is Code.TLS
        assert failure_of(url, home="https://other.example/").code is Code.TLS
        assert (
            content_of(url, home="https://other.example/", ca_certificates=authority.ca_file.read_text()) == b"content"
        )


@pytest.mark.parametrize("is_expired", [True, False])
def test_tls_with_a_certificate_that_is_not_good(authority: Authority, is_expired: bool) -> None:
    names = ["127.0.0.1"] if is_expired else ["127.0.0.9"]
    with StaticIndex([FILE], certificate=authority.issue("s", addresses=names, is_expired=is_expired)) as index:
        failure = failure_of(index.file_url(FILE.filename), ca_certificates=authority.ca_file.read_text())
    assert failure.code is Code.TLS


def test_https_is_not_left_for_http(authority: Authority) -> None:
    with StaticIndex([FILE]) as plain, StaticIndex(certificate=authority.issue("s", addresses=["127.0.0.1"])) as index:
        index.behaviour = Behaviour(redirect_to=f"{plain.base}/")
        failure = failure_of(index.file_url(FILE.filename), ca_certificates=authority.ca_file.read_text())
    assert (failure.code, plain.requests) == (Code.NOT_ALLOWED, [])


def test_a_client_certificate_is_shown_at_home_only(authority: Authority) -> None:
    server, client = authority.issue("s", addresses=["127.0.0.1"]), authority.issue("c", names=["mirror"])
    pems = {"client_certificate": client.certificate.read_text(), "client_key": client.key.read_text()}
    way: dict[str, Any] = {"ca_certificates": authority.ca_file.read_text(), **pems}
    with (
        StaticIndex([FILE], certificate=server, client_ca=authority.ca_file) as index,
        StaticIndex(certificate=server, behaviour=Behaviour(redirect_to=index.file_url(FILE.filename))) as first,
    ):
        url = index.file_url(FILE.filename)
        assert content_of(url, **way) == b"content"
        failure_of(url, ca_certificates=way["ca_certificates"])
        failure_of(first.url, **way)
    assert len(index.requests) == 1


def test_certificates_that_are_none_are_told(authority: Authority) -> None:
    with StaticIndex([FILE], certificate=authority.issue("s", addresses=["127.0.0.1"])) as index:
        url, pem = index.file_url(FILE.filename), authority.ca_file.read_text()
        assert "authorities" in str(failure_of(url, ca_certificates="no PEM"))
        assert "authorities" in str(failure_of(url, ca_certificates="ö"))
        assert "pass-phrase" in str(failure_of(url, ca_certificates=pem, client_certificate=pem))
        other = authority.issue("o", names=["o"]).key.read_text()
        assert "pass-phrase" in str(failure_of(url, ca_certificates=pem, client_certificate=pem, client_key=other))


@pytest.mark.parametrize("proxy_is_secure", [False, True])
@pytest.mark.parametrize("is_secure", [False, True])
def test_through_a_proxy(authority: Authority, is_secure: bool, proxy_is_secure: bool) -> None:
    """The upstream's credentials are for the upstream, the proxy's for the proxy; its name is not known here."""
    certificate = authority.issue("s", names=["upstream.invalid"], addresses=["127.0.0.1"])
    big = StaticFile("acme_tool-1.0.tar.gz", bytes(range(256)) * 2000)
    with (
        StaticIndex([big], certificate=certificate if is_secure else None, credentials=Credentials("u", "p")) as index,
        Proxy(credentials="out:s3cret/", certificate=certificate if proxy_is_secure else None) as proxy,
    ):
        url = index.file_url(FILE.filename).replace("127.0.0.1", "upstream.invalid")
        way = {"username": "u", "password": "p", "ca_certificates": authority.ca_file.read_text()}
        way["proxy_url"] = proxy.url.replace("://", "://out:s3cret%2F@")
        assert content_of(url, **way) == big.content
    assert index.requests[0].headers["host"] == url.split("/")[2]
    assert "proxy-authorization" not in index.requests[0].headers
    assert proxy.requests[0].method == ("CONNECT" if is_secure else "GET")
    assert proxy.requests[0].target == (url.split("/")[2] if is_secure else url)
    assert ("authorization" in proxy.requests[0].headers) is not is_secure


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_proxy_that_wants_other_credentials(authority: Authority, is_secure: bool) -> None:
    certificate = authority.issue("s", addresses=["127.0.0.1"]) if is_secure else None
    with StaticIndex([FILE], certificate=certificate) as index, Proxy(credentials="a:b") as proxy:
        failure = failure_of(index.url, proxy_url=proxy.url.replace("://", "://a:s3cret@"))
    assert (failure.code, "407" in str(failure), "s3cret" in str(failure)) == (Code.PROXY, True, False)
    assert index.requests == []


@pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200", b"x" * 20_000])
def test_a_proxy_that_does_not_connect(answer: bytes) -> None:
    with Proxy(answers=answer) as proxy:
        assert failure_of("https://upstream.invalid/", proxy_url=proxy.url).code is Code.PROXY


def test_a_proxy_that_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert failure_of("https://upstream.invalid/", Limits(most=9, head=0.3), proxy_url=proxy).code is Code.TOO_SLOW


def test_a_proxy_is_not_asked_for_what_is_inside(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.1/32"]
    with Proxy() as proxy:
        for url in ("http://127.0.0.2/x", "https://169.254.169.254/", "http://[::1]/", "http://10.0.0.1/"):
            assert failure_of(url, proxy_url=proxy.url).code is Code.NOT_ALLOWED
    assert proxy.requests == []


def test_a_proxy_at_an_inside_address_is_not_asked(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    with Proxy() as proxy:
        assert failure_of("https://upstream.invalid/", proxy_url=proxy.url).code is Code.NOT_ALLOWED
    assert proxy.requests == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "127.0.0.1:3128", "http://"])
def test_a_proxy_that_is_none_is_told(proxy: str) -> None:
    assert failure_of("https://upstream.invalid/", proxy_url=proxy).code is Code.NOT_ALLOWED


def test_tls_below_a_silent_server_ends_in_time(authority: Authority) -> None:
    certificate = authority.issue("s", addresses=["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as silent, Proxy(certificate=certificate) as proxy:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        way = {"ca_certificates": authority.ca_file.read_text(), "proxy_url": proxy.url}
        assert failure_of(url, Limits(most=9, head=1.0), **way).code is Code.TOO_SLOW


def test_a_proxy_chooses_among_all_addresses_of_a_name(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.1/32"]
    real = socket.getaddrinfo

    def resolve(host: str, *more: Any, **keywords: Any) -> Any:
        found = ["8.8.8.8", "10.0.0.1"] if host == "both.example" else [host]
        return [each for address in found for each in real(address, *more, **keywords)]

    with Proxy() as proxy:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert failure_of("https://both.example/", proxy_url=proxy.url).code is Code.NOT_ALLOWED
    assert proxy.requests == []
