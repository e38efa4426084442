"""Nobody takes over, or keeps an upload out, in the name of somebody else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest

from indexapp.domain.replication import takeovers as proofs
from indexapp.models import Fence, Index, Replica
from indexapp.services.replication import epochs, heirs
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import multipart
from tests.factories.replication import make_replica
from tests.servers.ports import LOOPBACK
from tests.servers.threaded import Threaded
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SITE, OTHER = uuid4(), uuid4()


class Answering(Threaded):
    """A replica that proves what it knows, and says what it likes."""

    def __init__(self, digest: str, told: Callable[[], dict[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = told()
                proof = proofs.answering(digest, asked["nonce"], said)
                body = json.dumps({"said": said, "proof": proof}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        server = HTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{server.server_port}/"
        self._listen(server)


@pytest.mark.parametrize(("site", "is_believed"), [(SITE, True), (OTHER, False)])
def test_a_replica_says_of_itself_alone_that_it_took_over(
    main: Index, settings: Any, site: UUID, is_believed: bool
) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    row = make_replica(site=SITE, may_take_over=True)
    make_replica("other", site=OTHER)
    claim = {
        "site": str(site),
        "url": "https://far.example/",
        "epoch": str(uuid4()),
        "began_after": 0,
        "is_final": True,
    }
    said = {"site": str(SITE), "former": str(epochs.site()), "claim": claim}
    with Answering(row.digest, lambda: said) as far:
        Replica.objects.filter(pk=row.pk).update(url=far.url)
        row.refresh_from_db()
        assert heirs.ask(row) is is_believed
    assert Fence.objects.exists() is is_believed


def test_a_key_of_other_bytes_keeps_nobody_out(main: Index, cast: Cast, machine: WsgiClient) -> None:
    Index.objects.filter(pk=main.pk).update(profile=Index.Profile.SNAPSHOT)
    site, uploader = str(uuid4()), machine.signed(cast.bearer("uploader"))
    mine, forged = build_wheel(), build_wheel(files={"acme_tool/__init__.py": b"other"})

    def post(content: Built, key: str) -> Answer:
        body, content_type = multipart(content)
        headers = {"Content_Type": content_type, "X_TPI_Relay": site, "Idempotency_Key": key}
        return uploader.post("/legacy/", body, **headers)

    def key_of(content: Built) -> str:
        sha256 = hashlib.sha256(content.content).hexdigest()
        return hashlib.sha256(f"{site}\0{main.name}\0{content.filename}\0{sha256}".encode()).hexdigest()

    assert post(forged, key_of(mine)).status == 200, "who may upload says that it is the other's file"
    assert post(mine, key_of(mine)).status == 200
    assert post(forged, key_of(forged)).status == 200
    assert post(mine, key_of(mine)).code == "upload-repeated", "it was taken a moment ago, and replaced"
