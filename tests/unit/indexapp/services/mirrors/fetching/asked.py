"""What the tests of files ask for, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from indexapp.models import File
from indexapp.services.mirrors.fetching import running
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.servers.ports import wait_until
from tests.wsgi_client import Answer, WsgiClient

JSON = "application/vnd.pypi.simple.v1+json"
LARGE = build_wheel("acme-tool", "2.0", files={"acme_tool/noise.bin": bytes(range(256)) * 4000}, compression=0)


def listed(machine: WsgiClient, filename: str) -> dict[str, Any]:
    answer = machine.get("/outside/simple/acme-tool/", Accept=JSON)
    assert answer.status == 200, answer.body
    return next(file for file in answer.json["files"] if file["filename"] == filename)


def address(machine: WsgiClient, filename: str) -> str:
    return urlsplit(listed(machine, filename)["url"]).path


def fetched(machine: WsgiClient, built: Built, **headers: str) -> Answer:
    return machine.get(address(machine, built.filename), **headers)


def when_begun(machine: WsgiClient, act: Callable[[], object]) -> WsgiClient:
    """A client to whom an answer has begun when ``act`` is called: what fails earlier is a refusal, and not broken off."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def begin(*arguments: Any) -> Any:
            act()
            return start_response(*arguments)

        return machine.application(environ, begin)

    return WsgiClient(application, machine.headers)


def settled() -> None:
    wait_until(lambda: not running.under_way(), 60, lambda: "a download does not end")


def kept(filename: str) -> File:
    settled()
    return File.objects.select_related("blob", "mirrored").get(filename=filename)
