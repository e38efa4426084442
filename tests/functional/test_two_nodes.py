"""Two nodes behind HAProxy on one PostgreSQL, one Redis and one folder: what one does holds at the other at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.publishers import Twine
from tests.servers import inside
from tests.servers.cluster import Cluster
from tests.servers.ports import wait_until
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Reply, Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    settings = {"TPI_JOB_LEASE_SECONDS": "4", "TPI_DRAIN_SECONDS": "2"}
    with Cluster(settings=settings, from_nothing=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def owner(cluster: Cluster) -> Credentials:
    return Credentials(password=cluster.nodes[0].inside(inside.token))


class Browser:
    """Cookies and forms, at whichever node."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def ask(self, node: TpiServer, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
        """One request; what it sets is sent with the next, to any node."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if form is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": node.url}
            body = urlencode(form).encode()
        with Session(node.url, headers) as session:
            reply = session.request(method, path, body)
        for line in reply.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return reply

    def submit(self, shown_by: TpiServer, taken_by: TpiServer, path: str, act: str = "", **form: str) -> Reply:
        """A form that one node has shown at ``path``, sent to the other, there or at ``act``."""
        page = self.ask(shown_by, "GET", path)
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        assert found, (page.status, page.body[:500])
        return self.ask(taken_by, "POST", act or path, {"csrfmiddlewaretoken": found[1].decode(), **form})


def test_of_two_first_starts_at_once_one_makes_what_is_made_once(cluster: Cluster) -> None:
    assert not [log for log in cluster.first_logs if "starting it again" in log], "neither got into the other's way"
    assert cluster.ask("SELECT username FROM accounts_user WHERE is_superuser") == ["admin"]
    assert cluster.ask("SELECT count(*) FROM accounts_token WHERE name = 'first hour'") == ["1"]
    assert cluster.ask("SELECT name FROM indexapp_index") == ["main"]
    assert cluster.ask("SELECT name FROM django_q_schedule GROUP BY name HAVING count(*) > 1") == []
    assert sorted((node.data / "initial-token").exists() for node in cluster.nodes) == [False, True]


def test_a_second_preparation_of_both_at_once_changes_nothing(cluster: Cluster) -> None:
    counted = "SELECT (SELECT count(*) FROM accounts_token), (SELECT count(*) FROM django_q_schedule)"
    before = cluster.ask(counted)
    runs = [
        subprocess.Popen(
            [sys.executable, "manage.py", "prepare"],
            cwd=ROOT,
            env=node.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for node in cluster.nodes
    ]
    assert [(run.communicate()[1], run.returncode) for run in runs] == [(b"", 0)] * 2
    assert cluster.ask(counted) == before


def test_what_is_published_through_the_proxy_installs_through_it(
    cluster: Cluster, owner: Credentials, home: Home, tmp_path: Path
) -> None:
    before = cluster.proxy.requests()
    artefact = build(tmp_path, fresh_name(), padding=os.urandom(300_000))
    Twine().publish(home, artefact, f"{cluster.url}/legacy/", owner).require_success()
    outcome, found = Pip().install(home, [artefact.name], f"{cluster.url}/simple/", owner)
    outcome.require_success()
    assert found == {artefact.name: "1.0"}
    for node in cluster.nodes:
        with Session(node.url, basic(owner.password)) as session:
            for file in session.page(artefact.name)["files"]:
                (path,) = [path for path in artefact.files if path.name == file["filename"]]
                assert session.download(file["url"]).body == path.read_bytes()
    assert all(now > before[name] for name, now in cluster.proxy.requests().items()), "both nodes have worked"


def test_a_page_that_one_node_changes_is_new_at_the_other_at_once(
    cluster: Cluster, owner: Credentials, tmp_path: Path
) -> None:
    name = fresh_name()
    with (
        Session(cluster.nodes[0].url, basic(owner.password)) as a,
        Session(cluster.nodes[1].url, basic(owner.password)) as b,
    ):
        for number in range(10):
            one, other = (a, b) if number % 2 else (b, a)
            if number:
                assert len(other.listed(name)) == number  # now it is remembered there
            artefact = build(tmp_path, name, f"1.{number}", kinds="wheel")
            (path,) = artefact.files
            assert one.upload(_built(path)).status == 200
            assert len(other.listed(name)) == number + 1


def _built(path: Path) -> Built:
    return Built(path.name, path.read_bytes())


def test_the_same_file_at_both_at_the_same_moment_is_there_once(
    cluster: Cluster,
    owner: Credentials,
    tmp_path: Path,
    together: Callable[[Sequence[Callable[[], Reply]]], list[Reply]],
) -> None:
    (path,) = build(tmp_path, fresh_name(), kinds="wheel").files

    def upload(node: TpiServer) -> Reply:
        with Session(node.url, basic(owner.password)) as session:
            return session.upload(_built(path))

    replies = together([lambda node=node: upload(node) for node in cluster.nodes])  # type: ignore[misc]
    assert {reply.status for reply in replies} <= {200, 503}
    assert 200 in {reply.status for reply in replies}
    assert cluster.ask(f"SELECT count(*) FROM indexapp_file WHERE filename = '{path.name}'") == ["1"]


def test_a_session_that_one_node_began_holds_and_ends_at_the_other(cluster: Cluster) -> None:
    a, b = cluster.nodes
    browser = Browser()
    reply = browser.submit(a, b, "/account/sign-in/", username="admin", password=_PASSWORD)
    assert reply.status == 302, reply.body[:300]
    assert [browser.ask(node, "GET", "/account/profile/").status for node in (a, b, a)] == [200] * 3
    kept = dict(browser.cookies)
    assert browser.submit(a, b, "/account/profile/", act="/account/sign-out/").status == 302
    browser.cookies = kept
    assert [browser.ask(node, "GET", "/account/profile/").status for node in (a, b)] == [302] * 2


def test_a_revoked_token_and_a_changed_password_are_refused_by_the_other_at_once(cluster: Cluster) -> None:
    a, b = cluster.nodes
    a.inside(inside.user, name="mia", password=_PASSWORD)
    a.inside(inside.grant, user="mia", index="main", verbs=["read"])
    token = a.inside(inside.token, user="mia", verbs=["read"])
    with Session(b.url, basic(token)) as by_token, Session(b.url, basic(_PASSWORD, "mia")) as by_password:
        assert [by_token.get("/api/v1/").status, by_password.get("/simple/").status] == [200, 200]
        a.inside(inside.set_password, name="mia", password="another long password")
        assert by_password.get("/simple/").status == 401
        a.inside(inside.disable, name="mia")
        assert by_token.get("/api/v1/").status == 401


def test_read_only_mode_holds_at_both_within_a_second(cluster: Cluster, owner: Credentials, tmp_path: Path) -> None:
    artefact = build(tmp_path, fresh_name(), kinds="wheel")
    (path,) = artefact.files
    cluster.nodes[0].inside(inside.read_only, is_on=True)
    try:
        for node in cluster.nodes:
            with Session(node.url, basic(owner.password)) as session:
                wait_until(lambda: session.request("DELETE", "/legacy/").status == 503, 30, lambda: "it takes changes")
                refused = session.upload(_built(path))
                assert (refused.status, refused.json()["code"], refused.headers["Retry-After"]) == (
                    503,
                    "read-only",
                    "60",
                )
                assert session.get("/simple/").status == 200
        assert cluster.ask(f"SELECT count(*) FROM indexapp_file WHERE filename = '{path.name}'") == ["0"]
    finally:
        cluster.nodes[1].inside(inside.read_only, is_on=False)
    for node in cluster.nodes:
        with Session(node.url, basic(owner.password)) as session:
            wait_until(lambda: session.upload(_built(path)).status == 200, 30, lambda: "it is still read-only")


def test_a_node_whose_secrets_are_others_does_not_start(cluster: Cluster) -> None:
    with closing(
        TpiServer(settings=cluster.nodes[0].settings | {"TPI_TOKEN_PEPPER": "x9" * 8 + "a7bcdefghijk" * 3})
    ) as node:
        node.start_without_waiting()
        wait_until(lambda: not node.is_supervised, 60, lambda: f"it starts:\n{node.log[-2000:]}")
        assert "This node's TPI_TOKEN_PEPPER is not that of the installation" in node.log
        assert "Traceback" not in node.log
    assert cluster.ask("SELECT count(*) FROM accounts_node WHERE left_at IS NULL") == ["2"]


def test_each_node_serves_the_static_files_of_the_other_s_pages(cluster: Cluster) -> None:
    a, b = cluster.nodes
    with Session(a.url) as one, Session(b.url) as other:
        found = set(re.findall(rb'(?:href|src)="(/static/[^"]+)"', one.get("/account/sign-in/").body))
        assert found
        assert {other.get(path.decode()).status for path in found} == {200}


def test_every_job_runs_once_over_both_clusters(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.wait_until_job_cluster_runs()
    jobs = cluster.nodes[0].inside(inside.enqueue_jobs, count=40)
    done = "SELECT count(*), count(DISTINCT id) FROM django_q_task WHERE func = 'math.sqrt' AND \"group\" IS NULL"
    waiting = "SELECT count(*) FROM django_q_ormq"
    wait_until(lambda: cluster.ask(waiting) == ["0"], 60, lambda: str(cluster.ask(done)))
    assert cluster.ask(done) == [f"{len(jobs)}|{len(jobs)}"]
    assert cluster.ask("SELECT DISTINCT attempt_count FROM django_q_task WHERE func = 'math.sqrt'") == ["1"], "at once"


def test_a_schedule_that_is_due_makes_one_job_each_time(cluster: Cluster) -> None:
    """Two schedulers at the same moment, and now and then those of the nodes."""
    cluster.nodes[0].inside(inside.schedule_at_once, rounds=20)
    wait_until(lambda: cluster.ask("SELECT count(*) FROM django_q_ormq") == ["0"], 60, lambda: "jobs wait")
    assert cluster.ask("SELECT count(*) FROM django_q_task WHERE \"group\" = 'race'") == ["20"]


def test_a_job_whose_cluster_is_killed_is_taken_up_again(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.wait_until_job_cluster_runs()
    job = cluster.nodes[0].inside(inside.enqueue_a_slow_job, seconds=25.0)
    taken = "SELECT 1 FROM django_q_ormq WHERE lock > now()"
    wait_until(lambda: cluster.ask(taken) == ["1"], 30, lambda: "nobody takes the job")
    for node in cluster.nodes:
        node.kill("jobs")
    done = f"SELECT success, attempt_count FROM django_q_task WHERE id = '{job}'"
    assert cluster.ask(done) == []
    wait_until(lambda: cluster.ask(done) != [], 120, lambda: "nobody takes the job up again")
    assert cluster.ask(done) == ["t|1"]
    wait_until(lambda: cluster.ask("SELECT count(*) FROM django_q_ormq") == ["0"], 30, lambda: "it is still there")


def test_the_audit_chain_of_both_is_one_and_whole(cluster: Cluster) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"],
        cwd=ROOT,
        env=cluster.nodes[1].environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_redis_packages_are_read_and_published(cluster: Cluster, owner: Credentials, tmp_path: Path) -> None:
    name = fresh_name()
    (path,) = build(tmp_path, name, kinds="wheel").files
    cluster.redis.stop(9)
    try:
        for node in cluster.nodes:
            with Session(node.url, basic(owner.password)) as session:
                assert session.get("/readyz").status == 200
                assert session.get("/readyz").json()["parts"]["cache"] == "The shared cache cannot be reached."
        with Session(cluster.url, basic(owner.password)) as session:
            assert session.upload(_built(path)).status == 200
            assert len(session.listed(name)) == 1
    finally:
        cluster.redis.start()


def test_a_node_that_is_killed_is_left_out_and_comes_back(cluster: Cluster, owner: Credentials) -> None:
    victim = cluster.nodes[0]
    victim.kill("supervisor")
    cluster.proxy.wait_until(node0="DOWN")
    with Session(cluster.url, basic(owner.password)) as session:
        assert {session.get("/simple/").status for _ in range(10)} == {200}
    victim.start()
    cluster.proxy.wait_until(node0="UP")
