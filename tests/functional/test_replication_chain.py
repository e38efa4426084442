"""Three sites in a row: what the middle one lacks, for a while or by its filters, comes to the last one nevertheless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.replicating import ALIKE
from tests.servers import inside
from tests.servers.bent import Bent, BentSite, straight
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("chain")]
_PATIENCE = 60.0


class Chain(NamedTuple):
    """``middle`` follows ``primary`` by way of ``bent``, and ``last`` follows ``middle``."""

    primary: TpiServer
    bent: BentSite
    middle: TpiServer
    last: TpiServer

    def publish(self) -> str:
        """A new project of one file, when the rows of it have come to the last site."""
        name = f"p{uuid4().hex[:12]}"
        with Session(self.primary.url, basic(self.primary.password, "admin")) as session:
            assert session.upload(build_wheel(name, "1.0"), "/main/legacy/").status == 200
        self.wait(lambda: self.last.inside(inside.here, project=name) != [])
        return name

    def wait(self, until: Callable[[], bool]) -> None:
        wait_until(until, _PATIENCE, lambda: self.middle.log[-3000:] + self.last.log[-3000:])


@pytest.fixture(scope="module")
def all_sites() -> Iterator[Chain]:
    with ExitStack() as stack:
        primary = stack.enter_context(TpiServer(settings=ALIKE))
        bent = stack.enter_context(BentSite(primary.url))
        middle = stack.enter_context(TpiServer(settings=ALIKE))
        middle.inside(inside.join, url=bent.url, secret=primary.inside(inside.invite, name="middle"))
        last = stack.enter_context(TpiServer(settings=ALIKE))
        last.inside(inside.join, url=middle.url, secret=middle.inside(inside.invite, name="last"))
        yield Chain(primary, bent, middle, last)


@pytest.fixture
def chain(all_sites: Chain) -> Iterator[Chain]:
    yield all_sites
    all_sites.bent.bend = straight
    all_sites.middle.inside(inside.hold)


def test_bytes_that_come_to_the_middle_later_come_to_the_last(chain: Chain) -> None:
    chain.bent.bend = lambda path, status, body: (
        Bent(500, b"it broke", 8) if "/blobs/" in path else straight(path, status, body)
    )
    name = chain.publish()
    for site in (chain.middle, chain.last):
        assert site.inside(inside.here, project=name) == [False]
    with Session(chain.last.url, basic(chain.primary.password, "admin")) as session:
        path = urlsplit(session.page(name)["files"][0]["url"]).path
        reply = session.get(path)
        assert (reply.status, reply.json()["code"]) == (503, "not-here-yet")
    chain.bent.bend = straight
    for site in (chain.middle, chain.last):
        chain.wait(lambda there=site: there.inside(inside.here, project=name) == [True])  # type: ignore[misc]


def test_bytes_that_the_middle_does_not_hold_go_through_it(chain: Chain) -> None:
    chain.middle.inside(inside.hold, projects=["nothing-of-this-name"])
    name = chain.publish()
    chain.wait(lambda: chain.last.inside(inside.here, project=name) == [True])
    assert chain.middle.inside(inside.here, project=name) == [False]
    chain.primary.stop()
    try:
        with Session(chain.last.url, basic(chain.primary.password, "admin")) as session:
            path = urlsplit(session.page(name)["files"][0]["url"]).path
            assert session.get(path).body == build_wheel(name, "1.0").content
    finally:
        chain.primary.start()
