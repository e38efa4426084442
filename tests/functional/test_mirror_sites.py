"""A mirror site that flips a byte, serves old bytes, hangs or answers 500 breaks no install, and is told of.

The site is nginx with a static export, behind a relay that bends its answers when it is told to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import pytest

from indexapp.services.sites import notes
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.installers import Installer, Pip
from tests.functional.installers import Uv as UvInstaller
from tests.functional.publishers import Uv
from tests.functional.test_static_export import exported
from tests.servers import inside
from tests.servers.bent import Bend, Bent, BentSite, straight
from tests.servers.data_folder import DataFolder
from tests.servers.nginx_static import NginxStatic
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Reply, Session

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("mirror sites")]
INSTALLERS = [Pip(), UvInstaller()]
_FILES = "/open/files/"


@dataclass
class World:
    """An index that everybody may read, and a site that has it; ``over`` ends what hangs."""

    server: TpiServer
    site: BentSite
    library: Artefact
    application: Artefact
    old: bytes
    over: Event = field(default_factory=Event)

    @property
    def index(self) -> str:
        return f"{self.server.url}/open/simple/"

    @property
    def data(self) -> DataFolder:
        return DataFolder(self.server.data, {})

    def command(self, *words: str) -> tuple[int, str]:
        done = self.server.manage("mirror_sites", *words)
        return done.returncode, done.stdout + done.stderr

    def state(self) -> str:
        return str(self.data.ask("SELECT state FROM indexapp_mirrorsite")[0][0])

    def mode(self, mode: str) -> None:
        assert self.command("mode", "open", mode)[0] == 0

    def wheels(self) -> list[tuple[str, bytes]]:
        """Addresses at the index, and what lies there."""
        found = []
        with Session(self.server.url) as session:
            for artefact in (self.library, self.application):
                (path,) = (path for path in artefact.files if path.suffix == ".whl")
                (file,) = (
                    each for each in session.page(artefact.name, "/open")["files"] if each["filename"] == path.name
                )
                found.append((file["url"], path.read_bytes()))
        return found

    def get(self, url: str, client: str = "a test") -> Reply:
        with Session(self.server.url) as session:
            return session.download(url, {"User-Agent": client})

    def asked(self, suffix: str = ".whl") -> int:
        return sum(path.endswith(suffix) for path, _ in self.site.paths)

    def make_ready(self) -> None:
        """The site is in use, and was found to have every wheel; what was noted of it and its readers is over."""
        self.site.bend = straight
        self.mode("through")
        if self.state() not in {"wrong", "out"}:
            self.command("take-out", "bent")
        self.command("put-back", "bent")
        wait_until(self._is_in, 60, self.state)
        for url, content in self.wheels():
            wait_until(lambda: self._comes_from_the_site(url, content), 60, self.state)
        self.site.paths.clear()

    def _is_in(self) -> bool:
        if self.state() not in {"healthy", "slow"}:
            self.command("check", "bent")
        return self.state() in {"healthy", "slow"}

    def _comes_from_the_site(self, url: str, content: bytes) -> bool:
        before = self.asked()
        assert self.get(url).body == content
        if self.asked() > before:
            return True
        if self.data.ask("SELECT 1 FROM indexapp_fileproof WHERE wanted_at IS NOT NULL"):
            self.command("check", "bent")
        return False

    def alarms(self) -> set[str]:
        return {code for (code,) in self.data.ask("SELECT code FROM accounts_alarm WHERE ended_at IS NULL")}

    def audited(self) -> list[str]:
        return [action for (action,) in self.data.ask("SELECT action FROM accounts_auditentry ORDER BY id")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("sites")
    tree, home = folder / "tree", Home(folder / "home")
    tree.mkdir(mode=0o755)
    library = build(folder, fresh_name("library"))
    application = build(folder, fresh_name("application"), requires=[library.name], padding=os.urandom(3_300_000))
    settings = {"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8", "TPI_WORKERS": "1"}
    with (
        TpiServer(settings=settings) as server,
        NginxStatic(tree) as nginx,
        BentSite(nginx.url) as site,
    ):
        owner = Credentials(password=server.inside(inside.token))
        server.inside(inside.index, name="open", anonymous_read=True)
        for artefact in (library, application):
            Uv().publish(home, artefact, f"{server.url}/open/legacy/", owner).require_success()
        exported(server.environment, "open", tree)
        (old,) = (path.read_bytes() for path in library.files if path.suffix == ".whl")
        made = World(server, site, library, application, old)
        words = ("--index", "open", "--redirect", "--lag-hours", "0")
        assert made.command("add", "bent", f"{site.url}/", *words)[0] == 0
        yield made
        made.over.set()


def flips(path: str, status: int, body: bytes) -> Bent:
    """A byte in the last third, so that good stretches come before it."""
    if not path.endswith(".whl"):
        return straight(path, status, body)
    at = len(body) * 3 // 4
    return Bent(status, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], len(body))


def fails(_path: str, _status: int, _body: bytes) -> Bent:
    return Bent(500, b"out of order", 12)


def cuts(path: str, status: int, body: bytes) -> Bent:
    return Bent(status, body, len(body) // 2) if path.endswith(".whl") else straight(path, status, body)


def bends(world: World) -> dict[str, tuple[Bend, set[str], str]]:
    """What the site does, in which states it is found then, and the alarm."""

    def old(path: str, status: int, body: bytes) -> Bent:
        return Bent(200, world.old[::-1], len(world.old)) if path.endswith(".whl") else straight(path, status, body)

    def hangs(path: str, status: int, body: bytes) -> Bent:
        world.over.wait(600)
        return straight(path, status, body)

    return {
        "flips a byte": (flips, {"wrong"}, "mirror-site-wrong-bytes"),
        "serves old bytes": (old, {"wrong"}, "mirror-site-wrong-bytes"),
        "hangs": (hangs, {"unreachable"}, "mirror-site-away"),
        "answers 500": (fails, {"unreachable"}, "mirror-site-away"),
        "cuts": (cuts, {"unreachable"}, "mirror-site-away"),
    }


BENDS = ["flips a byte", "serves old bytes", "hangs", "answers 500", "cuts"]


@contextmanager
def calmed(world: World) -> Iterator[None]:
    """The site is straight again afterwards, and nothing hangs."""
    try:
        yield
    finally:
        world.site.bend = straight
        world.over.set()
        world.over = Event()


def installs(world: World, home: Home, installer: Installer) -> None:
    outcome, found = installer.install(home, [world.application.name], world.index, None)
    outcome.require_success()
    assert found == {world.application.name: "1.0", world.library.name: "1.0"}


def is_told(world: World, what: str) -> None:
    _, states, alarm = bends(world)[what]
    wait_until(lambda: world.state() in states, 60, world.state)
    wait_until(lambda: alarm in world.alarms(), 60, lambda: str(world.alarms()))
    assert f"mirror-site.{world.state()}" in world.audited()


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
@pytest.mark.parametrize("mode", ["through", "redirect"])
def test_a_site_gives_the_bytes(world: World, home: Home, installer: Installer, mode: str) -> None:
    world.make_ready()
    world.mode(mode)
    installs(world, home, installer)
    assert world.asked() >= 2, "both wheels come from the site"


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
@pytest.mark.parametrize("what", BENDS)
def test_through_the_index_nothing_breaks_an_install(world: World, home: Home, installer: Installer, what: str) -> None:
    world.make_ready()
    world.site.bend = bends(world)[what][0]
    with calmed(world):
        installs(world, home, installer)
        assert world.asked() >= 1, "the site was asked"
        is_told(world, what)


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
@pytest.mark.parametrize("what", ["hangs", "answers 500"])
def test_nobody_is_sent_to_a_site_that_does_not_answer(
    world: World, home: Home, installer: Installer, what: str
) -> None:
    world.make_ready()
    world.mode("redirect")
    time.sleep(notes._HEARD)  # else the site counts as answering, by what a test before this one heard of it
    world.site.bend = bends(world)[what][0]
    with calmed(world):
        installs(world, home, installer)
        assert world.asked() >= 1, "the index has asked the site"
        is_told(world, what)


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
@pytest.mark.parametrize("what", ["flips a byte", "serves old bytes"])
def test_wrong_bytes_after_a_redirect_are_never_installed_and_the_next_try_works(
    world: World, home: Home, installer: Installer, what: str
) -> None:
    """What is good when it is looked at, and bad a moment later, only the client can see."""
    world.make_ready()
    world.mode("redirect")
    world.site.bend = bends(world)[what][0]
    with calmed(world):
        outcome, found = installer.install(home, [world.application.name], world.index, None)
        assert outcome.code != 0
        assert world.application.name not in found
        installs(world, home, installer)
        is_told(world, what)


def test_a_site_that_lacks_what_it_should_have_is_stale_and_comes_back(world: World, home: Home) -> None:
    world.make_ready()
    world.site.bend = lambda _path, _status, _body: Bent(404, b"", 0)
    with calmed(world):
        world.command("check", "bent")
        assert world.state() == "stale"
        assert "mirror-site-stale" in world.alarms()
        installs(world, home, Pip())
    world.site.bend = straight
    world.command("check", "bent")
    assert world.state() == "healthy"
    assert "mirror-site-stale" not in world.alarms()


def test_a_wrong_site_stays_out_until_a_person_puts_it_back(world: World) -> None:
    world.make_ready()
    world.site.bend = flips
    with calmed(world):
        wait_until(lambda: _is_found_wrong(world), 60, world.state)
    for _ in range(4):
        world.command("check", "bent")
    assert world.state() == "wrong"
    asked = world.asked("")
    for url, content in world.wheels():
        assert world.get(url).body == content
    assert world.asked("") == asked
    world.make_ready()


def _is_found_wrong(world: World) -> bool:
    """A look that the job has begun, before the site was bent, makes a command's look stand aside: so look again."""
    world.command("check", "bent")
    return world.state() == "wrong"
