"""The upload address: what each kind of refusal looks like to a client, before and after the body is read."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from accounts.domain.verbs import Verb
from accounts.models import Token
from accounts.services import tokens, users
from indexapp.models import File, Project
from indexapp.views import upload as upload_view
from tests import evidence
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import ROLES, Cast
from tests.factories.people import PASSWORD, SYSTEM
from tests.factories.publishing import form_fields, make_index, multipart, published, upload
from tests.wsgi_client import Answer, WsgiClient, basic, bearer

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WHEEL = build_wheel()
UPLOADERS = {"uploader", "member", "maintainer", "team_admin", "administrator"}


def post(client: WsgiClient, url: str = "/legacy/", **headers: str) -> Answer:
    body, content_type = multipart(WHEEL)
    return client.post(url, body, Content_Type=content_type, **headers)


@pytest.fixture
def uploader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("uploader"))


@pytest.mark.parametrize("url", ["/legacy/", "/legacy", "/main/legacy/", "/main/legacy"])
def test_a_file_is_published_at_each_address_of_the_index(uploader: WsgiClient, url: str) -> None:
    answer = post(uploader, url)
    assert (answer.status, answer.body) == (200, b"")
    assert File.objects.get().index.name == "main"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("way", ["bearer", "basic"])
def test_who_may_publish(cast: Cast, machine: WsgiClient, role: str, way: str) -> None:
    asker = machine.signed(getattr(cast, way)(role))
    before = evidence.publishing()
    answer = post(asker)
    expected = 200 if role in UPLOADERS else 401 if role == "anonymous" else 403
    assert answer.status == expected
    if expected != HTTPStatus.OK:
        assert evidence.publishing() == before
        assert answer.reason == answer.json["detail"]
    assert (answer.headers["WWW-Authenticate"] or "").startswith("Basic") is (expected == HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (bearer("tpi_nonsense"), "token-wrong"),
        (basic("uploader", "wrong"), "password-wrong"),
        ({"Authorization": "Negotiate abc"}, "scheme-unknown"),
    ],
)
def test_wrong_credentials(cast: Cast, machine: WsgiClient, headers: dict[str, str], code: str) -> None:
    answer = post(machine.signed(headers))
    assert (answer.status, answer.code) == (401, code)
    assert File.objects.count() == 0


def test_a_signed_in_browser_publishes_nothing(cast: Cast) -> None:
    """Any page on the web can make a browser post a form."""
    browser = Client()
    browser.force_login(cast.administrator)
    body, content_type = multipart(WHEEL)
    answer = browser.post("/legacy/", body, content_type=content_type)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert File.objects.count() == 0


def test_an_index_may_take_tokens_only(cast: Cast, machine: WsgiClient) -> None:
    cast.index.allow_passwords = False
    cast.index.save()
    answer = post(machine.signed(basic("uploader", PASSWORD)))
    assert (answer.status, answer.code) == (403, "token-needed")
    assert post(machine.signed(cast.bearer("uploader"))).status == 200


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"verbs": [Verb.UPLOAD]}, 200),
        ({"verbs": [Verb.READ]}, 403),
        ({"verbs": [Verb.UPLOAD], "indexes": ["main"]}, 200),
        ({"verbs": [Verb.UPLOAD], "indexes": ["other"]}, 403),
        ({"verbs": [Verb.UPLOAD], "projects": ["acme-tool"]}, 200),
        ({"verbs": [Verb.UPLOAD], "projects": ["another"]}, 403),
    ],
)
def test_a_token_publishes_what_it_is_for(cast: Cast, machine: WsgiClient, scope: dict[str, Any], status: int) -> None:
    make_index("other")
    for role in ("uploader", "administrator"):
        asker = machine.signed(bearer(cast.token(role, **scope)))
        assert post(asker).status == status


def test_an_unknown_index_is_refused_like_one_that_is_not_theirs(cast: Cast, machine: WsgiClient) -> None:
    make_index("secret")
    for role in ("anonymous", "outsider", "uploader"):
        asker = machine.signed(cast.bearer(role))
        there, nowhere = post(asker, "/secret/legacy/"), post(asker, "/nowhere/legacy/")
        assert (there.status, there.reason.replace("secret", "nowhere")) == (nowhere.status, nowhere.reason)
        assert there.status in (401, 403)
    answer = post(machine.signed(cast.bearer("administrator")), "/nowhere/legacy/")
    assert (answer.status, answer.code) == (400, "index-unknown")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_looks_is_told_what_the_address_is_for(machine: WsgiClient, cast: Cast, method: str) -> None:
    answer = machine.request(method, "/legacy/")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(uploader: WsgiClient, method: str) -> None:
    answer = uploader.request(method, "/legacy/", body=b"")
    assert (answer.status, answer.code) == (405, "unsupported")


@pytest.mark.parametrize(
    "path", ["/", "/main/", "/simple/", "/main/simple/", "/simple/acme-tool/", "/main/project/acme-tool/", "/search/"]
)
def test_an_upload_to_an_address_that_is_read_is_told_the_right_one(uploader: WsgiClient, path: str) -> None:
    body, content_type = multipart(build_wheel())
    answer = uploader.post(path, body, Content_Type=content_type)
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method-not-allowed", "GET, HEAD")
    assert "/legacy/ or" in answer.reason
    assert "/legacy/ or" in uploader.post(path, body, Content_Type=content_type, Accept="text/html").reason


def test_the_sentence_stands_in_the_reason_and_in_the_body(uploader: WsgiClient) -> None:
    assert post(uploader).status == 200
    body, content_type = multipart(build_wheel(files={"other.py": b""}))
    answer = uploader.post("/legacy/", body, Content_Type=content_type)
    assert answer.status == 400
    assert answer.reason.startswith("File already exists")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Bad request",
        "status": 400,
        "code": "file-exists",
        "detail": answer.reason,
        "message": answer.reason,
    }
    plain = uploader.post("/legacy/", body, Content_Type=content_type, Accept="text/plain")
    assert (plain.headers["Content-Type"], plain.body.decode()) == ("text/plain; charset=utf-8", f"{answer.reason}\n")


def test_the_reason_is_one_line_of_latin_1(uploader: WsgiClient) -> None:
    body, content_type = multipart(WHEEL, {**form_fields(WHEEL), "name": "スネーク"})
    answer = uploader.post("/legacy/", body, Content_Type=content_type)
    assert (answer.status, answer.code) == (400, "name-invalid")
    answer.reason.encode("latin-1")
    assert answer.reason.isprintable()


def test_warnings_are_told_where_clients_show_them(uploader: WsgiClient) -> None:
    body, content_type = multipart(build_wheel(metadata_version="2.99"))
    answer = uploader.post("/legacy/", body, Content_Type=content_type)
    assert answer.status == 200
    assert b"Metadata-Version 2.99 is newer than this index knows" in answer.body


class _Watched(BytesIO):
    """A body that notes how much was read of it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def test_an_announced_length_above_the_limit_is_refused_unread(cast: Cast, machine: WsgiClient) -> None:
    cast.index.max_file_size = 1000
    cast.index.save()
    taken_before_the_answer: list[int] = []

    def watched(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"] = _Watched(environ["wsgi.input"].read())

        def start(*arguments: Any) -> Any:
            taken_before_the_answer.append(body.taken)
            return start_response(*arguments)

        return machine.application(environ, start)

    asker = WsgiClient(watched, cast.bearer("uploader"))
    body, content_type = multipart(WHEEL)
    answer = asker.request(
        "POST", "/legacy/", headers={"Content-Type": content_type, "Content-Length": str(10**12)}, body=body
    )
    assert (answer.status, answer.code) == (413, "file-too-large")
    assert taken_before_the_answer == [0]


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"Content-Length": ""}, b"", "length-missing"),
        ({"Content-Length": "-5"}, b"", "length-missing"),
        ({"Content-Type": "application/json"}, b"{}", "form-not-multipart"),
        ({"Content-Type": "multipart/form-data"}, b"x", "form-not-multipart"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nnonsense", "form-broken"),
    ],
)
def test_a_body_that_is_no_form(uploader: WsgiClient, headers: dict[str, str], body: bytes, code: str) -> None:
    before = evidence.publishing()
    answer = uploader.request("POST", "/legacy/", headers=headers, body=body)
    assert (answer.status, answer.code) == (400, code)
    assert evidence.publishing() == before


