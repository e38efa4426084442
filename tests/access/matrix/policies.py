"""The addresses of the REST API that are about the policy."""

from __future__ import annotations

from tests.access.matrix.who import ADMINS, SECURES, SEES_ALL, SIGNED_IN, Row

GUARDS = ADMINS | SECURES
"""Who decides about the rules of an index; about those of all security officers do."""
LOOKS = ADMINS | SEES_ALL
_RULE = {"name": "new", "effect": "block", "index": "main"}
_EXEMPTED = {"index": "main", "project": "acme-tool", "reason": "a test"}
_EXCEPTION = {**_EXEMPTED, "expires_at": "2026-01-01T00:00:00Z"}


def policies() -> dict[str, Row]:
    rule, exception, hold = ({"id": f"{{policy_{what}}}"} for what in ("rule", "exception", "hold"))
    return {
        "api:policy-rules": Row({"GET": (SIGNED_IN, None), "POST": (GUARDS, _RULE)}),
        "api:policy-rules-dry-run": Row({"POST": (GUARDS, _RULE)}),
        "api:policy-rule": Row(
            {"GET": (LOOKS, None), "PATCH": (GUARDS, {"is_enabled": False}), "DELETE": (GUARDS, None)},
            rule,
            denied=404,
        ),
        "api:policy-rule-move": Row({"POST": (GUARDS, {"position": 1})}, rule, denied=404),
        # From every rule, and until a time that is over: who may is told so.
        "api:policy-exceptions": Row({"GET": (SIGNED_IN, None), "POST": (SECURES, _EXCEPTION)}, answers={"POST": 400}),
        "api:policy-break-glass": Row({"POST": (GUARDS, _EXEMPTED)}),
        "api:policy-exception": Row({"GET": (LOOKS, None)}, exception, denied=404),
        "api:policy-exception-revoke": Row({"POST": (GUARDS, {})}, exception, denied=404),
        "api:policy-holds": Row({"GET": (SIGNED_IN, None)}),
        "api:policy-hold": Row({"GET": (LOOKS, None)}, hold, denied=404),
        "api:policy-hold-approve": Row({"POST": (GUARDS, {"reason": "a test"})}, hold, denied=404),
        "api:policy-hold-reject": Row({"POST": (GUARDS, {"reason": "a test"})}, hold, denied=404),
    }
