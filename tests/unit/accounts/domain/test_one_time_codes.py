from __future__ import annotations

import re

import pyotp
import pytest

from accounts.domain import one_time_codes

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the ASCII key 12345678901234567890 of RFC 6238


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_examples_of_the_standard(at: int, code: str) -> None:
    assert one_time_codes.matching_steps(SECRET, code, at) == [at // 30]


def test_a_code_is_good_one_step_before_and_after_and_no_longer() -> None:
    code = one_time_codes.code_at(SECRET, 1000)
    found = [bool(one_time_codes.matching_steps(SECRET, code, step * 30 + 15)) for step in range(997, 1004)]
    assert found == [False, False, True, True, True, False, False]


@pytest.mark.parametrize(
    "text", ["123456", "123 456", " 12-34-56 ", "123\u2013456", "\uff11\uff12\uff13456", "123\u00a0456"]
)
def test_spaces_hyphens_and_wide_digits_make_no_difference(text: str) -> None:
    assert one_time_codes.normalised(text) == "123456"
    assert one_time_codes.is_code(one_time_codes.normalised(text))


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123456\n7", "½23456"])
def test_other_texts_are_no_codes(text: str) -> None:
    assert not one_time_codes.is_code(one_time_codes.normalised(text))


def test_a_very_long_text_costs_nothing() -> None:
    assert len(one_time_codes.normalised("9" * 1_000_000)) == 100


def test_recovery_codes_are_long_and_easily_read() -> None:
    codes = {one_time_codes.make_recovery_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(re.fullmatch(r"([a-hj-km-np-z2-9]{4}-){2}[a-hj-km-np-z2-9]{4}", code) for code in codes)


def test_an_app_reads_the_address() -> None:
    secret = one_time_codes.make_secret()
    address = one_time_codes.enrolment_address(secret, username="mia@tpi.example", issuer="TPI tpi.example")
    parsed = pyotp.parse_uri(address)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (secret, "mia@tpi.example", "TPI tpi.example")
    assert one_time_codes.in_groups(secret).replace(" ", "") == secret
