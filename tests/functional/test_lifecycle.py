"""Starting, stopping and violent ends of the installation's processes."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import inside, processes
from tests.servers.ports import status_of, wait_until
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session, basic
from tests.soak import kills, traffic
from tests.soak.cargo import Cargo

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("lifecycle")]


@pytest.fixture(scope="module")
def installation() -> Iterator[TpiServer]:
    """One that only these tests use, because they end its processes; its first start has nothing to begin with."""
    with TpiServer(from_nothing=True) as server:
        yield server


@pytest.fixture
def running(installation: TpiServer) -> TpiServer:
    """The installation, whole."""
    if not installation.is_supervised:
        installation.start()
    installation.wait_until_whole()
    return installation


def all_gone(pids: list[int]) -> bool:
    return not any(processes.is_running(pid) for pid in pids)


def test_a_killed_supervisor_takes_everything_along_and_a_restart_works_at_once(running: TpiServer) -> None:
    before = [member.pid for member in running.members()]
    assert len(before) >= 9
    running.kill("supervisor")
    running.start_without_waiting()
    running.wait_until_whole()
    wait_until(lambda: all_gone(before), 30, lambda: "processes of the killed installation live on")
    assert "Address already in use" not in running.log


def test_an_upload_that_outlives_its_supervisor_finds_the_folder_of_the_counters(running: TpiServer) -> None:
    built = Cargo("outliving", "1.0", 500_000).build()
    half_sent, told = threading.Event(), threading.Event()
    earlier = running.counters()
    [mine] = [name for name in earlier if name.startswith(f"tpi-metrics-{running.pid}-")]
    with Session(running.url, basic(running.token)) as session:
        sender = threading.Thread(target=traffic.send_in_halves, args=(session, built, half_sent, told))
        sender.start()
        half_sent.wait()
        running.kill("supervisor")
        running.start_without_waiting()
        try:
            wait_until(
                lambda: bool(running.counters() - earlier), 60, lambda: f"nothing starts:\n{running.log[-3000:]}"
            )
            assert mine in running.counters(), "the next supervisor took the folder away"
        finally:
            told.set()
            sender.join()
        assert session.connection.getresponse().status == 200
    running.wait_until_whole()
    running.stop()
    assert running.counters() == set()


@pytest.mark.parametrize("role", ["master", "worker", "jobs", "job process"])
def test_a_killed_process_is_replaced_with_all_that_hung_on_it(running: TpiServer, role: str) -> None:
    members = running.members()
    victim = running.kill(role)
    hung_on_it = [victim.pid]
    if role == "master":
        hung_on_it += [member.pid for member in members if member.role == "worker"]
    if role in ("jobs", "job process"):
        hung_on_it += [member.pid for member in members if member.role in ("jobs", "job process")]
    wait_until(lambda: all_gone(hung_on_it), 30, lambda: f"{hung_on_it} live on after the {role} was killed")
    running.wait_until_whole()


def test_jobs_run_after_a_process_of_the_cluster_was_killed(running: TpiServer) -> None:
    for process in [member for member in running.members() if member.role == "job process"]:
        running.kill_member(process)
    running.wait_until_whole()
    job = running.inside(inside.enqueue_a_job)
    wait_until(
        lambda: running.inside(inside.job_has_run, job=job), 60, lambda: f"no job is run:\n{running.log[-3000:]}"
    )


def test_a_job_cluster_that_is_told_to_stop_again_and_again_ends_all_the_same(running: TpiServer) -> None:
    """Whether it works or is starting; a signal in the handler of another one must wait for nothing that one holds."""
    for _ in range(3):
        cluster = running.wait_for("jobs")
        for _ in range(20):
            processes.kill(cluster.pid, signal.SIGTERM)
        wait_until(lambda: not processes.is_running(cluster.pid), 60, lambda: f"it goes on:\n{running.log[-3000:]}")
    running.wait_until_whole()


def test_uploads_survive_kills_at_random_moments() -> None:
    assert kills.run(kills=10, clients=3, seed=int(time.time())) == []


def test_traffic_of_many_clients_sees_no_fault() -> None:
    assert traffic.run(seconds=8, clients=6, tools=1) == []


def test_sigterm_finishes_what_is_under_way_and_takes_in_nothing_new(running: TpiServer) -> None:
    built = Cargo("under-way", "1.0", 500_000).build()
    half_sent, told = threading.Event(), threading.Event()
    pids = [member.pid for member in running.members()]
    with Session(running.url, basic(running.token)) as session:
        sender = threading.Thread(target=traffic.send_in_halves, args=(session, built, half_sent, told))
        sender.start()
        half_sent.wait()
        stopper = threading.Thread(target=running.stop)
        stopper.start()
        wait_until(lambda: status_of(running.port, "/livez") is None, 60, lambda: "still takes in new requests")
        told.set()
        sender.join()
        assert session.connection.getresponse().status == 200
    stopper.join()
    assert all_gone(pids)
    running.start()
    with Session(running.url, basic(running.token)) as session:
        (file,) = session.page("under-way")["files"]
        assert session.download(file["url"]).body == built.content


def test_ctrl_c_stops_everything_with_exit_code_0(running: TpiServer) -> None:
    pids = [member.pid for member in running.members()]
    processes.kill(running.pid, signal.SIGINT)
    wait_until(lambda: not running.is_supervised, 90, lambda: "does not end")
    assert running.stop() == 0
    assert all_gone(pids)


def test_a_second_start_keeps_secrets_and_content(running: TpiServer) -> None:
    kept = {
        name: (running.data / name).read_bytes()
        for name in ("secret-key", "token-pepper", "initial-token", "audit-key")
    }
    built = Cargo("kept", "1.0", 1_000).build()
    with Session(running.url, basic(running.token)) as session:
        assert session.upload(built).status == 200
    running.stop()
    running.start()
    assert {name: (running.data / name).read_bytes() for name in kept} == kept
    assert all((running.data / name).stat().st_mode & 0o777 == 0o600 for name in kept)
    with Session(running.url, basic(running.token)) as session:
        assert session.listed("kept") == {built.filename: hashlib.sha256(built.content).hexdigest()}


def test_an_interrupted_test_run_leaves_neither_process_nor_folder(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom tests.servers.tpi import TpiServer\n"
        "with TpiServer() as server:\n    print(server.pid, server.folder, flush=True)\n    time.sleep(600)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pid, folder = run.stdout.readline().split()
    run.kill()
    run.wait()
    run.stdout.close()
    wait_until(lambda: all_gone([int(pid)]) and not Path(folder).exists(), 60, lambda: f"{pid} or {folder} is left")
