"""Ceph's object gateway, a real S3 server: one monitor, one OSD in memory and radosgw, on loopback ports of their own.

Nothing is kept on the disk, and nothing is replicated; signatures, conditions, ranges and parts are those of production.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import boto3
from botocore.config import Config

from tests.servers import processes
from tests.servers.caretaker import Caretaker
from tests.servers.ports import LOOPBACK, free_port, status_of, wait_until

ACCESS_KEY, SECRET_KEY = "AKTPI", "the secret of the tests' bucket"

_START_SECONDS = 90
_OSD_STARTS = 5
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon_port}
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}/run
log file = {folder}/$name.log
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
ms bind ipv4 = true
ms bind msgr2 = false
crash dir = {folder}/run
keyring = {folder}/keyring
[mon.a]
host = localhost
mon data = {folder}/mon
mon addr = v1:127.0.0.1:{mon_port}
mon data avail crit = 1
[osd.0]
host = localhost
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {room}
osd memory target = 939524096
public addr = 127.0.0.1
cluster addr = 127.0.0.1
[client.rgw.a]
host = localhost
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw thread pool size = 32
rgw enable usage log = false
rgw zone root pool = .rgw.root
"""


class Ceph:
    """A context manager; the server runs inside, and takes nothing more when it holds ``gigabytes``."""

    def __init__(self, *, gigabytes: int = 1) -> None:
        self._room = gigabytes * 2**30
        self._folder = Path(tempfile.mkdtemp(prefix="tpi-ceph-"))
        self._caretaker = Caretaker()
        self._caretaker.folder(self._folder)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._port = free_port()
        self.endpoint = f"http://{LOOPBACK}:{self._port}"
        for name in ("mon", "osd", "run", "rgw"):
            (self._folder / name).mkdir()

    def __enter__(self) -> Self:
        try:
            self._make_cluster()
            self.restart()
            self._admin(
                "radosgw-admin",
                "user",
                "create",
                "--uid=tpi",
                "--display-name=tpi",
                f"--access-key={ACCESS_KEY}",
                f"--secret-key={SECRET_KEY}",
            )
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs and remove the folder."""
        try:
            for name in reversed([*self._running]):
                self._end(name)
        finally:
            self._caretaker.dismiss()
            shutil.rmtree(self._folder, ignore_errors=True)

    def reset(self) -> None:
        """Running, and going on."""
        if "rgw" in self._running:
            self.resume()
        else:
            self.restart()

    def client(self) -> Any:
        """A client of boto3, as the owner of the buckets."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"tpi-{uuid.uuid4().hex[:20]}"
        self.client().create_bucket(Bucket=name)
        return name

    def address(self, bucket: str, **options: str) -> str:
        """The address of a bucket, with a folder in it, as ``TPI_STORAGE_URL`` takes it."""
        return f"s3://{bucket}/files?" + urlencode(
            {"endpoint_url": self.endpoint, "region_name": "us-east-1", "addressing_style": "path", **options}
        )

    def pause(self) -> None:
        """Connections are still taken by the kernel, and nothing answers until ``resume``."""
        processes.pause(self._running["rgw"].pid)

    def resume(self) -> None:
        """Answer again, first what was asked meanwhile."""
        processes.kill(self._running["rgw"].pid, signal.SIGCONT)

    def stop(self) -> None:
        """Nobody listens any more; ``restart`` brings the server back with what it holds.

        In order: where a gateway was killed the next one waits half a minute for it before it makes a bucket.
        """
        process = self._running.get("rgw")
        if process is not None:
            self.resume()
            processes.kill(process.pid, signal.SIGTERM)
            process.wait(_START_SECONDS)
            self._end("rgw")

    def restart(self) -> None:
        """Start the gateway; what it holds is in the OSD."""
        self.stop()
        self._start("rgw", "radosgw", "-n", "client.rgw.a", "-f")
        wait_until(self._answers, _START_SECONDS, lambda: self._tail("rgw"))

    def _answers(self) -> bool:
        assert self._running["rgw"].poll() is None, self._tail("rgw")
        return status_of(self._port, "/") is not None

    def _make_cluster(self) -> None:
        fsid, mon_port = uuid.uuid4(), free_port()
        text = _CONFIGURATION.format(
            fsid=fsid, mon_port=mon_port, folder=self._folder, port=self._port, room=self._room
        )
        (self._folder / "ceph.conf").write_text(text)
        monitors = f"{self._folder}/monmap"
        place = f"[v1:{LOOPBACK}:{mon_port}]"
        self._admin("monmaptool", "--create", "--clobber", "--addv", "a", place, "--fsid", str(fsid), monitors)
        self._admin("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitors)
        self._start("mon", "ceph-mon", "-i", "a", "-f")
        osd = str(uuid.uuid4())
        wait_until(lambda: self._takes_commands(osd), _START_SECONDS, lambda: self._tail("mon"))
        self._admin("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._start_osd()

    def _takes_commands(self, osd: str) -> bool:
        """A monitor that has just started refuses some of what it is asked; the OSD's number is made once."""
        return self._run("ceph", "--connect-timeout", "5", "osd", "new", osd).returncode == 0

    def _start_osd(self) -> None:
        """An OSD in memory dies at some of its starts, before it is in the map."""
        for _ in range(_OSD_STARTS):
            self._start("osd", "ceph-osd", "-i", "0", "-f")
            wait_until(self._osd_is_settled, _START_SECONDS, lambda: self._tail("osd"))
            if self._running["osd"].poll() is None:
                return
            self._end("osd")
        raise AssertionError(self._tail("osd"))

    def _osd_is_settled(self) -> bool:
        return self._running["osd"].poll() is not None or "1 up" in self._run("ceph", "osd", "stat").stdout

    def _environment(self) -> dict[str, str]:
        path = f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin"
        return {"PATH": path, "CEPH_CONF": str(self._folder / "ceph.conf"), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=self._environment()["PATH"])
        assert found, f"{name} is missing; run 'make test', which installs it"
        return found

    def _admin(self, program: str, *arguments: str) -> None:
        done = self._run(program, *arguments)
        assert done.returncode == 0, f"{program} {arguments[0]}:\n{done.stdout}{done.stderr}"

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program(program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=self._environment(),
            timeout=_START_SECONDS,
        )

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self._folder / f"{name}.out").open("ab") as log:
            process = subprocess.Popen(
                [self._program(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._environment(),
                start_new_session=True,
            )
        self._running[name] = process
        self._caretaker.process(process.pid)

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is not None:
            processes.kill(process.pid)  # what they hold is in memory or goes with the folder
            process.wait()
            self._caretaker.forget(process.pid)

    def _tail(self, name: str) -> str:
        return f"{name}:\n" + (self._folder / f"{name}.out").read_text(errors="replace")[-4000:]
