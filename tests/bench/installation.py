"""A throw-away installation of the product, and reference B beside it."""

from __future__ import annotations

import http.client
import pickle
import subprocess
from http import HTTPStatus
from pathlib import Path

from tests.bench import corpus, machine
from tests.bench.corpus import Shape
from tests.bench.databases import Database, PostgresDatabase, SqliteDatabase
from tests.bench.keepalive import Keepalive
from tests.bench.load import basic
from tests.bench.processes import PYTHON, ROOT, Server, free_port, python_environment
from tests.bench.reference import Answers
from tests.bench.upload_forms import digest_of, form_around, upload_head


class Installation:
    """A data folder with its environment, a user's token, and the server on it."""

    def __init__(self, folder: Path, name: str, *shapes: Shape, pinned: bool = True, **settings: str) -> None:
        self.shapes = shapes
        self.folder = folder / name
        self.data = self.folder / "data"
        self.data.mkdir(parents=True)
        self.port = free_port()
        cpus = machine.server_cpus() if pinned else machine.cpus()
        self.environment = python_environment(
            folder,
            TPI_DATA_DIR=str(self.data),
            TPI_BIND=f"127.0.0.1:{self.port}",
            TPI_WORKERS=str(len(cpus)),
            DJANGO_SETTINGS_MODULE="tpi_site.settings.base",
            **settings,
        )
        self._run("manage.py", "prepare")
        self.authorization = basic("__token__", self._run("-m", "tests.bench.people").strip())
        url = settings.get("TPI_DATABASE_URL")
        self.database: Database = PostgresDatabase(url) if url else SqliteDatabase(self.data / "tpi.sqlite3")
        corpus.seed(self.database, *shapes)
        self._cpus = cpus
        self.server = self._server(self.port, self.environment)

    def _server(self, port: int, environment: dict[str, str]) -> Server:
        return Server(
            "the index",
            [PYTHON, "-m", "tpi_site.serve"],
            port=port,
            log=self.folder / "server.log",
            environment=environment,
            cpus=self._cpus,
            ready_path="/simple/",
        )

    def other_server(self, **settings: str) -> Server:
        """The same installation with other settings, on a port of its own; run one server at a time."""
        port = free_port()
        return self._server(port, {**self.environment, "TPI_BIND": f"127.0.0.1:{port}", **settings})

    @property
    def files(self) -> int:
        """How many files were seeded."""
        return sum(shape.projects * shape.files for shape in self.shapes)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [PYTHON, *arguments], cwd=ROOT, env=self.environment, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    def inside(self, module: str, *arguments: str) -> str:
        """What a module says that runs with the installation's settings."""
        return self._run("-m", module, *arguments)

    def touch(self, project: str, **options: str) -> None:
        """Let the project have changed; see :func:`tests.bench.corpus.touch`."""
        corpus.touch(self.database, project, **options)

    def file_path(self, filename: str) -> str:
        """The address of a published file."""
        with self.database.working() as work:
            index, sha256 = work.row(
                "SELECT i.name, f.sha256 FROM indexapp_file f JOIN indexapp_index i ON i.id = f.index_id"
                " WHERE f.filename = ?",
                filename,
            )
        return f"/{index}/files/{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{filename}"

    def publish(self, wheel: Path, port: int) -> None:
        """Upload a wheel of any size to one of its servers."""
        before, after = form_around(wheel.name, digest_of(wheel))
        length = len(before) + wheel.stat().st_size + len(after)
        with Keepalive(port) as client, wheel.open("rb") as file:
            client.send(upload_head(self.authorization, length), before, file, after)

    def blob(self, filename: str) -> Path:
        """Where the bytes of a published file lie, if they are not sealed."""
        first, second, rest = self.file_path(filename).split("/")[3:6]
        return self.blobs / first / (second + rest)

    @property
    def blobs(self) -> Path:
        """The folder of the storage's files."""
        return self.data / "files" / "blobs"


class Reference:
    """Reference B with answers recorded from the product."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        self._answers: Answers = {}
        self._source = installation.port
        self._file = folder / "reference.pickle"
        self.port = free_port()
        self.server = Server(
            "reference B",
            [PYTHON, "-m", "gunicorn", "-c", "tests/bench/reference_gunicorn.py"],
            port=self.port,
            log=folder / "reference.log",
            environment={
                **installation.environment,
                "TPI_BIND": f"127.0.0.1:{self.port}",
                "BENCH_REFERENCE": str(self._file),
            },
            cpus=machine.server_cpus(),
            ready_path="/ready",
        )

    def record(self, request: bytes, *, bytes_at: Path | None = None) -> bytes:
        """Take the product's answer to ``request`` and return the request that makes B give the same.

        It differs in the path alone, because B looks at nothing else.  With ``bytes_at`` the body is that file.
        """
        status, headers, body = get_bytes(self._source, request)
        if status not in {200, 304}:
            raise RuntimeError(f"The index answered {status}: {body[:300]!r}")
        kept = [pair for pair in headers if pair[0].lower() not in {"server", "date", "connection"}]
        path = f"/b/{len(self._answers)}"
        self._answers[path] = (f"{status} {HTTPStatus(status).phrase}", kept, str(bytes_at) if bytes_at else body)
        method, _, rest = request.split(b" ", 2)
        return b" ".join([method, path.encode(), rest])

    def write(self) -> None:
        """Write the answers down for the server that is about to start."""
        self._answers["/ready"] = ("200 OK", [("Content-Length", "0")], b"")
        self._file.write_bytes(pickle.dumps(self._answers))


def _parsed(request: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = request.decode().split("\r\n")
    return first.split(" ")[1], dict(line.split(": ", 1) for line in lines if line)


def get_bytes(port: int, request: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request on a connection of its own: status, headers and body."""
    path, headers = _parsed(request)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()
