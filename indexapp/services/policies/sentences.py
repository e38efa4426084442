"""What who is refused reads: which rule, why, since when, what is allowed instead, and who may make an exception.

pip shows the reason phrase of an answer and uv its problem document, so all of it is one line, and what matters most comes
first: a reason phrase is cut after 400 characters.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.rules import Rule

CODE = "policy-blocked"
_REASON = 160  # characters of a rule's reason that are told
_SHOWN = {Effect.HOLD: "holds back", Effect.BLOCK: "blocks", Effect.HIDE: "blocks"}


def refusal(rule: Rule, project: str, version: str, *, nearest: str, rejection: str | None = None) -> str:
    """The sentence; ``nearest`` is the version to take instead, empty where none is allowed.

    ``rejection`` is why a review rejected the release; None where none did.
    """
    is_rejected = rejection is not None
    deed = "blocks, after a review," if is_rejected else _SHOWN[rule.effect]
    waits = " until somebody has reviewed it" if rule.effect is Effect.HOLD and not is_rejected else ""
    since = f"{rule.since:%Y-%m-%d}"
    begin = f"The policy rule '{rule.name}' {deed} {project} {version}{waits} (since {since})"
    reason = (rejection or rule.reason).rstrip(".")
    why = f": {reason[:_REASON]}{'...' if len(reason) > _REASON else ''}." if reason else "."
    instead = f" Allowed: {project} {nearest}." if nearest else " No version of it is allowed."
    return f"{begin}{why}{instead} Exceptions: {rule.contact or _contact(rule)}."


def _contact(rule: Rule) -> str:
    return "a security officer" if rule.index_pk is None else "who administers the index, or a security officer"


def nearest_allowed(allowed: Iterable[str], version: str) -> str:
    """Of the versions that are let through, the next below ``version``, or else the next above.

    A final one goes before a pre-release, unless a pre-release was asked for.
    """
    asked = Version(version)
    known = sorted((Version(one), one) for one in allowed)
    below = [one for one in reversed(known) if one[0] < asked]
    above = [one for one in known if one[0] > asked]
    for found in (below, above):
        finals = [one for parsed, one in found if asked.is_prerelease or not parsed.is_prerelease]
        if finals:
            return finals[0]
    return next((one for _, one in (*below, *above)), "")
