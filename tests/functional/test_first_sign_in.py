"""The first requests of a person of a directory come all at once, as an installer sends them, and to several processes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.servers import inside
from tests.servers.directory_values import slapd_values
from tests.servers.tpi import TpiServer
from tests.servers.wire import Reply, Session, basic

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.functional, pytest.mark.database, pytest.mark.xdist_group("first sign-in")]
_AT_ONCE = 16
_WORKERS = 4


@pytest.fixture
def database() -> dict[str, str]:
    """The setting of an empty database of the kind that this run is about."""
    server = os.environ.get("TPI_DATABASE_URL")
    if server is None:
        return {}
    root, name = server.rpartition("/")[0], f"live_{secrets.token_hex(4)}"
    with psycopg.connect(f"{root.replace('postgres://', 'postgresql://')}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return {"TPI_DATABASE_URL": f"{root}/{name}"}


@pytest.fixture
def installation(slapd: Slapd, database: dict[str, str]) -> Iterator[TpiServer]:
    """One with a directory, a group of which may read, and none of whose people has been here."""
    values = slapd_values(slapd)
    settings = {f"TPI_LDAP_CORP_{name.upper()}": value for name, value in values.items() if name != "ca_certificates"}
    settings |= {"TPI_LDAP": "corp", "TPI_LDAP_CORP_CA_FILE": str(slapd.ca_file), "TPI_WORKERS": str(_WORKERS)}
    with TpiServer(settings=settings | database) as server:
        server.inside(inside.map_group, directory="corp", group_dn=slapd.group_dn("devs"), team="devs", verbs=["read"])
        yield server


def _all_at_once(server: TpiServer, name: str, password: str) -> list[Reply]:
    """The answers to the same question, sent over as many connections at the same moment."""
    barrier = Barrier(_AT_ONCE)

    def ask() -> Reply:
        with Session(server.url, basic(password, name)) as session:
            session.connection.connect()
            barrier.wait()
            return session.get("/simple/")

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return [each.result() for each in [threads.submit(ask) for _ in range(_AT_ONCE)]]


def test_first_requests_at_once_make_one_account_and_are_all_answered(installation: TpiServer, slapd: Slapd) -> None:
    for name in ("alice", "bob"):
        answers = _all_at_once(installation, name, slapd.password_of(name))
        assert [each.status for each in answers] == [200] * _AT_ONCE, installation.log[-5000:]
        with Session(installation.url, basic(installation.password, "admin")) as root:
            made = root.get(f"/api/v1/audit/?action=user.create&object_name={name}").json()["results"]
            places = root.get("/api/v1/teams/devs/members/").json()["results"]
        assert len(made) == 1
        assert [each for each in places if name in str(each)] != []
        assert slapd.binds(slapd.person_dn(name)) <= _WORKERS
    assert "Traceback" not in installation.log
