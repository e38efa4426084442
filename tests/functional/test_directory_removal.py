"""A directory is deleted over the REST API of a running installation, whose job cluster does the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.directory_values import slapd_values
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Reply, Session, basic

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("directory removal")]
_ROOT = "/api/v1"


def _send(session: Session, method: str, path: str, body: Any = None) -> Reply:
    content = None if body is None else json.dumps(body).encode()
    return session.request(method, _ROOT + path, content, {"Content-Type": "application/json"})


def test_a_directory_goes_by_a_job_and_comes_back_with_its_people(slapd: Slapd) -> None:
    with TpiServer() as server, Session(server.url, basic(server.password, "admin")) as root:
        values = {"name": "corp", **slapd_values(slapd)}
        assert _send(root, "POST", "/directories/", values).status == 201
        person = basic(slapd.password_of("alice"), "alice")
        with Session(server.url, person) as alice:
            token = _send(alice, "POST", "/tokens/", {"name": "mine", "verbs": ["read"]}).json()["token"]
        with Session(server.url, basic(token)) as by_token, Session(server.url, person) as by_password:
            assert by_token.get(f"{_ROOT}/tokens/").status == 200

            going = _send(root, "DELETE", "/directories/corp/")

            assert (going.status, going.json()["removal"]["people"]) == (202, 1)
            assert by_token.get(f"{_ROOT}/tokens/").status == 401
            assert by_password.get(f"{_ROOT}/tokens/").status == 401
            wait_until(
                lambda: _send(root, "GET", "/directories/corp/").status == 404,
                60,
                lambda: f"the job does not come:\n{server.log[-3000:]}",
            )
            assert _send(root, "GET", "/users/alice/").json()["is_active"] is False

            assert _send(root, "POST", "/directories/", values | {"name": "again"}).status == 201
            wait_until(
                lambda: by_password.get(f"{_ROOT}/tokens/").status == 200, 30, lambda: "she does not come in again"
            )
            assert _send(root, "GET", "/users/alice/").json()["is_active"] is True
            assert by_token.get(f"{_ROOT}/tokens/").status == 401, "what was revoked stays revoked"
