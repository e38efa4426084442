"""Two nodes behind HAProxy are stopped and started one after the other, and no client sees it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstall
from tests.functional.load import Load
from tests.functional.publishers import Twine, Uv
from tests.servers import inside, processes
from tests.servers.certificates import Authority
from tests.servers.cluster import Cluster
from tests.servers.daemons import program
from tests.servers.haproxy import rendered
from tests.servers.nginx_front import NginxFront
from tests.servers.ports import LOOPBACK, status_of, wait_until
from tests.servers.wire import Reply, Session, basic, form_body, upload_fields

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    settings = {"TPI_JOB_LEASE_SECONDS": "4", "TPI_DRAIN_SECONDS": "10", "TPI_LEAVE_SECONDS": "5"}
    with Cluster(settings=settings) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def owner(cluster: Cluster) -> Credentials:
    return Credentials(password=cluster.nodes[0].inside(inside.token))


def test_both_nodes_are_restarted_under_load(cluster: Cluster, owner: Credentials, tmp_path: Path) -> None:
    url, token = cluster.url, owner.password
    with Load() as load:
        load.uploads("upload", url, token)
        load.reads("read", url, "/simple/", token)
        load.reads_on_one_connection("read on one connection", url, "/simple/", token)
        load.publishes_and_installs(tmp_path, url, owner, Twine(), Pip())
        load.publishes_and_installs(tmp_path, url, owner, Uv(), UvInstall())
        load.wait_for_each(1)
        for number, node in enumerate(cluster.nodes):
            assert node.stop() == 0
            assert cluster.proxy.states()[f"node{number}"] == "DOWN"
            load.wait_for_each(1)
            node.start()
            cluster.proxy.wait_until(node0="UP", node1="UP")
            load.wait_for_each(1)
    assert load.broken == []
    assert set(load.statuses) == {200}, load.statuses
    assert [outcome.output for outcome in load.outcomes if outcome.code] == []


def test_who_is_under_way_comes_to_an_end(cluster: Cluster, owner: Credentials, tmp_path: Path) -> None:
    """A node that was told to stop is not ready at once, answers who comes all the same, and finishes what it has begun."""
    node = cluster.nodes[0]
    node.wait_until_job_cluster_runs()
    job = node.inside(inside.enqueue_a_slow_job, seconds=3.0)
    taken = "SELECT 1 FROM django_q_ormq WHERE lock > now()"
    wait_until(lambda: cluster.ask(taken) == ["1"], 30, lambda: "nobody takes the job")
    (path,) = build(tmp_path, fresh_name(), kinds="wheel").files
    body, content_type = form_body(upload_fields(built := Built(path.name, path.read_bytes())), built)
    with Session(node.url, basic(owner.password)) as slow:
        slow.connection.putrequest("POST", "/legacy/")
        for name, value in {**slow.headers, "Content-Type": content_type, "Content-Length": str(len(body))}.items():
            slow.connection.putheader(name, value)
        slow.connection.endheaders(body[:100])
        processes.kill(node.pid, signal.SIGTERM)
        wait_until(lambda: status_of(node.port, "/readyz") == 503, 30, lambda: "it is still ready")
        assert status_of(node.port, "/livez") == 200
        cluster.proxy.wait_until(node0="DOWN")
        wait_until(lambda: status_of(node.port, "/livez") is None, 60, lambda: "it does not leave")
        slow.connection.send(body[100:])
        answer = slow.connection.getresponse()
        assert Reply(answer.status, answer.reason, answer.headers, answer.read()).status == 200
    assert node.stop() == 0
    assert cluster.ask("SELECT count(*) FROM accounts_node WHERE left_at IS NOT NULL") == ["1"], "it has said goodbye"
    done = f"SELECT success, attempt_count FROM django_q_task WHERE id = '{job}'"
    wait_until(lambda: cluster.ask(done) == ["t|1"], 60, lambda: str(cluster.ask(done)))
    node.start()
    cluster.proxy.wait_until(node0="UP", node1="UP")


def test_nginx_passes_on_what_comes_and_leaves_out_who_is_away(
    cluster: Cluster, owner: Credentials, tmp_path: Path
) -> None:
    (path,) = build(tmp_path, fresh_name(), kinds="wheel", padding=os.urandom(3_000_000)).files
    built = Built(path.name, path.read_bytes())
    project = path.name.split("-")[0].replace("_", "-")
    with NginxFront([node.port for node in cluster.nodes]) as front, _session(front, owner) as session:
        cluster.nodes[0].stop()
        assert [session.get("/simple/").status for _ in range(4)] == [200] * 4
        assert session.upload(built).status == 200
        (file,) = session.page(project)["files"]
        assert session.download(file["url"]).body == built.content
        assert session.get("/metrics").status == 404
        forged = {"X-Forwarded-For": "203.0.113.9", "Authorization": basic("tpi_nonsense")["Authorization"]}
        assert session.get("/simple/", forged).status == 401
        cluster.nodes[1].stop()
        refused = session.get("/simple/")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    for node in cluster.nodes:
        node.start()
    seen = "SELECT DISTINCT address FROM accounts_auditentry WHERE address LIKE '203.%'"
    assert cluster.ask(seen) == [], "nobody is believed about their own address"


@contextmanager
def _session(front: NginxFront, owner: Credentials) -> Iterator[Session]:
    with Session(f"https://{LOOPBACK}:{front.port}", basic(owner.password)) as session:
        session.connection = http.client.HTTPSConnection(LOOPBACK, front.port, context=front.context, timeout=60)
        yield session
        session.connection.close()


def test_the_shipped_configurations_are_in_order(tmp_path: Path) -> None:
    made = Authority(tmp_path).issue("server", names=["tpi.example"])
    both = tmp_path / "tpi.pem"
    both.write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
    here = {"/etc/haproxy/tpi.pem": str(both), "/run/haproxy/admin.sock": str(tmp_path / "admin.sock")}
    nodes = {f"node{number}.tpi.example": LOOPBACK for number in (0, 1)}
    (tmp_path / "haproxy.cfg").write_text(rendered(here | nodes))
    checked = [program("haproxy"), "-c", "-f", str(tmp_path / "haproxy.cfg")]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    with closing(NginxFront([1, 2])) as front:
        done = subprocess.run(front.command("-t"), capture_output=True, text=True, check=False)
        assert (done.returncode, "warn" in done.stderr) == (0, False), done.stderr
