"""What goes wrong outside, as a sentence for an operator and a word for a program; never with credentials in it."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What sort of failure it is."""

    UNREACHABLE = "unreachable"
    NOT_ALLOWED = "not-allowed"
    """The address is inside, the scheme is not http or https, or a redirect leads where none may."""
    TLS = "tls"
    PROXY = "proxy"
    TOO_SLOW = "too-slow"
    TOO_LARGE = "too-large"
    BAD_ANSWER = "bad-answer"


class OutboundFailed(Exception):
    """The other side could not be reached or answered badly; the sentence is fit for an operator."""

    def __init__(self, sentence: str, code: Code = Code.UNREACHABLE) -> None:
        super().__init__(sentence)
        self.code = code


def reason(error: Exception) -> str:
    """Why, in the words of the system or the library, without a full stop."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
