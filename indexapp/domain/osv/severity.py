"""How bad an advisory is: a score between 0 and 10, and a word for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from indexapp.domain.osv.cvss import base_score

BANDS = (("critical", 9.0), ("high", 7.0), ("medium", 4.0), ("low", 0.1), ("none", 0.0))
"""The qualitative scale of CVSS 3.1: each word and the least score that has it."""
UNKNOWN = "unknown"
_BAND = dict(BANDS)
_SCORES = _BAND | {"moderate": _BAND["medium"], "important": _BAND["high"]}
"""What a word counts where there is no vector: the least score of its band, so that a limit at a band's border holds."""
_LONGEST = 300


def severity_word(score: float | None) -> str:
    """The word of a score; ``unknown`` where there is none."""
    if score is None:
        return UNKNOWN
    return next((word for word, least in BANDS if score >= least), "none")


def severity_of(document: Mapping[str, Any], affected: Iterable[Mapping[str, Any]]) -> tuple[str, float | None]:
    """What the record says of its severity, as text, and the score of it.

    The highest score among the CVSS 3 vectors of the record and of what it affects; else the word in a
    ``database_specific`` of theirs; else the first vector of another version, without a score; else nothing.
    """
    places = [document, *affected]
    vectors = [vector for place in places for vector in _vectors(place)]
    scored = [(score, vector) for vector in vectors if (score := base_score(vector)) is not None]
    if scored:
        score, vector = max(scored)
        return vector, score
    for place in places:
        specific = place.get("database_specific")
        word = specific.get("severity") if isinstance(specific, dict) else None
        if isinstance(word, str) and word.lower() in _SCORES:
            return word.lower(), _SCORES[word.lower()]
    return (vectors[0] if vectors else ""), None


def _vectors(place: Mapping[str, Any]) -> list[str]:
    rows = place.get("severity")
    if not isinstance(rows, list):
        return []
    texts = [row.get("score") for row in rows if isinstance(row, dict)]
    return [text for text in texts if isinstance(text, str) and len(text) <= _LONGEST]
