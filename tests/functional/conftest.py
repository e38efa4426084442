"""One installation for each test process, with a small cast of people, tokens and indexes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.functional.client_tools import Credentials, Home
from tests.servers import inside
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic


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
    with TpiServer() as server:
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
