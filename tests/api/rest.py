"""JSON over the in-process client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.wsgi_client import Answer, WsgiClient

ROOT = "/api/v1/"


@dataclass(frozen=True)
class Rest:
    """Asks below ``/api/v1/``; paths may also be whole addresses, such as a ``next`` link."""

    client: WsgiClient

    def get(self, path: str) -> Answer:
        return self.client.get(_address(path))

    def post(self, path: str, body: Any = None) -> Answer:
        return self.send("POST", path, body)

    def patch(self, path: str, body: Any) -> Answer:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.client.request("DELETE", _address(path))

    def send(self, method: str, path: str, body: Any) -> Answer:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.request(method, _address(path), headers={"Content-Type": "application/json"}, body=raw)

    def names(self, path: str) -> list[str]:
        """The names of all rows of a list, page by page."""
        return [row["name"] for row in self.rows(path)]

    def rows(self, path: str) -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        found: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            answer = self.get(following)
            assert answer.status == 200, answer.body
            assert set(answer.json) == {"results", "next"}
            found += answer.json["results"]
            following = answer.json["next"]
        return found


def _address(path: str) -> str:
    if "://" in path:
        _, _, rest = path.partition("://")
        return rest[rest.index("/") :]
    return path if path.startswith("/") else ROOT + path


def refused(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal, which has to keep the contract's form."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert answer.reason
    if code is not None:
        assert problem["code"] == code
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    return problem
