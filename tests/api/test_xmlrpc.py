"""XML-RPC for old mirrors: what they ask, who may ask, and what hostile calls come to."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.domain.verbs import Verb
from accounts.services import request_rates
from indexapp.domain.xmlrpc import MOST_BYTES, NO_METHOD, NOT_SERVED, NOT_WELL_FORMED, WRONG_PARAMETERS
from indexapp.models import Change, File, Project
from indexapp.services import projects, releases
from indexapp.services.backups import restored
from indexapp.services.feeds import journal, names
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import give, make_group, make_index, make_project, published, upload
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]
XML = {"Content-Type": "text/xml"}


def post(client: WsgiClient, body: bytes, path: str = "/pypi") -> Answer:
    return client.request("POST", path, headers=XML, body=body)


def ask(client: WsgiClient, method: str, *parameters: Any, path: str = "/pypi") -> Any:
    answer = post(client, xmlrpc.client.dumps(parameters, method, allow_none=True).encode(), path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    return xmlrpc.client.loads(answer.body)[0][0]


def fault(client: WsgiClient, method: str, *parameters: Any) -> int:
    with pytest.raises(xmlrpc.client.Fault) as raised:
        ask(client, method, *parameters)
    return raised.value.faultCode


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.basic("reader"))


@pytest.mark.parametrize("path", ["/pypi", "/pypi/", "/RPC2", "/main/pypi", "/main/pypi/", "/main/RPC2", "/all/pypi"])
def test_the_three_methods(cast: Cast, reader: WsgiClient, path: str) -> None:
    make_group("all", cast.index)
    file = published(cast.index)
    serial = Change.objects.latest("serial").serial
    assert ask(reader, "changelog_last_serial", path=path) == serial
    assert ask(reader, "list_packages_with_serial", path=path) == {"acme-tool": serial}
    rows = ask(reader, "changelog_since_serial", serial - 1, path=path)
    at = int(Change.objects.latest("serial").at.timestamp())
    assert rows == [
        ["acme-tool", None, at, "create", serial],
        ["acme-tool", "1.0", at, "new release", serial],
        ["acme-tool", "1.0", at, f"add py3 file {file.filename}", serial],
    ]
    assert ask(reader, "changelog_since_serial", serial, path=path) == []


def test_what_happens_is_worded_as_in_the_journal(cast: Cast, reader: WsgiClient) -> None:
    upload(cast.index)
    start = ask(reader, "changelog_last_serial")
    sdist = published(cast.index, build_sdist())
    releases.yank(actor=SYSTEM, release=sdist.release)
    releases.unyank(actor=SYSTEM, release=sdist.release)
    releases.delete_file(actor=SYSTEM, file=sdist)
    releases.delete(actor=SYSTEM, release=sdist.release)
    projects.delete(actor=SYSTEM, project=sdist.project)
    rows = ask(reader, "changelog_since_serial", start)
    assert [(row[1], row[3]) for row in rows] == [
        ("1.0", f"add source file {sdist.filename}"),
        ("1.0", "yank release"),
        ("1.0", "unyank release"),
        ("1.0", f"remove file {sdist.filename}"),
        ("1.0", "remove release"),
        (None, "remove project"),
    ]
    assert [row[4] for row in rows] == sorted({row[4] for row in rows})
    assert ask(reader, "list_packages_with_serial") == {}


class TestWhoMayAsk:
    def test_nobody_without_credentials(self, cast: Cast, machine: WsgiClient) -> None:
        answer = post(machine, xmlrpc.client.dumps((), "list_packages_with_serial").encode())
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert post(machine.signed(cast.basic("outsider")), b"").status == 403
        assert post(machine.signed(cast.basic("outsider")), b"", "/nowhere/pypi").status == 403
        assert post(machine, b"", "/nowhere/pypi").status == 401

    def test_a_public_index_without_credentials(self, cast: Cast, machine: WsgiClient) -> None:
        upload(make_index("open", anonymous_read=True))
        assert list(ask(machine, "list_packages_with_serial", path="/open/pypi")) == ["acme-tool"]

    def test_who_reads_one_project_hears_of_no_other(self, cast: Cast, machine: WsgiClient) -> None:
        one, two = published(cast.index, build_wheel("one")), published(cast.index, build_wheel("two"))
        give(cast.outsider, [Verb.READ], cast.index, one.project)
        part = machine.signed(cast.basic("outsider"))
        releases.yank(actor=SYSTEM, release=two.release)
        assert list(ask(part, "list_packages_with_serial")) == ["one"]
        assert {row[0] for row in ask(part, "changelog_since_serial", 0)} == {"one"}
        before = ask(part, "changelog_last_serial")
        projects.delete(actor=SYSTEM, project=two.project)
        assert {row[0] for row in ask(part, "changelog_since_serial", 0)} == {"one"}
        assert ask(part, "changelog_last_serial") > before

    def test_a_token_bound_to_a_project(self, cast: Cast, machine: WsgiClient) -> None:
        for name in ("one", "two"):
            upload(cast.index, build_wheel(name))
        bound = machine.signed({"Authorization": f"Bearer {cast.token('reader', [Verb.READ], projects=['two'])}"})
        assert list(ask(bound, "list_packages_with_serial")) == ["two"]
        assert {row[0] for row in ask(bound, "changelog_since_serial", 0)} == {"two"}

    def test_too_often(self, reader: WsgiClient, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("accounts.api.throttles.ActorThrottle.get_rate", lambda throttle: "3/min")
        request_rates.forget_all()
        for _ in range(3):
            ask(reader, "changelog_last_serial")
        answer = post(reader, b"")
        assert (answer.status, answer.code) == (429, "throttled")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60

    def test_it_goes_on_in_read_only_mode(self, reader: WsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tpi_site.kit.read_only.why", lambda: "Maintenance.")
        for path in ("/pypi", "/RPC2", "/main/pypi", "/main/RPC2"):
            assert post(reader, b"", path).status == 200


class TestBadCalls:
    @pytest.mark.parametrize(
        ("method", "parameters", "code"),
        [
            ("nothing", (), NO_METHOD),
            ("__class__", (), NO_METHOD),
            ("search", ({"name": "acme"},), NOT_SERVED),
            ("release_data", ("acme", "1.0"), NOT_SERVED),
            ("system.multicall", ([],), NOT_SERVED),
            ("list_packages_with_serial", (1,), WRONG_PARAMETERS),
            ("changelog_last_serial", (None,), WRONG_PARAMETERS),
            ("changelog_since_serial", (), WRONG_PARAMETERS),
            ("changelog_since_serial", (1, 2), WRONG_PARAMETERS),
            *(("changelog_since_serial", (one,), WRONG_PARAMETERS) for one in ("1", True, 1.5, None, [1], {"a": 1})),
        ],
    )
    def test_faults(self, reader: WsgiClient, method: str, parameters: tuple[Any, ...], code: int) -> None:
        assert fault(reader, method, *parameters) == code

    @pytest.mark.parametrize("serial", ["-1", f"-{10**30}", f"{10**30}", f"{2**63}", "0"])
    def test_any_number_is_a_serial(self, cast: Cast, reader: WsgiClient, serial: str) -> None:
        upload(cast.index)
        body = f"<methodCall><methodName>changelog_since_serial</methodName><params><param><value><int>{serial}</int></value></param></params></methodCall>"
        answer = post(reader, body.encode())
        assert len(xmlrpc.client.loads(answer.body)[0][0]) == (3 if int(serial) <= 0 else 0)

    def test_what_is_no_call(self, reader: WsgiClient) -> None:
        for body in (b"", b"\x00", b"<!DOCTYPE a [<!ENTITY e 'e'>]><methodCall>&e;</methodCall>", b"<a>" * 20_000):
            with pytest.raises(xmlrpc.client.Fault) as raised:
                xmlrpc.client.loads(post(reader, body).body)
            assert raised.value.faultCode == NOT_WELL_FORMED

    def test_a_large_body(self, reader: WsgiClient) -> None:
        for size in (MOST_BYTES + 1, 3_000_000):
            answer = post(reader, b"<" * size)
            assert (answer.status, answer.code) == (413, "xml-rpc-too-large")

    def test_another_type(self, reader: WsgiClient) -> None:
        answer = reader.request("POST", "/pypi", headers={"Content-Type": "application/json"}, body=b"{}")
        assert (answer.status, answer.code) == (400, "xml-rpc-type")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_other_methods(self, reader: WsgiClient, method: str) -> None:
        for path in ("/pypi", "/pypi/", "/main/RPC2"):
            answer = reader.request(method, path)
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")


class TestWhatIsShown:
    def test_a_group_shows_what_its_list_shows(self, cast: Cast, reader: WsgiClient) -> None:
        second = make_index("second")
        give(cast.reader, [Verb.READ], second)
        make_group("all", cast.index, second)
        upload(second, build_wheel("both", "9.0"))
        upload(cast.index, build_wheel("both"))
        upload(second, build_wheel("alone"))
        serials = {project.normalized_name: project.last_serial for project in Project.objects.order_by("-index_id")}
        assert ask(reader, "list_packages_with_serial", path="/all/pypi") == serials
        rows = ask(reader, "changelog_since_serial", 0, path="/all/pypi")
        assert {(row[0], row[1]) for row in rows if row[1]} == {("both", "1.0"), ("alone", "1.0")}

    def test_what_is_quarantined_or_hidden_is_on_no_list(self, cast: Cast, reader: WsgiClient) -> None:
        for name in ("open", "held", "secret"):
            upload(cast.index, build_wheel(name))
        projects.set_status(actor=SYSTEM, project=Project.objects.get(name="held"), status="quarantined")
        make_rule(cast.index, "hide", projects=["secret"])
        assert list(ask(reader, "list_packages_with_serial")) == ["open"]
        rows = ask(reader, "changelog_since_serial", 0)
        assert {row[0] for row in rows} == {"open", "held"}
        assert rows[-1][3] == "project quarantined"

    def test_after_a_restore_each_project_has_changed(self, cast: Cast, reader: WsgiClient) -> None:
        for name in ("one", "two"):
            upload(cast.index, build_wheel(name))
        seen = ask(reader, "changelog_last_serial") + 500
        before = ask(reader, "list_packages_with_serial")
        manifest: Any = type("Manifest", (), {"name": "b", "made_at": File.objects.latest("pk").uploaded_at})
        restored.record(actor=SYSTEM, place=type("Place", (), {"address": "b"}), manifest=manifest)  # type: ignore[arg-type]
        after = ask(reader, "list_packages_with_serial")
        assert all(after[name] > max(before[name], seen) for name in before)
        rows = ask(reader, "changelog_since_serial", seen)
        assert {(row[0], row[4]) for row in rows} == set(after.items())
        upload(cast.index, build_wheel("one", "2.0"))
        rows = ask(reader, "changelog_since_serial", max(after.values()))
        assert {row[0] for row in rows} == {"one"}
        assert [row[0] for row in ask(reader, "changelog_since_serial", seen)][:3] == ["one", "two", "one"]


class TestLength:
    def test_the_list_is_made_in_batches(self, cast: Cast, reader: WsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(names, "BATCH", 10)
        expected = {make_project(cast.index, f"project-{number}", last_serial=number).name for number in range(1, 36)}
        with CaptureQueriesContext(connection) as queries:
            assert set(ask(reader, "list_packages_with_serial")) == expected
        batches = [query for query in queries if "LIMIT 10" in query["sql"]]
        assert len(batches) == 5

    def test_an_answer_has_so_many_rows_and_whole_serials(
        self, cast: Cast, reader: WsgiClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal, "MOST", 7)
        monkeypatch.setattr(journal, "_BATCH", 2)
        for number in range(5):
            upload(cast.index, build_wheel(f"project-{number}"))
        found: list[Any] = []
        while rows := ask(reader, "changelog_since_serial", found[-1][4] if found else 0):
            assert len(rows) in (6, 3)
            found.extend(rows)
        assert [row[0] for row in found] == [f"project-{number}" for number in range(5) for _ in range(3)]
