"""The body of an answer, piece by piece, with a limit on what comes and on what it becomes when unpacked."""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Iterator

from tpi_site.kit.outbound.failures import Code, OutboundFailed, reason

PIECE = 64 * 1024
"""Bytes asked of the connection at once; what is there by then is passed on."""

_UNPACKED = 256 * 1024  # bytes that are unpacked at once
_GZIP = zlib.MAX_WBITS | 16


def received(response: http.client.HTTPResponse, host: str, most: int) -> Iterator[bytes]:
    """What comes, at most ``most`` bytes, to its announced end; raises OutboundFailed."""
    taken = 0
    try:
        while piece := response.read1(PIECE):
            taken += len(piece)
            if taken > most:
                raise too_large(host, most)
            yield piece
    except TimeoutError:
        raise OutboundFailed(
            f"{host} stopped sending before the end of its answer: timed out.", Code.TOO_SLOW
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise OutboundFailed(
            f"{host} broke off in the middle of its answer: {reason(error)}.", Code.UNREACHABLE
        ) from None
    if response.length:
        raise OutboundFailed(
            f"{host} broke off in the middle of its answer: {response.length} announced bytes did not come."
        )


def unpacked(pieces: Iterator[bytes], host: str, most: int) -> Iterator[bytes]:
    """The content of a gzip stream, at most ``most`` bytes, which a bomb does not get past; raises OutboundFailed."""
    taken, decoder = 0, zlib.decompressobj(_GZIP)
    try:
        for piece in pieces:
            packed = piece
            while packed:
                if decoder.eof:
                    decoder = zlib.decompressobj(_GZIP)  # gzip streams may follow one another
                content = decoder.decompress(packed, _UNPACKED)
                packed = decoder.unconsumed_tail or decoder.unused_data
                taken += len(content)
                if taken > most:
                    raise too_large(host, most)
                if content:
                    yield content
    except zlib.error:
        raise OutboundFailed(f"{host} sends what it calls gzip and is not.", Code.BAD_ANSWER) from None
    if not decoder.eof:
        raise OutboundFailed(f"{host} sends a gzip stream without its end.", Code.BAD_ANSWER)


def too_large(host: str, most: int) -> OutboundFailed:
    """That there are more bytes than are taken."""
    return OutboundFailed(f"The answer of {host} is larger than {most} bytes.", Code.TOO_LARGE)
