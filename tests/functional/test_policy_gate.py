"""What the policy keeps back is refused in every way by which installers ask, and pip and uv print the rule's sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Home
from tests.functional.conftest import Cast
from tests.functional.installers import INSTALLERS, Installer, Pip, Uv
from tests.functional.test_installing import put
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Reply, Session, basic

pytestmark = pytest.mark.functional
JSON = {"Content-Type": "application/json"}
WHY = "It steals keys"


@pytest.fixture
def officer(tpi: TpiServer) -> Iterator[Session]:
    """Who sets the rules."""
    with Session(tpi.url, basic(tpi.password, "admin")) as session:
        yield session


@pytest.fixture
def library(owner: Session, tmp_path: Path) -> str:
    """Three versions of a library."""
    name = fresh_name("library")
    for version in ("1.0", "1.1", "2.0"):
        put(owner, build(tmp_path, name, version, kinds="wheel"))
    return name


def ask(officer: Session, path: str, body: Any, *, status: int = 201) -> Any:
    reply = officer.request("POST", f"/api/v1/{path}", json.dumps(body).encode(), JSON)
    assert reply.status == status, reply.body
    return reply.json()


def rule(officer: Session, library: str, effect: str = "block", **conditions: Any) -> int:
    """A rule on the library alone, since other tests share the installation."""
    given = {"name": f"no {library}", "effect": effect, "reason": WHY, "contact": "security@tpi.example"}
    made = ask(officer, "policy-rules/", {**given, "conditions": {"projects": [library], **conditions}})
    return int(made["id"])


def address(owner: Session, library: str, version: str = "2.0") -> str:
    """The path of the wheel, as the page gives it."""
    [url] = [file["url"] for file in owner.page(library)["files"] if f"-{version}-" in file["filename"]]
    return urlsplit(url).path


def refused(reply: Reply) -> bool:
    return reply.status == 403 and WHY in reply.reason


@pytest.mark.parametrize("installer", [Pip(), Uv()], ids=repr)
def test_the_installer_prints_the_rules_sentence(
    tpi: TpiServer, cast: Cast, officer: Session, home: Home, library: str, installer: Installer
) -> None:
    days = {datetime.now(UTC).date()}
    rule(officer, library, versions=">=2")
    days.add(datetime.now(UTC).date())  # it may be midnight
    outcome, found = installer.install(home, [f"{library}==2.0"], f"{tpi.url}/simple/", cast.reader)
    assert (outcome.code != 0, found) == (True, {})
    begins = f"The policy rule 'no {library}' blocks {library} 2.0"
    assert any(f"{begins} (since {day}): {WHY}." in outcome.words for day in days)
    assert f"Allowed: {library} 1.1. Exceptions: security@tpi.example." in outcome.words


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
def test_the_installer_chooses_around_what_is_hidden(
    tpi: TpiServer, cast: Cast, officer: Session, home: Home, library: str, installer: Installer
) -> None:
    rule(officer, library, "hide", versions=">=1.1")
    outcome, found = installer.install(home, [library], f"{tpi.url}/simple/", cast.reader)
    outcome.require_success()
    assert found.get(library) == "1.0"


@pytest.mark.parametrize("effect", ["block", "hide", "hold"])
def test_a_file_is_refused_by_every_address(owner: Session, officer: Session, library: str, effect: str) -> None:
    url = address(owner, library)
    index, filename = url.split("/")[1], url.rpartition("/")[2]
    metadata = f"{url}.metadata"
    assert (owner.get(url).status, owner.get(metadata).status) == (200, 200), "before there is a rule"
    rule(officer, library, effect, versions="2.0")
    assert refused(owner.get(url)), "by an address that was good a moment ago"
    assert refused(owner.get(url, {"Range": "bytes=0-9"}))
    assert refused(owner.get(url, {"If-None-Match": '"x"'}))
    assert owner.request("HEAD", url).status == 403
    assert refused(owner.get(metadata))
    assert owner.request("HEAD", metadata).status == 403
    assert refused(owner.get(url.replace(f"/{index}/files/", f"/packages/{index}/")))
    assert refused(owner.get(url.replace(f"/{index}/", "/both/"))), "through a group"
    assert refused(owner.get(f"/pypi/{library}/2.0/json"))
    assert (filename in owner.listed(library)) is (effect != "hide")
    assert ("2.0" in owner.get(f"/pypi/{library}/json").json()["releases"]) is (effect != "hide")
    problem = owner.get(url).json()
    assert (problem["code"], problem["status"]) == ("policy-blocked", 403)


def test_an_exception_opens_and_its_end_closes(owner: Session, officer: Session, library: str) -> None:
    url = address(owner, library)
    key = rule(officer, library, versions="2.0")
    assert refused(owner.get(url))
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    given = {"project": library, "versions": "2.*", "reason": "Release night.", "rule": key, "expires_at": end}
    made = ask(officer, "policy-exceptions/", given)
    assert owner.get(url).status == 200
    ask(officer, f"policy-exceptions/{made['id']}/revoke/", {}, status=200)
    assert refused(owner.get(url))
    ask(officer, "policy-exceptions/break-glass/", {"project": library, "reason": "Now."})
    assert owner.get(url).status == 200


def test_what_is_held_is_had_once_it_was_approved(owner: Session, officer: Session, library: str) -> None:
    url = address(owner, library)
    rule(officer, library, "hold", versions="2.0")

    def waiting() -> list[Any]:
        assert refused(owner.get(url))
        return list(officer.get(f"/api/v1/policy-holds/?project={library}").json()["results"])

    wait_until(lambda: waiting() != [], 60, lambda: "the process's writer does not put it down")
    [hold] = waiting()
    assert (hold["version"], hold["state"]) == ("2.0", "pending")
    ask(officer, f"policy-holds/{hold['id']}/approve/", {"reason": "Read it."}, status=200)
    assert owner.get(url).status == 200
