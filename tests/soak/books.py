"""Whether what an installation shows, keeps and remembers agrees with what clients sent it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence

from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic
from tests.soak.cargo import Cargo

_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def check_books(server: TpiServer, token: str, acknowledged: Sequence[Cargo], unsure: Sequence[Cargo]) -> list[str]:
    """Look at every page and file, repeat every upload, and look again; returns what is wrong."""
    with Session(server.url, basic(token)) as session:
        wrong = list(_shown(session, acknowledged, unsure))
        for cargo in (*acknowledged, *unsure):
            reply = session.upload(cargo.build())
            if reply.status != 200:
                wrong.append(f"repeating {cargo.filename} is answered {reply.status} {reply.reason}")
        wrong += _shown(session, [*acknowledged, *unsure], [])
    return wrong + list(_kept(server))


def _shown(session: Session, wanted: Sequence[Cargo], possible: Sequence[Cargo]) -> Iterator[str]:
    """Each wanted file is listed; each listed file is one that was sent, and comes with the bytes that were sent."""
    sent = {cargo.filename: cargo for cargo in (*wanted, *possible)}
    missing = {cargo.filename for cargo in wanted}
    for project in session.get("/simple/", _JSON).json()["projects"]:
        for file in session.page(project["name"])["files"]:
            missing.discard(file["filename"])
            yield from _sound(session, file, sent)
    yield from (f"{filename} was acknowledged and is not listed" for filename in sorted(missing))


def _sound(session: Session, file: dict[str, object], sent: dict[str, Cargo]) -> Iterator[str]:
    name = str(file["filename"])
    if name not in sent:
        yield f"{name} is listed and was never sent"
        return
    reply = session.download(str(file["url"]))
    digest = hashlib.sha256(reply.body).hexdigest()
    if (reply.status, digest, file["hashes"]) != (200, sent[name].sha256, {"sha256": sent[name].sha256}):
        yield f"{name} comes with {reply.status} and other bytes than were sent"
    metadata = session.download(f"{file['url']}.metadata")
    if {"sha256": hashlib.sha256(metadata.body).hexdigest()} != file["core-metadata"]:
        yield f"{name} has another metadata file than its page says"


def _kept(server: TpiServer) -> Iterator[str]:
    """The database is whole, and rows and bytes are the same set: each upload was repeated, so no orphan is left."""
    with sqlite3.connect(server.data / "tpi.sqlite3") as database:
        if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            yield "the database is damaged"
        if database.execute("PRAGMA foreign_key_check").fetchall():
            yield "a row refers to one that is not there"
        rows = {row[0].replace("/", "") for row in database.execute("SELECT object_name FROM indexapp_blob")}
        releases = "SELECT COUNT(*) FROM indexapp_release r WHERE NOT EXISTS (SELECT 1 FROM indexapp_file f WHERE f.release_id = r.id)"
        if database.execute(releases).fetchone() != (0,):
            yield "a release has no file"
    database.close()
    blobs = server.blobs()
    yield from (f"blob {name} has no row" for name in sorted(blobs - rows))
    yield from (f"blob {name} has a row and no bytes" for name in sorted(rows - blobs))
