"""The pages, which a browser session opens."""

from __future__ import annotations

from tests.access.matrix.who import EVERYBODY, INSIDE, OPERATES, READERS, SIGNED_IN

PAGES = {
    "browse:home": EVERYBODY,
    "browse:search": SIGNED_IN,
    "browse:clients": SIGNED_IN,
    "browse:rights": SIGNED_IN,
    "browse:default-project": EVERYBODY,
    "browse:index": READERS,
    "browse:project": READERS,
    "browse:release": READERS,
    "account:sign-in": EVERYBODY,
    "account:theme": EVERYBODY,
    "account:profile": SIGNED_IN,
    "account:password": SIGNED_IN,
    "account:tokens": SIGNED_IN,
    "account:token-new": SIGNED_IN,
    "account:confirm": SIGNED_IN,
    "account:security": SIGNED_IN,
    "account:authenticator": SIGNED_IN,
    "account:authenticator-new": SIGNED_IN,
    "account:authenticator-remove": SIGNED_IN,
    "account:recovery-codes": SIGNED_IN,
    "account:sessions": SIGNED_IN,
    "admin:index": INSIDE,
    "doctor": OPERATES,
    "support-bundle": OPERATES,
}
"""Pages, which a browser session opens: who may see them by GET."""

PAGE_KWARGS = {"index": "main", "project": "acme-tool", "version": "1.0"}

POSTED_PAGES = {
    "account:sign-out",
    "account:token-revoke",
    "account:token-rotate",
    "account:session-end",
    "account:sessions-end-others",
    "account:sign-in-code",
    "account:sign-in-enrol",
}
"""Pages that act on a POST alone and on the actor's own things, or between two steps; their tests are beside their views."""
