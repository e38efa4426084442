"""People of a directory at every door: pip, uv, twine and the browser, against OpenLDAP and against Active Directory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser

from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstaller
from tests.functional.publishers import Twine, Uv
from tests.servers import inside
from tests.servers.directory_values import host
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

if TYPE_CHECKING:
    from tests.servers.samba import Samba
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("directories")]


@dataclass(frozen=True)
class World:
    """An installation with one directory, whose group 'pkg-admins' uploads to the default index."""

    server: TpiServer
    credentials: Callable[[str], Credentials]
    leave: Callable[[], None]
    """Takes team-a, where alice is, out of the groups that hold it."""
    disable: Callable[[str], None]
    binds: Callable[[str], int]


def _settings(**fields: str) -> dict[str, str]:
    return {"TPI_LDAP": "corp", **{f"TPI_LDAP_CORP_{name.upper()}": value for name, value in fields.items()}}


@pytest.fixture(params=["OpenLDAP", "Active Directory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    name = "slapd" if request.param == "OpenLDAP" else "samba"
    directory: Slapd | Samba = request.getfixturevalue(name)
    password = tmp_path / "bind-password"
    password.write_text(directory.service_password)
    settings = _settings(
        kind="ldap" if name == "slapd" else "active-directory",
        nesting="walk" if name == "slapd" else "chain",
        hosts=host(directory.uri_ldaps),
        ca_file=str(directory.ca_file),
        bind_dn=directory.service_dn,
        bind_password_file=str(password),
        user_base=directory.people_dn,
        group_base=directory.groups_dn,
    )
    with TpiServer(settings=settings) as server:
        made = _openldap(server, directory) if name == "slapd" else _active_directory(server, directory)  # type: ignore[arg-type]
        yield made


def _openldap(server: TpiServer, slapd: Slapd) -> World:
    group = slapd.group_dn("pkg-admins")
    server.inside(inside.map_group, directory="corp", group_dn=group, team="tools", verbs=["upload"])
    return World(
        server,
        credentials=lambda name: Credentials(name, slapd.password_of(name)),
        leave=lambda: slapd.set_members("devs", ["bob"]),
        disable=slapd.lock,
        binds=lambda name: slapd.binds(slapd.person_dn(name)),
    )


def _active_directory(server: TpiServer, samba: Samba) -> World:
    group = samba.dn_of("pkg-admins")
    server.inside(inside.map_group, directory="corp", group_dn=group, team="tools", verbs=["upload"])
    return World(
        server,
        credentials=lambda name: Credentials(samba.upn(name), samba.password_of(name)),
        leave=lambda: samba.remove_member("devs", "team-a"),
        disable=samba.disable,
        binds=samba.binds,
    )


def test_groups_open_doors_and_leaving_or_being_disabled_closes_them(
    world: World, home: Home, tmp_path: Path, chromium: Browser
) -> None:
    server, alice, bob = world.server, world.credentials("alice"), world.credentials("bob")
    upload, index = f"{server.url}/legacy/", f"{server.url}/simple/"
    first, second = build(tmp_path, fresh_name()), build(tmp_path, fresh_name())

    Twine().publish(home, first, upload, alice).require_success()
    Uv().publish(home, second, upload, bob).require_success()
    for installer in (Pip(), UvInstaller()):
        outcome, found = installer.install(home, [first.name, second.name], index, alice)
        outcome.require_success()
        assert {first.name, second.name} <= set(found)
    stranger = Twine().publish(home, build(tmp_path, fresh_name()), upload, world.credentials("svc"))
    assert stranger.code != 0
    assert "403" in stranger.words

    token = _token(server, alice)
    page = chromium.new_page()
    page.goto(f"{server.url}/account/sign-in/")
    page.get_by_label("User name").fill(alice.username)
    page.get_by_label("Password").fill(alice.password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto(f"{server.url}/account/profile/")
    assert "tools" in page.content()

    world.leave()
    server.inside(inside.sync_directories)
    for credentials in (alice, Credentials(password=token)):
        with Session(server.url, basic(credentials.password, credentials.username)) as session:
            assert session.upload(_wheel()).status == 403
            assert session.get(f"/simple/{first.name}/").status == 403
    page.goto(f"{server.url}/account/profile/")
    assert "/profile/" in page.url
    assert "tools" not in page.get_by_role("main").inner_text()

    world.disable("alice")
    server.inside(inside.sync_directories)
    for credentials in (alice, Credentials(password=token)):
        with Session(server.url, basic(credentials.password, credentials.username)) as session:
            assert session.get("/simple/").status == 401
    page.goto(f"{server.url}/account/profile/")
    assert "/sign-in/" in page.url
    with Session(server.url, basic(bob.password, bob.username)) as session:
        assert session.get(f"/simple/{first.name}/").status == 200


def _token(server: TpiServer, owner: Credentials) -> str:
    body = json.dumps({"name": "job", "verbs": ["read", "upload"]}).encode()
    with Session(server.url, basic(owner.password, owner.username)) as session:
        made = session.request("POST", "/api/v1/tokens/", body, {"Content-Type": "application/json"})
        assert made.status == 201, made.body
        text: str = made.json()["token"]
        assert session.get("/simple/", basic(text)).status == 200
    return text


def _wheel(name: str = "") -> Built:
    return build_wheel(name or fresh_name(), "1.0", files={"tool.py": b"ANSWER = 42\n"})


def test_an_install_of_fifty_packages_is_one_bind(world: World, home: Home) -> None:
    server, bob = world.server, world.credentials("bob")
    names = [fresh_name("fifty") for _ in range(50)]
    with Session(server.url, basic(server.token)) as session:
        for name in names:
            assert session.upload(_wheel(name)).status == 200

    outcome, found = Pip().install(home, names, f"{server.url}/simple/", bob)

    outcome.require_success()
    assert set(names) <= set(found)
    assert world.binds("bob") == 1
