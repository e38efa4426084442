"""What the small servers of tests have in common: they listen on loopback and answer in a thread of their own."""

from __future__ import annotations

import threading
from http.server import HTTPServer
from types import TracebackType
from typing import Self


class Threaded:
    """``with`` starts the server and ends it; a subclass calls :meth:`_listen` when it is made."""

    _server: HTTPServer
    _thread: threading.Thread

    def _listen(self, server: HTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()
