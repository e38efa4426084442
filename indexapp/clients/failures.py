"""Why an upstream gave nothing that can be used."""

from __future__ import annotations

from enum import StrEnum

from tpi_site.kit.outbound import Code, OutboundFailed


class Failure(StrEnum):
    """What sort of failure it is; the value is the code that operators and metrics see."""

    UNREACHABLE = "upstream-unreachable"
    """No connection, or it broke off: also TLS, the proxy, and addresses that may not be asked."""
    REFUSED = "upstream-refused"
    """401 or 403: other credentials are needed, or the upstream does not let us have this."""
    MISSING = "upstream-missing"
    """404 or 410 for a file; a page that is not there is an answer, not a failure."""
    BUSY = "upstream-busy"
    """429, or the upstream's own trouble (5xx)."""
    BAD_ANSWER = "upstream-bad-answer"
    TOO_LARGE = "upstream-too-large"
    TOO_SLOW = "upstream-too-slow"


_OF_OUTBOUND = {
    Code.TOO_SLOW: Failure.TOO_SLOW,
    Code.TOO_LARGE: Failure.TOO_LARGE,
    Code.BAD_ANSWER: Failure.BAD_ANSWER,
}


class UpstreamFailed(Exception):
    """The upstream cannot be used now; ``sentence`` is fit for an operator and has no secret in it.

    ``retry_after`` is what the upstream asks for, in seconds, where it does.
    """

    def __init__(self, sentence: str, kind: Failure, *, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.kind, self.retry_after = sentence, kind, retry_after

    @property
    def code(self) -> str:
        """A stable word."""
        return self.kind.value

    @classmethod
    def of(cls, error: OutboundFailed) -> UpstreamFailed:
        """What went wrong below, in the words of this room."""
        return cls(str(error), _OF_OUTBOUND.get(error.code, Failure.UNREACHABLE))
