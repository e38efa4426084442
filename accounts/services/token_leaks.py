"""Tokens that somebody has found where they do not belong."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.token_format import TokenParts, parse_token
from accounts.models import Token
from accounts.services import alarms, audit, generations, token_lineage
from accounts.services.token_recognition import fits
from tpi_site.kit.logs import redact

MOST_REPORTED = 100
LONGEST_TEXT = 4096
_IN_TEXT = re.compile(r"tpi_[0-9A-Za-z]{58}")


def report(*, actor: Actor, texts: Iterable[str], url: str = "", source: str = "") -> int:
    """Revoke the tokens of ours that stand in ``texts`` with all that came of them, and tell how many were still good.

    Anybody may ask it: only who has the whole secret achieves anything, and could have used it.  What lacks our prefix or
    fails its checksum is dropped before any query; the others take one.  The caller answers the same whatever comes out.
    """
    found = list(_tokens_in(texts).values())[:MOST_REPORTED]
    if not found:
        return 0
    rows = Token.objects.select_related("user").in_bulk([parts.key_id for parts in found], field_name="key_id")
    ours = [rows[parts.key_id] for parts in found if parts.key_id in rows and fits(rows[parts.key_id], parts)]
    return sum(_end(actor, token, _where(url, source)) for token in ours)


def _tokens_in(texts: Iterable[str]) -> dict[str, TokenParts]:
    parsed = (parse_token(match) for text in texts for match in _IN_TEXT.findall(text[:LONGEST_TEXT]))
    return {f"{parts.key_id}{parts.secret}": parts for parts in parsed if parts is not None}


def _where(url: str, source: str) -> str:
    told = " ".join(filter(None, (source, url)))
    return redact("".join(letter for letter in told if letter.isprintable()))[:500]


def _end(actor: Actor, token: Token, where: str) -> bool:
    """Revoke the token's whole line, its own successors too: whoever found it may have rotated it."""
    with transaction.atomic():
        token_lineage.hold()
        ended = token_lineage.end_line(token, with_successors=True)
        if not ended:
            return False
        Token.objects.filter(pk=token.pk).update(leaked_at=timezone.now(), leak_source=where)
        audit.record(
            actor=actor,
            action="token.leaked",
            subject=token,
            owner=token.user.username,
            key_id=token.key_id,
            found=where,
            revoked=ended[:200],
        )
        alarms.ring(
            "token-leaked",
            f"The token '{token.name}' ({token.key_id}) of {token.user.username} was found in the open and is revoked.",
            subject=token.key_id,
        )
        generations.bump_access()
    return True
