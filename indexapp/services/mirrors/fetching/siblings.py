"""Of the processes of one node one fetches a file, and the others are given the bytes as they come.

Who fetches it listens at a Unix socket without a place in the file system, named after the data folder and the file.  To have
the name is to be the one, and the kernel takes it back when the process dies; then another one goes on with what it has.
Both ends require that the other is a process of the same user.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import time
from threading import Thread
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from indexapp.services.mirrors.fetching.leases import node
from tpi_site.kit.errors import Gone, Unavailable

if TYPE_CHECKING:
    from indexapp.services.mirrors.fetching.download import Download

_PIECE = 256 * 1024
_SILENCE = 90.0
"""Seconds without a byte after which the other process is taken for dead; longer than an upstream may be silent."""
_TRIES, _PAUSE = 20, 0.05
"""How often the name or a connection is tried for, and the seconds between."""
_AHEAD = struct.Struct(">qq")
_LENGTH = struct.Struct(">I")
_UNKNOWN = -1
_END, _FAILED = 0, 0xFFFFFFFF
GONE = frozenset({"upstream-gone", "primary-gone"})


class LeaderGone(Exception):
    """The process that fetched died."""


def lead_or_follow(download: Download) -> Leader | Follower:
    """Be the process that fetches the file, or be given the bytes by the one that does."""
    name = _name(download.key)
    for _ in range(_TRIES):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(name)
            listener.listen(64)  # at once: who finds the name taken connects
        except OSError:
            listener.close()
        else:
            return Leader(listener, download)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_SILENCE)
        try:
            connection.connect(name)
        except OSError:  # it ended a moment ago, or does not listen
            connection.close()
            time.sleep(_PAUSE)
            continue
        if not _is_ours(connection):
            connection.close()
            break
        return Follower(connection)
    return Leader(None, download)  # somebody else's process sits on the name: fetch for this one alone


def _name(key: int | str) -> bytes:
    """Of the file in this installation: another one on the same machine numbers its files likewise."""
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    place = [str(database.get(part, "")) for part in ("HOST", "PORT", "NAME")]
    told = "\0".join([node(), settings.SECRET_KEY, *place, str(key)])
    return b"\0tpi-mirror-" + hashlib.sha256(told.encode()).hexdigest()[:40].encode()


def _is_ours(connection: socket.socket) -> bool:
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(user == os.geteuid())


class Leader:
    """Gives the bytes to the other processes of the node."""

    def __init__(self, listener: socket.socket | None, download: Download) -> None:
        self._listener, self._download = listener, download
        if listener is not None:
            Thread(target=self._accept, args=(listener,), daemon=True, name="mirror-leader").start()

    def close(self) -> None:
        """Give the name up; who was being served is served to the end."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if not _is_ours(connection):
                connection.close()
                continue
            if not self._download.join():
                connection.close()
                continue
            Thread(target=self._serve, args=(connection,), daemon=True, name="mirror-sibling").start()

    def _serve(self, connection: socket.socket) -> None:
        download = self._download
        try:
            with connection:
                connection.settimeout(_SILENCE)
                at = _AHEAD.unpack(_exactly(connection, _AHEAD.size))[0]
                download.wait(_SILENCE, lambda: download.size > 0 or download.is_proved or download.is_over)
                total = _UNKNOWN if download.total is None else download.total
                connection.sendall(_AHEAD.pack(total, 0))
                self._send(connection, at)
        except (OSError, LeaderGone):
            return
        finally:
            download.leave()

    def _send(self, connection: socket.socket, at: int) -> None:
        download = self._download
        while True:
            is_proved, is_over = download.is_proved, download.is_over
            if at < download.size:
                piece = download.read(at, min(download.size, at + _PIECE), unproved=True)
                assert piece is not None  # noqa: S101  there is more
                connection.sendall(_LENGTH.pack(len(piece)))
                connection.sendall(piece)
                at += len(piece)
            elif download.failure is not None:
                said = json.dumps([download.failure.code, download.failure.detail]).encode()
                connection.sendall(_LENGTH.pack(_FAILED) + _LENGTH.pack(len(said)) + said)
                return
            elif is_proved or is_over:
                connection.sendall(_LENGTH.pack(_END))
                return
            else:
                download.wait_behind(at, _SILENCE)


class Follower:
    """Takes the bytes from the process that fetches."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self, into: Download) -> None:
        """Let the bytes that are lacking come; raises :class:`LeaderGone` where that process dies."""
        with self._connection as connection:
            try:
                connection.sendall(_AHEAD.pack(into.size, 0))
                total = _AHEAD.unpack(_exactly(connection, _AHEAD.size))[0]
                into.begin(None if total == _UNKNOWN else total)
                while (length := _LENGTH.unpack(_exactly(connection, _LENGTH.size))[0]) not in (_END, _FAILED):
                    into.take(_exactly(connection, length))
                if length == _FAILED:
                    said = _exactly(connection, _LENGTH.unpack(_exactly(connection, _LENGTH.size))[0])
            except OSError:
                raise LeaderGone from None
        if length == _FAILED:
            code, detail = json.loads(said)
            raise Gone(detail, code=code) if code in GONE else Unavailable(detail, retry_after=10, code=code)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes; raises :class:`LeaderGone` where they end early."""
    pieces = bytearray()
    while len(pieces) < size:
        piece = connection.recv(min(_PIECE, size - len(pieces)))
        if not piece:
            raise LeaderGone
        pieces += piece
    return bytes(pieces)