@pytest.mark.parametrize("kept", [0, 10, 400, -60, -1])
def test_a_body_that_is_cut_off_leaves_nothing(uploader: WsgiClient, kept: int) -> None:
    body, content_type = multipart(WHEEL)
    before = evidence.publishing()
    answer = uploader.request(
        "POST",
        "/legacy/",
        headers={"Content-Type": content_type, "Content-Length": str(len(body))},
        body=body[:kept],
    )
    assert (answer.status, answer.code) == (400, "body-cut-off")
    assert evidence.publishing() == before


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
def test_actions_of_long_ago(uploader: WsgiClient, action: str) -> None:
    body, content_type = multipart(WHEEL, {":action": action})
    answer = uploader.post("/legacy/", body, Content_Type=content_type)
    assert (answer.status, answer.code) == (410, "action-gone")


def test_no_conflict_is_ever_answered_here(cast: Cast, uploader: WsgiClient) -> None:
    """poetry and pdm take 409 for 'already exists'."""
    for built in (WHEEL, build_wheel(files={"a.py": b""}), build_wheel("acme-too1"), build_sdist("json")):
        body, content_type = multipart(built)
        assert uploader.post("/legacy/", body, Content_Type=content_type).status in (200, 400)


def test_guessing_passwords_is_slowed_down(cast: Cast, machine: WsgiClient, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    statuses = [post(machine.signed(basic("uploader", f"guess {number}"))).status for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    answer = post(machine.signed(basic("uploader", PASSWORD)))
    assert (answer.status, int(answer.headers["Retry-After"])) == (429, settings.TPI_SIGN_IN_WINDOW)


def test_what_hatch_asks_before_it_uploads(cast: Cast, uploader: WsgiClient) -> None:
    published(cast.index, WHEEL)
    for url in ("/legacy/+simple/acme-tool/", "/main/legacy/+simple/Acme.Tool"):
        answer = uploader.get(url, Accept="application/vnd.pypi.simple.v1+json")
        assert answer.status == 200
        assert f"#sha256={File.objects.get().sha256}".encode() in answer.body
    assert uploader.get("/legacy/+simple/no-such-thing/").status == 404


def test_a_project_named_like_a_keyword_of_ours_is_published(cast: Cast, uploader: WsgiClient) -> None:
    upload(cast.index, build_wheel("simple"))
    upload(cast.index, build_wheel("legacy"))
    assert uploader.get("/simple/simple/").status == uploader.get("/simple/legacy/").status == 200


ENDED: dict[str, Callable[[Cast], object]] = {
    "token": lambda cast: tokens.revoke(actor=SYSTEM, token=Token.objects.get()),
    "account": lambda cast: users.change(actor=SYSTEM, user=cast.uploader, is_active=False),
}


@pytest.mark.parametrize("name", ENDED)
def test_what_was_ended_while_the_body_came_publishes_nothing(
    cast: Cast, uploader: WsgiClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    read_whole = upload_view.read_form

    def read_while_it_ends(*args: Any, **options: Any) -> Any:
        form = read_whole(*args, **options)
        ENDED[name](cast)
        return form

    monkeypatch.setattr(upload_view, "read_form", read_while_it_ends)
    answer = post(uploader)
    assert (answer.status, answer.code) == (401, "token-wrong")
    assert not Project.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_asgi_server_takes_uploads_too(cast: Cast) -> None:
    body, content_type = multipart(WHEEL)
    headers = cast.bearer("uploader")

    async def send() -> int:
        response = await AsyncClient().post("/legacy/", body, content_type=content_type, headers=headers)
        return response.status_code

    assert async_to_sync(send)() == 200
    assert File.objects.count() == 1


def test_a_token_for_another_index_is_told_so_whether_or_not_this_one_exists(machine: WsgiClient, cast: Cast) -> None:
    make_index("team")
    bound = machine.signed(bearer(cast.token("administrator", indexes=["main"])))
    answers = [post(bound, f"/{name}/legacy/") for name in ("team", "nope")]
    assert [answer.status for answer in answers] == [403, 403]
    assert answers[0].reason.replace("team", "nope") == answers[1].reason
    assert "is bound to the index 'main'" in answers[0].reason


def test_the_user_name_of_tokens_with_a_password_is_told_what_it_goes_with(machine: WsgiClient, cast: Cast) -> None:
    assert cast.uploader
    answer = post(machine.signed(basic("__token__", PASSWORD)))
    assert (answer.status, answer.code) == (401, "token-wrong")
    assert "tpi_" in answer.reason
