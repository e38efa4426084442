"""``python -m tests.deploy.image``: build the image from a base made here, run it locked up, publish to it and install from it.

Needs root and the Debian packages mmdebstrap, buildah, podman and runc; nothing is taken from a registry of images.  It takes
some minutes and gigabytes, so it is no part of ``make test``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.architecture.source import ROOT
from tests.builders.wheels import build_wheel
from tests.servers.ports import LOOPBACK, free_port, status_of, wait_until
from tests.servers.wire import Session, basic

BASE, IMAGE, NAME = "python-base", "tpi:trial", "tpi-trial"
PACKAGES = "python3,python3-venv,ca-certificates"
MACHINE = ("/etc/ssl/certs", "/etc/pip.conf", "/root/.config/pip", "/opt/wheels", "/usr/local/share/ca-certificates")
"""What of this machine the build may need to reach packages, as far as it is there."""
LOCKED_UP = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")


class Containers:
    """buildah and podman with a store of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = ("--storage-driver", "vfs", "--root", str(folder / "store"), "--runroot", str(folder / "run"))

    def command(self, tool: str, *arguments: str) -> list[str]:
        return [tool, *self._store, *arguments]

    def run(self, tool: str, *arguments: str) -> str:
        done = subprocess.run(self.command(tool, *arguments), cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout.strip()

    def make_base(self) -> None:
        archive = self.folder / "base.tar"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(archive)],
            check=True,
        )
        container = self.run("buildah", "from", "scratch")
        self.run("buildah", "add", "-q", container, str(archive), "/")
        self.run("buildah", "commit", "-q", "--rm", container, BASE)
        archive.unlink()

    def build(self) -> None:
        volumes = [part for path in MACHINE if Path(path).exists() for part in ("--volume", f"{path}:{path}:ro")]
        arguments = ("--isolation", "chroot", "--pull-never", "--network", "host", "--format", "docker", *volumes)
        base = ("--build-arg", f"BASE_IMAGE=localhost/{BASE}")
        self.run("buildah", "bud", *arguments, *base, "-f", "deploy/Dockerfile", "-t", IMAGE, ".")

    @contextmanager
    def running(self, port: int) -> Iterator[Path]:
        """The folder of the container's volume, while it runs."""
        volume = self.folder / "volume"
        volume.mkdir(mode=0o700)
        shutil.chown(volume, 10001, 10001)
        where = (
            "--name",
            NAME,
            "--network",
            "host",
            "-e",
            f"TPI_BIND={LOOPBACK}:{port}",
            "-v",
            f"{volume}:/var/lib/tpi",
        )
        how = ("--runtime", "runc", "--cgroup-manager", "cgroupfs", *LOCKED_UP, *LIMITS)
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                self.command("podman", "run", "--rm", *how, *where, f"localhost/{IMAGE}"), stdout=log, stderr=log
            )
        try:
            wait_until(lambda: status_of(port, "/readyz") == 200, 180, (self.folder / "log").read_text)
            yield volume
        finally:
            self.run("podman", "stop", "-t", "60", NAME)
            process.wait(60)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tpi-image-"))
    try:
        _try(Containers(folder))
    finally:
        shutil.rmtree(folder)


def _try(containers: Containers) -> None:
    containers.make_base()
    print("base made")
    containers.build()
    print("image built")
    port = free_port()
    with containers.running(port) as volume:
        _publish_and_fetch(port, (volume / "initial-token").read_text().strip())
        print("published and fetched")
        found = {}

        def is_healthy() -> bool:
            inside = containers.command("podman", "exec", NAME, "python", "manage.py", "doctor", "--json")
            done = subprocess.run(inside, capture_output=True, text=True, check=False)
            found.update(json.loads(done.stdout))
            return done.returncode == 0

        wait_until(is_healthy, 120, lambda: json.dumps(found, indent=1))
        who = containers.run("podman", "exec", NAME, "id", "-u")
        refused = subprocess.run(containers.command("podman", "exec", NAME, "touch", "/srv/tpi/x"), check=False)
        assert (who, refused.returncode) == ("10001", 1)
        print("healthy, not root, read-only")


def _publish_and_fetch(port: int, token: str) -> None:
    built = build_wheel("acme-image", "1.0")
    with Session(f"http://{LOOPBACK}:{port}", basic(token)) as session:
        assert session.upload(built).status == 200
        [file] = session.page("acme-image")["files"]
        assert session.download(file["url"]).body == built.content


if __name__ == "__main__":
    sys.exit(main())
