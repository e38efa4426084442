"""What a primary sends and no site of ours would, told as a failure of the primary and not as a fault of this one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, ProgrammingError

from indexapp.clients.primary import PrimaryFailed
from tpi_site.kit.errors import Conflict
from tpi_site.kit.outbound import OutboundFailed

log = logging.getLogger(__name__)
SERIALS: Final = range(2**63)
"""What a column of serials keeps."""
_UNFIT: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, ValidationError),
    *(DataError, IntegrityError, ProgrammingError),
)
"""What comes of values of another type, size or depth than columns have."""


@contextmanager
def fitting(code: str, sentence: str) -> Iterator[None]:
    """Raise PrimaryFailed where what came does not fit into this site; around a transaction, which then takes nothing."""
    try:
        yield
    except _UNFIT as error:
        log.warning("What the primary sent could not be taken: %s: %.500s", type(error).__name__, error)
        raise PrimaryFailed(sentence, code) from error


@contextmanager
def told(url: str) -> Iterator[None]:
    """Raise Conflict, for who has just said whom to follow."""
    try:
        yield
    except (PrimaryFailed, OutboundFailed) as error:
        raise Conflict(f"This site cannot follow {url}: {error}", code=str(error.code)) from None
