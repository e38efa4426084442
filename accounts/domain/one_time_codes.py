"""Codes that are good once: those of an authenticator app (RFC 6238) and recovery codes."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata

import pyotp

STEP = 30  # seconds
_WINDOW = 1  # steps before and after the present one, for clocks that are not quite right
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""For recovery codes; without those that are mistaken for each other when read from paper."""
_RECOVERY_LENGTH = 12  # letters, about 59 bits
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
_CODE = re.compile(r"[0-9]{6}\Z", re.ASCII)


def normalised(text: str) -> str:
    """What was typed, without spaces and hyphens, in one case and one Unicode form."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text[:100])).lower()


def is_code(text: str) -> bool:
    """Whether a normalised text has the form of an app's code."""
    return _CODE.match(text) is not None


def make_secret() -> str:
    """A new secret of 160 bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32()


def code_at(secret: str, step: int) -> str:
    """The code of a step."""
    return pyotp.TOTP(secret, interval=STEP).generate_otp(step)


def matching_steps(secret: str, code: str, at: float) -> list[int]:
    """The steps around ``at`` (seconds since 1970) whose code this is; as a rule one or none.

    Every step of the window is computed and compared, whatever the earlier ones said.
    """
    present = int(at) // STEP
    steps = range(present - _WINDOW, present + _WINDOW + 1)
    return [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())]


def enrolment_address(secret: str, *, username: str, issuer: str) -> str:
    """The ``otpauth:`` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=username, issuer_name=issuer)


def make_recovery_code() -> str:
    """A new recovery code, in groups of four."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_RECOVERY_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, _RECOVERY_LENGTH, 4))


def in_groups(secret: str) -> str:
    """A secret as people copy it by hand."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
