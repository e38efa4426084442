"""The primary dies in the middle of an upload, its replica takes over, clients go on, and the old primary comes back as a replica.

Clients change nothing but the address; behind HAProxy, with the configuration that is shipped, they change nothing.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.promotions import (
    PATIENCE,
    is_fenced,
    join_as_heir,
    killed_in_mid_upload,
    manage,
    require_bytes,
    require_installable,
    sha256,
)
from tests.functional.publishers import Publisher, Twine, Uv
from tests.functional.replicating import ALIKE, wait_until_equal
from tests.servers import inside
from tests.servers.haproxy import SitesProxy
from tests.servers.ports import status_of, wait_until
from tests.servers.postgres import Postgres
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


@dataclass
class _Drill:
    """Two sites, and the address that clients have now."""

    primary: TpiServer
    replica: TpiServer
    url: str
    home: Home
    folder: Path
    credentials: Credentials

    def publish(self, by: Publisher, artefact: Artefact) -> Artefact:
        by.publish(self.home, artefact, f"{self.url}/legacy/", self.credentials).require_success()
        return artefact

    def build(self, stem: str) -> Artefact:
        return build(self.folder, fresh_name(stem), kinds="wheel")

    def die(self) -> tuple[list[Artefact], Artefact, Artefact]:
        """What both sites have, what the primary alone has, and what it was about to take when it died."""
        both = [self.publish(tool, self.build("both")) for tool in (Twine(), Uv())]
        wait_until_equal(self.primary, self.replica)
        assert "warning" not in manage(self.replica, "drill"), "a promotion would succeed, and lose nothing"
        manage(self.replica, "pause")
        late = self.publish(Twine(), self.build("late"))
        big = killed_in_mid_upload(self.home, self.primary, self.url, self.folder, self.credentials)
        manage(self.replica, "resume")
        return both, late, big

    def take_over(self) -> None:
        missing = self.folder / "missing"
        assert "warning  likeness" in manage(self.replica, "drill"), "it would succeed, and the primary cannot be asked"
        assert "bytes of 0 files missing" in manage(self.replica, "promote", "--dry-run", "--list", str(missing))
        assert missing.read_text() == ""
        assert status_of(self.replica.port, "/readyz?role=primary") == 503
        assert "is the primary now" in manage(self.replica, "promote")
        assert status_of(self.replica.port, "/readyz?role=primary") == 200

    def go_on(self, both: list[Artefact], big: Artefact) -> list[Artefact]:
        """The commands of before, with the address that clients have; all that is there then."""
        artefacts = [*both, self.publish(Twine(), big), self.publish(Uv(), self.build("next"))]
        require_bytes(self.url, artefacts, self.credentials)
        require_installable(self.home, self.url, [artefact.name for artefact in artefacts], self.credentials)
        return artefacts

    def come_back(self, late: Artefact) -> None:
        """The old primary is started, takes nothing, and joins after showing what it alone has."""
        primary, replica = self.primary, self.replica
        primary.start()
        wait_until(lambda: is_fenced(primary, replica), PATIENCE, lambda: primary.log[-3000:])
        assert (status_of(primary.port, "/readyz"), status_of(primary.port, "/readyz?role=primary")) == (200, 503)
        self.require_refused()
        assert primary.stop() == 0
        primary.start()
        self.require_refused()  # from its first request on: the fence lies on its own disk
        require_bytes(primary.url, [late], self.credentials)
        wait_until(lambda: "that one knows" in manage(replica, "status"), PATIENCE, lambda: replica.log[-3000:])

        secret, listed = self.folder / "secret", self.folder / "listed"
        secret.write_text(manage(replica, "invite", "old").splitlines()[0])
        before = primary.inside(inside.replicated)
        told = manage(primary, "rejoin", replica.url, str(secret), "--dry-run", "--list", str(listed))
        assert "follows the new primary" not in told
        assert self.only_files(listed) == [(late.files[0].name, sha256(late.files[0]))]
        assert primary.inside(inside.replicated) == before
        assert manage(primary, "quarantine", "list") == ""
        told = manage(primary, "rejoin", replica.url, str(secret), "--list", str(listed))
        assert "follows the new primary" in told
        assert self.only_files(listed) == [(late.files[0].name, sha256(late.files[0]))]
        wait_until_equal(replica, primary)

    def require_refused(self) -> None:
        """The old primary takes nothing, and says who does."""
        publish = Twine().publish(self.home, self.build("refused"), f"{self.primary.url}/legacy/", self.credentials)
        assert publish.code != 0
        assert f"until {self.replica.url} took over" in publish.words

    def only_files(self, listed: Path) -> list[tuple[str, str]]:
        """The files that no other site has, as listed."""
        rows = [json.loads(line) for line in listed.read_text().splitlines()]
        return [(row["filename"], row["sha256"]) for row in rows if row["kind"] == "only-here"]

    def require_kept(self, late: Artefact) -> None:
        kept = self.folder / "kept"
        manage(self.primary, "quarantine", "export", str(kept))
        assert [path.read_bytes() for path in kept.rglob("*.whl")] == [late.files[0].read_bytes()]


def test_clients_go_on_by_changing_the_address(tmp_path: Path, home: Home) -> None:
    with TpiServer(settings=ALIKE) as primary, TpiServer(settings=ALIKE) as replica:
        join_as_heir(primary, replica)
        credentials = Credentials(password=primary.inside(inside.token))
        drill = _Drill(primary, replica, primary.url, home, tmp_path, credentials)
        both, late, big = drill.die()
        drill.take_over()
        drill.url = replica.url
        artefacts = drill.go_on(both, big)
        drill.come_back(late)
        require_bytes(primary.url, artefacts, credentials)
        drill.require_kept(late)
        # What only the old primary had is published again from what was kept, if somebody wants so.
        drill.publish(Twine(), late)
        wait_until_equal(replica, primary)


def test_behind_haproxy_clients_change_nothing(tmp_path: Path, home: Home) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(Postgres(migrated=True))
        settings = ALIKE | {"TPI_TRUSTED_PROXIES": "127.0.0.0/8"}
        primary = stack.enter_context(TpiServer(settings=settings))
        replica = stack.enter_context(TpiServer(settings=settings | {"TPI_DATABASE_URL": database.url}))
        join_as_heir(primary, replica)
        credentials = Credentials(password=primary.inside(inside.token))
        proxy = stack.enter_context(SitesProxy([primary.port, replica.port]))
        proxy.wait_until(node0="UP", node1="DOWN")
        drill = _Drill(primary, replica, proxy.url, home, tmp_path, credentials)
        both, late, big = drill.die()
        proxy.wait_until(node0="DOWN", node1="DOWN")
        require_bytes(proxy.url, both, credentials)  # while nobody is the primary
        drill.take_over()
        proxy.wait_until(node0="DOWN", node1="UP")
        artefacts = drill.go_on(both, big)
        drill.come_back(late)
        assert proxy.states() == {"node0": "DOWN", "node1": "UP"}
        artefacts.append(drill.publish(Uv(), drill.build("after")))
        wait_until_equal(replica, primary)
        require_bytes(primary.url, artefacts, credentials)
