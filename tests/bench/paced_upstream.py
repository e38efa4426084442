"""``python -m tests.bench.paced_upstream <port> <bytes> <bytes a second>``: an upstream with one wheel, at the pace of a line.

A download takes as long as it would over a company's connection; ``/count`` says how many there were.  The wheel's bytes are no
archive: nobody installs it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

NAME = "crowd_wheel-1.0-py3-none-any.whl"
PROJECT = "crowd-wheel"
_BLOCK = Random(7).randbytes(1024 * 1024)
_STEP = 0.02  # seconds


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, size: int, pace: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.size, self.pace, self.downloads = size, pace, 0
        digest, left = hashlib.sha256(), size
        while left:
            digest.update(_BLOCK[:left])
            left -= min(left, len(_BLOCK))
        self.sha256 = digest.hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path == f"/simple/{PROJECT}/":
            file = {"filename": NAME, "url": f"/{NAME}", "hashes": {"sha256": self.server.sha256}}
            page = {"meta": {"api-version": "1.1"}, "name": PROJECT, "versions": ["1.0"]}
            self._say({**page, "files": [{**file, "size": self.server.size, "core-metadata": {"sha256": "0" * 64}}]})
        elif self.path == f"/{NAME}":
            self.server.downloads += 1
            self._send()
        else:
            self._say({"downloads": self.server.downloads})

    def _say(self, content: object) -> None:
        body = json.dumps(content).encode()
        self._head("application/vnd.pypi.simple.v1+json", len(body))
        self.wfile.write(body)

    def _head(self, content_type: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self) -> None:
        self._head("application/octet-stream", self.server.size)
        began, sent = time.monotonic(), 0
        while sent < self.server.size:
            due = min(self.server.size, int((time.monotonic() - began + _STEP) * self.server.pace))
            while sent < due:
                at = sent % len(_BLOCK)
                piece = memoryview(_BLOCK)[at : at + due - sent]
                self.wfile.write(piece)
                sent += len(piece)
            time.sleep(_STEP)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


if __name__ == "__main__":
    _Server(*map(int, sys.argv[1:4])).serve_forever()
