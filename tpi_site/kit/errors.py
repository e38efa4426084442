"""The vocabulary of refusals.

A refusal is an answer, not an accident: it has a stable ``code`` that programs read and one sentence that tells a
person what to do.  Services and domain code raise these; only :mod:`tpi_site.kit.edge` turns them into HTTP.
This module imports nothing, so that the framework-free ``domain`` packages can use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar, Self


class Kind(Enum):
    """What sort of refusal it is; the error edge maps each kind to one HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    GONE = "gone"
    CONFLICT = "conflict"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    NO_SPACE = "no-space"


class Refusal(Exception):
    """A request that is refused for a reason its sender can act upon.

    ``detail`` is one plain sentence (or two), safe to show to the sender; ``code`` is a stable, kebab-case identifier.
    """

    kind: ClassVar[Kind] = Kind.INVALID
    default_code: ClassVar[str] = "invalid"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.who: object | None = None

    def of(self, who: object) -> Self:
        """The same, with who is refused, where that is known better than by the request: the audit log names them."""
        self.who = who
        return self


class Invalid(Refusal):
    """The input breaks a rule; the sentence names the rule."""


class InvalidFields(Invalid):
    """Fields of the input each break a rule: ``fields`` has a sentence for each, by the field's name."""

    def __init__(self, fields: Mapping[str, str], *, code: str | None = None) -> None:
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in fields.items()), code=code)
        self.fields = dict(fields)


class Unauthenticated(Refusal):
    """No usable credentials where some are needed."""

    kind = Kind.UNAUTHENTICATED
    default_code = "unauthenticated"


class Forbidden(Refusal):
    """Credentials that may not."""

    kind = Kind.FORBIDDEN
    default_code = "forbidden"


class NotFound(Refusal):
    """Nothing of that name, said only to those who may see everything there."""

    kind = Kind.NOT_FOUND
    default_code = "not-found"


class Unseen(NotFound):
    """A number of something that is not there, or that the sender may not see: the answer is one, and it is written down."""


class Gone(Refusal):
    """An operation that existed once and does not any more."""

    kind = Kind.GONE
    default_code = "gone"


class Conflict(Refusal):
    """The request contradicts the present state."""

    kind = Kind.CONFLICT
    default_code = "conflict"


class TooLarge(Refusal):
    """More bytes than the limit; the sentence names the limit."""

    kind = Kind.TOO_LARGE
    default_code = "too-large"


class Unsupported(Refusal):
    """A method or media type that is not served here."""

    kind = Kind.UNSUPPORTED
    default_code = "unsupported"


class Throttled(Refusal):
    """Too many attempts; ``retry_after`` is in seconds."""

    kind = Kind.THROTTLED
    default_code = "throttled"

    def __init__(self, detail: str, *, retry_after: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after


class Unavailable(Refusal):
    """The server cannot do this now; a later try, ``retry_after`` seconds from now, may succeed."""

    kind = Kind.UNAVAILABLE
    default_code = "unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after


class NoSpace(Refusal):
    """The disk or the quota is full."""

    kind = Kind.NO_SPACE
    default_code = "no-space"
