"""A reader's file from a mirror site: who is given which, and what the index does itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from indexapp.domain import signed_links
from indexapp.models import File, FileProof, Index, MirrorSite
from indexapp.services.sites import checking, notes, settings
from tests.builders.core_metadata import Built
from tests.factories.cast import Cast
from tests.factories.mirror_sites import KEY, in_use, make_site
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.plugins.process_memory import forget
from tests.servers.text_server import TextServer
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def path_of(file: File) -> str:
    return f"/{file.index.name}/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


@pytest.fixture
def through(healthy: MirrorSite, index: Index) -> MirrorSite:
    settings.set_mode(actor=SYSTEM, index=index, mode="through")
    return healthy


@pytest.fixture
def redirect(through: MirrorSite, index: Index) -> MirrorSite:
    settings.set_mode(actor=SYSTEM, index=index, mode="redirect")
    MirrorSite.objects.update(sending="redirect")
    return through


def _given() -> int:
    notes.write()
    return sum(MirrorSite.objects.values_list("given_bytes", flat=True))


def test_the_bytes_are_the_sites_and_the_answer_is_the_same(
    through: MirrorSite, machine: WsgiClient, file: File, index: Index, built: Built
) -> None:
    reply = machine.get(path_of(file))
    assert (reply.status, reply.body, _given()) == (200, built.content, len(built.content))
    settings.set_mode(actor=SYSTEM, index=index, mode="off")
    own = machine.get(path_of(file))
    assert (own.body, _given()) == (built.content, len(built.content))
    varying = {"X-Request-ID"}
    assert {*own.headers.items()} - {*reply.headers.items()} == {
        pair for pair in own.headers.items() if pair[0] in varying
    }


def test_a_warm_read_asks_the_database_nothing_more(
    through: MirrorSite, machine: WsgiClient, file: File, index: Index
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            machine.get(path_of(file))
        return len(queries)

    first, warm = count(), count()
    settings.set_mode(actor=SYSTEM, index=index, mode="off")
    machine.get(path_of(file))
    assert warm == count()
    assert first > warm


@pytest.mark.parametrize("kind", ["part", "head", "validator", "metadata"])
def test_what_the_index_answers_itself(through: MirrorSite, machine: WsgiClient, file: File, kind: str) -> None:
    path = path_of(file)
    replies: dict[str, tuple[Any, int]] = {
        "part": (lambda: machine.get(path, Range="bytes=0-9"), 206),
        "head": (lambda: machine.head(path), 200),
        "validator": (lambda: machine.get(path, If_None_Match=f'"{file.sha256}"'), 304),
        "metadata": (lambda: machine.get(f"{path}.metadata"), 200),
    }
    ask, status = replies[kind]
    assert ask().status == status
    assert _given() == 0


def _bent(built: Built, at: int) -> bytes:
    return built.content[:at] + bytes([built.content[at] ^ 1]) + built.content[at + 1 :]


@pytest.mark.parametrize("at", [0, 1_500_000, -1], ids=["at once", "in the middle", "at the end"])
def test_not_one_wrong_byte_is_passed_on(
    through: MirrorSite, machine: WsgiClient, file: File, built: Built, at: int
) -> None:
    at = at % len(built.content)
    with TextServer(_bent(built, at), "application/octet-stream") as bad:
        MirrorSite.objects.update(base_url=bad.url.removesuffix("simple/"))
        assert machine.get(path_of(file)).body == built.content
        assert _given() == at // 2**20 * 2**20, "what was right is the site's, from there on it is the origin's"
    through.refresh_from_db()
    assert through.state == MirrorSite.State.WRONG


def test_a_site_that_cannot_is_left_alone_at_once(
    through: MirrorSite, machine: WsgiClient, file: File, built: Built
) -> None:
    with TextServer("out of order", "text/plain", status=500) as bad:
        MirrorSite.objects.update(base_url=bad.url.removesuffix("simple/"))
        assert machine.get(path_of(file)).body == built.content
        assert notes.is_blocked(through.pk)
    notes.write()
    through.refresh_from_db()
    assert through.state == MirrorSite.State.UNREACHABLE
    assert machine.get(path_of(file)).body == built.content
    assert _given() == 0


def test_only_what_it_was_found_to_have_is_asked_of_it(
    through: MirrorSite, machine: WsgiClient, file: File, built: Built
) -> None:
    FileProof.objects.all().delete()
    settings.change(actor=SYSTEM, site=through, weight=2.0)
    assert machine.get(path_of(file)).body == built.content
    assert _given() == 0
    assert FileProof.objects.get().proved_at is None
    checking.run()
    assert machine.get(path_of(file)).body == built.content
    assert _given() == len(built.content)


@pytest.mark.parametrize("state", ["probation", "unreachable", "stale", "wrong", "out"])
def test_nobody_is_given_a_site_that_is_not_in_use(
    through: MirrorSite, machine: WsgiClient, file: File, state: str
) -> None:
    MirrorSite.objects.update(state=state)
    assert machine.get(path_of(file)).status == 200
    assert _given() == 0


def test_a_redirect_is_kept_by_nobody(redirect: MirrorSite, machine: WsgiClient, file: File) -> None:
    reply = machine.get(path_of(file), User_Agent="first")
    assert (reply.status, reply.body) == (302, b"")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Location"] == redirect.base_url + path_of(file).removeprefix("/open/")


def test_who_asks_again_did_not_get_it_and_gets_all_from_here(
    *, redirect: MirrorSite, machine: WsgiClient, file: File, built: Built, django_capture_on_commit_callbacks: Any
) -> None:
    assert machine.get(path_of(file), User_Agent="first").status == 302
    reply = machine.get(path_of(file), User_Agent="first")
    assert (reply.status, reply.body) == (200, built.content)
    assert machine.get(path_of(file), User_Agent="second").status == 302, "others are not concerned"
    MirrorSite.objects.update(next_check_at=redirect.created_at.replace(year=2100))
    with django_capture_on_commit_callbacks() as jobs:
        notes.write()
    redirect.refresh_from_db()
    assert redirect.next_check_at.year < 2100
    assert FileProof.objects.exclude(wanted_at=None).exists(), "that very file is looked at"
    assert len(jobs) == 1, "at once"


def test_nobody_is_sent_to_a_site_that_does_not_answer_now(
    redirect: MirrorSite, machine: WsgiClient, file: File, built: Built
) -> None:
    with TextServer("out of order", "text/plain", status=500) as bad:
        MirrorSite.objects.update(base_url=bad.url.removesuffix("simple/"))
        assert machine.get(path_of(file)).body == built.content
    notes.write()
    redirect.refresh_from_db()
    assert redirect.state == MirrorSite.State.UNREACHABLE


@pytest.mark.parametrize("who", ["itself", "without TLS"])
def test_where_nobody_is_sent(redirect: MirrorSite, machine: WsgiClient, file: File, who: str, settings: Any) -> None:
    """To the same host clients take their credentials along; and from TLS nobody is sent out of it."""
    host = urlsplit(redirect.base_url).netloc
    settings.ALLOWED_HOSTS = ["*"]
    headers = {"Host": host} if who == "itself" else {"X-Forwarded-Proto": "https"}
    settings.TPI_TRUSTED_PROXIES = ["127.0.0.0/8"]
    reply = WsgiClient(_secure(machine) if who != "itself" else machine.application).get(path_of(file), **headers)
    assert reply.status == 200
    assert _given() == len(reply.body), "but it comes from there through the index"


def _secure(machine: WsgiClient) -> Any:
    def application(environ: dict[str, Any], start: Any) -> Any:
        return machine.application({**environ, "wsgi.url_scheme": "https"}, start)

    return application


@pytest.fixture
def private(server: TextServer, built: Built, cast: Cast) -> File:
    inner = make_index("inner")
    return published(inner, built)


def _private_site(private: File, url: str, **values: Any) -> MirrorSite:
    made = make_site("inside", url, indexes=[private.index], lag_hours=0, sending="redirect", **values)
    settings.set_mode(actor=SYSTEM, index=private.index, mode="redirect")
    for _ in range(3):
        checking.run(now=True)
    return in_use(made)


def test_a_private_file_is_not_asked_of_a_site_that_takes_none(
    private: File, machine: WsgiClient, cast: Cast, server: TextServer
) -> None:
    site = _private_site(private, server.url.removesuffix("simple/"))
    FileProof.objects.create(
        site=site, sha256=private.sha256, index=private.index, path="x", proved_at=private.uploaded_at
    )
    settings.change(actor=SYSTEM, site=site, weight=3.0)
    reply = machine.signed(cast.bearer("administrator")).get(path_of(private))
    assert reply.status == 200
    assert _given() == 0
    assert not FileProof.objects.exclude(wanted_at=None).exists()


@pytest.mark.parametrize("signing", ["tpi", "nginx"])
def test_a_private_file_goes_by_a_signed_address_and_to_who_may_read_it_alone(
    *, private: File, machine: WsgiClient, cast: Cast, server: TextServer, signing: str, caplog: Any
) -> None:
    url = server.url.removesuffix("simple/")
    site = _private_site(private, url, takes_private=True, signing=signing, signing_key=KEY)
    assert KEY not in site.signing_key
    assert machine.get(path_of(private)).status == 401
    assert machine.signed(cast.bearer("reader")).get(path_of(private)).status == 403
    reply: Answer = machine.signed(cast.bearer("administrator")).get(path_of(private))
    assert reply.status == 302
    location = urlsplit(reply.headers["Location"])
    assert location.path == path_of(private).removeprefix("/inner")
    if signing == "tpi":
        assert signed_links.is_good(location.path, location.query, (KEY,), 0)
    else:
        expires = int(location.query.partition("expires=")[2])
        assert signed_links.for_nginx(reply.headers["Location"].partition("?")[0], KEY, expires) == location.geturl()
    assert location.query not in caplog.text


@pytest.fixture
def two(through: MirrorSite, index: Index, file: File, server: TextServer) -> MirrorSite:
    """A second site, for one network alone."""
    url = server.url.removesuffix("simple/") + "near/"
    near = in_use(make_site("near", url, indexes=[index], networks=["203.0.113.0/24"], lag_hours=0))
    checking.run(now=True)
    return near


@pytest.mark.parametrize(("address", "name"), [("203.0.113.7", "near"), ("198.51.100.7", "far")])
def test_the_near_one_is_taken_by_the_address_that_a_trusted_proxy_tells(
    *, two: MirrorSite, machine: WsgiClient, file: File, settings: Any, address: str, name: str
) -> None:
    settings.TPI_TRUSTED_PROXIES = ["192.0.2.0/24"]
    assert machine.get(path_of(file), X_Forwarded_For=f"203.0.113.9, {address}").status == 200
    notes.write()
    assert MirrorSite.objects.get(given_bytes__gt=0).name == name


def test_without_a_trusted_proxy_the_header_is_anybodys_word(two: MirrorSite, machine: WsgiClient, file: File) -> None:
    machine.get(path_of(file), X_Forwarded_For="203.0.113.7")
    notes.write()
    assert MirrorSite.objects.get(given_bytes__gt=0).name == "far"


def test_a_site_believes_what_the_index_has_signed(private: File, machine: WsgiClient, settings: Any) -> None:
    path = path_of(private)
    url = f"http://tpi.example{path}"

    def asked(key: str, until: int, of: str = url) -> int:
        return machine.get(f"{path}?{urlsplit(signed_links.for_tpi(of, key, until)).query}").status

    later = 2**33
    assert asked(KEY, later) == 401, "it has no key"
    settings.TPI_SITE_KEYS = ["another-key-of-a-site", KEY]
    assert asked(KEY, later) == 200
    assert asked(KEY, 1) == 401
    assert asked("a-key-that-nobody-has", later) == 401
    assert asked(KEY, later, f"{url}.metadata") == 401
    assert machine.get(path).status == 401
    private.release.project.status = "quarantined"
    private.release.project.save(update_fields=["status"])
    forget()
    assert asked(KEY, later) == 403
