"""What an examination of the installation says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a part is; ``unused`` is one that this installation does without."""

    GOOD = "good"
    WARNING = "warning"
    FAILING = "failing"
    UNUSED = "unused"


@dataclass(frozen=True)
class Verdict:
    """What a probe found, in a sentence, and what to do about it where something is to be done."""

    state: State
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class Probe:
    """One look at one part; ``run`` may take ``seconds`` and raise whatever it likes."""

    name: str
    title: str
    run: Callable[[], Verdict]
    seconds: float = 10.0


@dataclass(frozen=True)
class Finding:
    """A probe's verdict and how long it took, in seconds."""

    name: str
    title: str
    verdict: Verdict
    seconds: float

    def as_json(self) -> dict[str, str | float]:
        """The finding as programs read it."""
        return {
            "name": self.name,
            "title": self.title,
            "state": self.verdict.state.value,
            "sentence": self.verdict.sentence,
            "advice": self.verdict.advice,
            "seconds": round(self.seconds, 3),
        }


def good(sentence: str) -> Verdict:
    """All is well."""
    return Verdict(State.GOOD, sentence)


def warning(sentence: str, advice: str) -> Verdict:
    """It works, and somebody should see to it."""
    return Verdict(State.WARNING, sentence, advice)


def failing(sentence: str, advice: str) -> Verdict:
    """It does not work, or what is acknowledged may be lost."""
    return Verdict(State.FAILING, sentence, advice)


def unused(sentence: str) -> Verdict:
    """There is nothing to look at."""
    return Verdict(State.UNUSED, sentence)
