"""The lines that a start prints: where the site is, how to sign in, and what to paste."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from indexapp.services.first_start import FirstStart

_PLACEHOLDER = "$TPI_TOKEN"


def base_url() -> str:
    """The public address, or the one that the server binds."""
    return settings.TPI_URL or f"http://{settings.TPI_BIND}"


def welcome(start: FirstStart) -> str:
    """The text; secrets appear only in the start that made them."""
    base = base_url()
    token = start.token or _PLACEHOLDER
    lines = ["", f"Trusted Packaging Index: {base}/", "", *_sign_in(start, base), ""]
    lines += [
        "Install:",
        f"  pip install --index-url {_with_token(base, token)}/simple/ PROJECT",
        f"  uv pip install --default-index {_with_token(base, token)}/simple/ PROJECT",
        "Publish:",
        f"  twine upload --repository-url {base}/legacy/ -u __token__ -p {token} dist/*",
        f"  uv publish --publish-url {base}/legacy/ --token {token} dist/*",
        "",
    ]
    if not start.token:
        lines.insert(-1, f"Set TPI_TOKEN to a token; make one at {base}/account/tokens/.")
    return "\n".join(lines)


def _sign_in(start: FirstStart, base: str) -> list[str]:
    where = f"Sign in at {base}/account/sign-in/ as '{settings.TPI_ADMIN_USER}'"
    folder = settings.TPI_DATA_DIR
    if start.password:
        return [f"{where} with the password: {start.password}", f"  (kept in {folder / 'initial-admin-password'})"]
    if (folder / "initial-admin-password").exists():
        return [f"{where}; the first password is in {folder / 'initial-admin-password'}"]
    return [where]


def _with_token(base: str, token: str) -> str:
    parts = urlsplit(base)
    return urlunsplit(parts._replace(netloc=f"__token__:{token}@{parts.netloc}"))
