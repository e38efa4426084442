"""One installation for each test process, with a small cast of people, tokens and indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from tests.functional.client_tools import Credentials, Home
from tests.functional.mirrored import Mirrored
from tests.servers import inside
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

T = TypeVar("T")


@dataclass(frozen=True)
class Cast:
    """Who may do what on the shared installation."""

    owner: Credentials
    """Reads and uploads everywhere."""
    reader: Credentials
    """The same user's token that only reads."""
    outsider: Credentials
    """A user without any right."""
    stranger: Credentials
    """A token that never was."""

    @property
    def headers(self) -> dict[str, str]:
        """The owner's credentials as a request carries them."""
        return basic(self.owner.password)


@pytest.fixture(scope="session")
def tpi() -> Iterator[TpiServer]:
    """The installation, reached directly."""
    with TpiServer(settings={"TPI_BODY_TIMEOUT": "5"}) as server:
        yield server


@pytest.fixture(scope="session")
def cast(tpi: TpiServer) -> Cast:
    return make_cast(tpi)


def make_cast(server: TpiServer) -> Cast:
    made = server.inside(inside.cast)
    forged = made["reader"][:-6] + "aaaaaa"
    return Cast(*(Credentials(password=text) for text in (made["owner"], made["reader"], made["outsider"], forged)))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def owner(tpi: TpiServer, cast: Cast) -> Iterator[Session]:
    """A connection with the credentials that may read and upload everywhere."""
    with Session(tpi.url, cast.headers) as session:
        yield session


@pytest.fixture
def upstream(tpi: TpiServer) -> Iterator[Mirrored]:
    """The upstream of a mirror of this test's own, in the module's installation, which has to let it be asked."""
    with Mirrored(tpi) as server:
        yield server


@pytest.fixture
def together() -> Callable[[Sequence[Callable[[], T]]], list[T]]:
    """Run functions at the same moment, each in a thread of its own, and return their results in order."""

    def run(works: Sequence[Callable[[], T]]) -> list[T]:
        barrier = Barrier(len(works))

        def at_once(work: Callable[[], T]) -> T:
            barrier.wait()
            return work()

        with ThreadPoolExecutor(len(works)) as pool:
            return list(pool.map(at_once, works))

    return run
