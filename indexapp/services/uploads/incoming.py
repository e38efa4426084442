"""What arrives: the form's fields, and the file spooled and digested on its way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexapp.domain.digests import MultiDigest
from indexapp.models import Index
from indexapp.storage import Spool


@dataclass(frozen=True)
class Incoming:
    """One upload as it came over the wire; nothing of it is believed yet.

    ``relay_key`` is what a replica that relays it says of it, the same for the same file; empty where it came directly.
    """

    index: Index
    fields: Mapping[str, Sequence[str]]
    filename: str
    content_type: str
    spool: Spool
    digest: MultiDigest
    relay_key: str = ""


@dataclass(frozen=True)
class Accepted:
    """The outcome of an upload: ``is_new`` is False when the same bytes were there already."""

    is_new: bool
    warnings: tuple[str, ...] = ()
