"""What a rule does to the files that it matches."""

from __future__ import annotations

from enum import Enum


class Effect(Enum):
    """Effects; the values are stored and shown, so they never change."""

    ALLOW = "allow"
    """No later rule is asked."""
    WARN = "warn"
    """It is noted, and later rules are asked all the same."""
    HOLD = "hold"
    """Refused until somebody has looked at it."""
    BLOCK = "block"
    """Refused with a sentence; the file stays on the page, so that installers ask for it and show the sentence."""
    HIDE = "hide"
    """Refused, and on no page or list, so that resolvers choose another version."""

    @property
    def strictness(self) -> int:
        """Of two rules that both hold, the one with the larger number decides."""
        return _ORDER[self]

    @property
    def refuses(self) -> bool:
        """Whether the file is not given out."""
        return _ORDER[self] >= _ORDER[Effect.HOLD]


_ORDER = {effect: place for place, effect in enumerate(Effect)}
