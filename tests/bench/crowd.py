"""``python -m tests.bench.crowd <port> <path> <clients>``: that many downloads at once; prints the seconds that each took."""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

_BUFFER = bytearray(1024 * 1024)


def _length(head: bytes) -> int:
    status, *lines = head.decode("latin-1").split("\r\n")
    if " 200 " not in f"{status} ":
        raise RuntimeError(status)
    return next(int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:"))


class _Client:
    def __init__(self, port: int, path: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        self.sock.setblocking(False)
        self.head, self.left, self.seconds = b"", -1, 0.0

    def receive(self) -> bool:
        """Whether all is there."""
        count = self.sock.recv_into(_BUFFER)
        if not count:
            raise RuntimeError("cut short")
        if self.left >= 0:
            self.left -= count
        else:
            self.head += bytes(_BUFFER[:count])
            head, end, rest = self.head.partition(b"\r\n\r\n")
            self.left = _length(head) - len(rest) if end else -1
        return self.left == 0


def main(port: int, path: str, number: int) -> list[float]:
    """Seconds from the first request on."""
    selector, began = selectors.DefaultSelector(), time.monotonic()
    took: list[float] = []
    for _ in range(number):
        client = _Client(port, path)
        selector.register(client.sock, selectors.EVENT_READ, client)
    while len(took) < number:
        for key, _ in selector.select():
            if key.data.receive():
                took.append(time.monotonic() - began)
                selector.unregister(key.fileobj)
    return took


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
