"""Broken upload forms: each is refused with a sentence that names the rule, and leaves nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.functional.aftermath import require_no_fault, require_refusal, state_of
from tests.functional.artefacts import fresh_name
from tests.functional.conftest import Cast
from tests.servers.ports import wait_until
from tests.servers.raw import RawAnswer, abandon, exchange, head
from tests.servers.tpi import TpiServer
from tests.servers.wire import Fields, upload_fields

pytestmark = pytest.mark.functional
BOUNDARY = "a0b1c2d3e4f5"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
quickly = settings(
    max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def fields_of(fields: Fields) -> bytes:
    return b"".join(part(name, value.encode() if isinstance(value, str) else value) for name, value in fields)


END = f"--{BOUNDARY}--\r\n".encode()


class Form:
    """A sound upload of a fresh wheel, with its pieces at hand for breaking."""

    def __init__(self, padding: int = 0) -> None:
        name = fresh_name()
        files = {f"{name.replace('-', '_')}/data.bin": bytes(range(256)) * (padding // 256)} if padding else None
        self.built = build_wheel(name, "1.0", files=files, compression=0 if padding else 8)
        self.fields = upload_fields(self.built)

    @property
    def file(self) -> bytes:
        return part("content", self.built.content, f'; filename="{self.built.filename}"')

    def but(self, **changes: str | bytes | None) -> bytes:
        """The body with some fields replaced, or left out where None."""
        known = dict(self.fields) | {name.replace("action", ":action"): value for name, value in changes.items()}
        return fields_of([(name, value) for name, value in known.items() if value is not None]) + self.file + END

    @property
    def body(self) -> bytes:
        return fields_of(self.fields) + self.file + END


@pytest.fixture
def post(tpi: TpiServer, cast: Cast) -> Callable[..., RawAnswer]:
    def send(body: bytes, *, half_close: bool = False, **headers: str | bytes | None) -> RawAnswer:
        given = {"Content-Type": TYPE, "Content-Length": str(len(body)), **cast.headers}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = {name: value for name, value in given.items() if value is not None}
        return exchange(tpi.port, head("POST", "/legacy/", lines) + body, half_close=half_close)

    return send


@pytest.fixture
def nothing_is_left(tpi: TpiServer) -> Iterator[None]:
    before = state_of(tpi)
    yield
    assert state_of(tpi) == before


def test_the_form_that_the_others_break_is_sound(post: Callable[..., RawAnswer]) -> None:
    assert post(Form().body).status == 200


def huge_headers(form: Form) -> bytes:
    return fields_of(form.fields) + part("content", b"", '; filename="x.whl"\r\nX-Long: ' + "x" * 100_000) + END


BROKEN: dict[str, Callable[[Form], bytes]] = {
    "empty": lambda form: b"",
    "only the end": lambda form: END,
    "no end": lambda form: form.body.removesuffix(END),
    "other boundary": lambda form: form.body.replace(BOUNDARY.encode(), b"ffffffffffff"),
    "line feeds for line ends": lambda form: fields_of(form.fields).replace(b"\r\n", b"\n") + form.file + END,
    "no line end before the boundary": lambda form: form.body.replace(b"\r\n--", b"--"),
    "no blank line after the headers": lambda form: form.body.replace(b"\r\n\r\n", b"\r\n"),
    "rubbish before the first boundary": lambda form: b"rubbish" * 50_000 + form.body,
    "rubbish between the headers": lambda form: form.body.replace(b"Content-Disposition", b"\x00\xff", 1),
    "part without a name": lambda form: form.body.replace(b' name="name"', b"", 1),
    "part without a disposition": lambda form: form.body.replace(b"Content-Disposition: form-data;", b"X: y;", 1),
    "huge headers of a part": huge_headers,
    "5,000 fields": lambda form: fields_of([("classifiers", "x")] * 5_000) + form.body,
    "fields larger than any metadata": lambda form: fields_of([("description", b"x" * 26_000_000)]) + form.body,
    "two names": lambda form: fields_of([("name", "other")]) + form.body,
    "two files": lambda form: fields_of(form.fields) + form.file + form.file + END,
    "a file where a field is expected": lambda form: part("name", b"x", '; filename="x"') + form.body,
    "a field where the file is expected": lambda form: fields_of([*form.fields, ("content", "x")]) + END,
    "no file": lambda form: fields_of(form.fields) + END,
    "a file without a name": lambda form: fields_of(form.fields) + part("content", b"x", '; filename=""') + END,
    "a value that is not UTF-8": lambda form: form.but(summary=b"\xff\xfe\xc0\xaf"),
    "a name that is not UTF-8": lambda form: form.but(name=b"\xffacme"),
    "NUL in the name": lambda form: form.but(name="acme\0tool"),
    "NUL in the comment": lambda form: form.but(comment="a\0b"),
    "a surrogate in the comment": lambda form: form.but(comment=b"\xed\xa0\x80"),
    "an endless name": lambda form: form.but(name="a" * 100_000),
    "an endless version": lambda form: form.but(version="1." + "0" * 100_000),
    "no name": lambda form: form.but(name=None),
    "no version": lambda form: form.but(version=None),
    "no action": lambda form: form.but(action=None),
    "another action": lambda form: form.but(action="remove"),
    "another protocol": lambda form: form.but(protocol_version="2"),
    "an unknown kind of file": lambda form: form.but(filetype="bdist_egg"),
    "the other kind of file": lambda form: form.but(filetype="sdist"),
    "no digest": lambda form: form.but(sha256_digest=None, blake2_256_digest=None),
    "a digest that is none": lambda form: form.but(sha256_digest="zz"),
    "a wrong digest": lambda form: form.but(sha256_digest=hashlib.sha256(b"other").hexdigest()),
    "another name than the file's": lambda form: form.but(name="other-project"),
    "another version than the file's": lambda form: form.but(version="2.0"),
    "attestations that are no JSON": lambda form: form.but(attestations="[" * 100_000),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_form_is_refused(post: Callable[..., RawAnswer], nothing_is_left: None, fault: str) -> None:
    require_refusal(post(BROKEN[fault](Form())))


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
def test_an_action_of_old_is_gone(post: Callable[..., RawAnswer], nothing_is_left: None, action: str) -> None:
    assert action in require_refusal(post(fields_of([(":action", action), ("name", "acme")]) + END), status=410)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 5_000,
        "multipart/mixed; boundary=" + BOUNDARY,
        b"multipart/form-data; boundary=\xff\xfe",
        'multipart/form-data; boundary="',
        "multipart/form-data;" * 300,
    ],
)
def test_a_body_that_is_no_form_is_refused(
    post: Callable[..., RawAnswer], nothing_is_left: None, content_type: str | bytes | None
) -> None:
    require_refusal(post(Form().body, Content_Type=content_type))


@pytest.mark.parametrize(
    "filename",
    [
        "../acme-1.0-py3-none-any.whl",
        "..\\acme-1.0-py3-none-any.whl",
        "/etc/acme-1.0-py3-none-any.whl",
        "C:\\acme-1.0-py3-none-any.whl",
        "acme-1.0-py3-none-any.whl.metadata",
        "acme-1.0-py3-none-any.whl\x01",
        "acme\u202e-1.0-py3-none-any.whl",
        "acm\u00e9-1.0-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "acme-1.0.whl",
        "acme-1.0-py3-none.whl",
        "acme-1.0.exe",
        "acme.tar.gz",
        ".tar.gz",
        "acme-one.tar.gz",
        "acme-1.0-" + "py3." * 100 + "py3-none-any.whl",
        "a" * 10_000 + "-1.0.tar.gz",
        "%2e%2e%2facme-1.0.tar.gz",
    ],
)
def test_a_file_name_that_breaks_the_rules_is_refused(
    post: Callable[..., RawAnswer], nothing_is_left: None, filename: str
) -> None:
    form = Form()
    file = part("content", form.built.content, f'; filename="{filename}"')
    require_refusal(post(fields_of(form.fields) + file + END))


@pytest.mark.parametrize("announced", [None, "", "-1", "1e3", "0x10", "+5", "\u0661", "9" * 5_000])
def test_a_length_that_is_none_is_refused(
    post: Callable[..., RawAnswer], nothing_is_left: None, announced: str | None
) -> None:
    answer = post(Form().body, Content_Length=announced, half_close=True)
    require_no_fault(answer)
    assert 400 <= answer.status < 500


def test_a_chunked_body_is_refused(post: Callable[..., RawAnswer], nothing_is_left: None) -> None:
    body = Form().body
    chunked = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    sentence = require_refusal(post(chunked, Content_Length=None, Transfer_Encoding="chunked"))
    assert "Content-Length" in sentence


def test_an_announced_length_above_the_limit_is_refused_before_the_body(
    post: Callable[..., RawAnswer], nothing_is_left: None
) -> None:
    sentence = require_refusal(post(b"", Content_Length=str(2 * 2**40)), status=413)
    assert sentence.startswith("File too large")


def test_without_credentials_the_body_is_not_waited_for(post: Callable[..., RawAnswer], nothing_is_left: None) -> None:
    answer = post(b"", Content_Length="100000000", Authorization=None)
    require_refusal(answer, status=401)
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_sender_that_falls_silent_is_told_so(post: Callable[..., RawAnswer], nothing_is_left: None) -> None:
    body = Form(padding=100_000).body
    sentence = require_refusal(post(body[:50_000], Content_Length=str(len(body))))
    assert sentence == "The request stopped before its end; send it again."


@quickly
@given(share=st.floats(0, 1, exclude_max=True), announces_all=st.booleans())
def test_a_form_that_is_cut_off_anywhere_is_refused(
    post: Callable[..., RawAnswer], nothing_is_left: None, share: float, *, announces_all: bool
) -> None:
    body = Form(padding=2_000).body.removesuffix(b"\r\n")
    cut = body[: int(len(body) * share)]
    length = str(len(body if announces_all else cut))
    require_refusal(post(cut, Content_Length=length, half_close=True))


@quickly
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_client_that_goes_away_leaves_nothing(
    tpi: TpiServer, cast: Cast, nothing_is_left: None, share: float
) -> None:
    body = Form(padding=300_000).body
    lines: dict[str, str | bytes] = {"Content-Type": TYPE, "Content-Length": str(len(body)), **cast.headers}
    abandon(tpi.port, head("POST", "/legacy/", lines) + body[: int((len(body) - 2) * share)])
    wait_until(lambda: not unnamed_files(tpi), 30, lambda: f"spools stay open: {unnamed_files(tpi)}")


def unnamed_files(server: TpiServer) -> list[str]:
    """Files without a name below the data folder that a process of the installation still holds."""
    return [
        target
        for member in server.members()
        for target in member.open_files()
        if target.startswith(f"{server.data}/files") and target.endswith("(deleted)")
    ]


@quickly
@given(
    place=st.floats(0, 1, exclude_max=True),
    cut=st.integers(0, 40),
    put=st.binary(max_size=40) | st.sampled_from([b"\r\n", b"\n", b"\0", b'"', END, b"\r\n\r\n", b"\xff", b";"]),
)
def test_a_form_changed_anywhere_is_taken_or_refused(
    tpi: TpiServer, post: Callable[..., RawAnswer], place: float, cut: int, put: bytes
) -> None:
    before = state_of(tpi)
    body = Form().body
    at = int(len(body) * place)
    answer = post(body[:at] + put + body[at + cut :], half_close=True)
    if answer.status != 200:
        require_refusal(answer)
        assert state_of(tpi) == before


def test_four_at_once_with_the_same_bytes_make_one_file(
    tpi: TpiServer, post: Callable[..., RawAnswer], together: Callable[..., list[RawAnswer]]
) -> None:
    before = state_of(tpi).rows["indexapp_file"]
    body = Form().body
    assert [answer.status for answer in together([lambda: post(body)] * 4)] == [200] * 4
    assert state_of(tpi).rows["indexapp_file"] == before + 1


def test_four_at_once_with_other_bytes_leave_one_winner(
    tpi: TpiServer, post: Callable[..., RawAnswer], together: Callable[..., list[RawAnswer]]
) -> None:
    name = fresh_name()
    bodies = []
    for number in range(4):
        form = Form()
        form.built = Built(*build_wheel(name, "1.0", files={"acme.py": b"%d" % number}))
        form.fields = upload_fields(form.built)
        bodies.append(form.body)
    answers = together([lambda body=body: post(body) for body in bodies])
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    for answer in answers:
        assert answer.status == 200 or require_refusal(answer).startswith("File already exists")
    winner = next(number for number, answer in enumerate(answers) if answer.status == 200)
    assert post(bodies[winner]).status == 200
    with closing(sqlite3.connect(tpi.data / "tpi.sqlite3", timeout=60)) as database:
        found = "SELECT object_name FROM indexapp_blob WHERE sha256 = ?"
        [(object_name,)] = database.execute(found, [digest_in(bodies[winner])]).fetchall()
    assert f"files/blobs/{object_name}" in state_of(tpi).files


def digest_in(body: bytes) -> str:
    return body.partition(b'name="sha256_digest"\r\n\r\n')[2][:64].decode()
