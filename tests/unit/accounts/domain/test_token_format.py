from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accounts.domain.token_format import PATTERN, TokenParts, make_token, parse_token, token_digest
from tpi_site.kit.logs import redact


def test_a_token_is_read_back() -> None:
    text, parts = make_token()
    assert parse_token(text) == parts
    assert len(text) == 62
    assert PATTERN.match(text)


def test_tokens_differ() -> None:
    assert len({make_token()[0] for _ in range(100)}) == 100


@given(st.data())
def test_a_mistyped_letter_is_noticed_without_a_database(data: st.DataObject) -> None:
    text, _ = make_token()
    place = data.draw(st.integers(4, len(text) - 1))
    letter = data.draw(st.sampled_from("0Aa9Zz"))
    mistyped = text[:place] + letter + text[place + 1 :]
    assert (parse_token(mistyped) is None) is (mistyped != text)


@given(st.text())
def test_noise_is_no_token(text: str) -> None:
    assert parse_token(text) is None
    assert parse_token(f"tpi_{text}") is None


def test_what_follows_or_precedes_a_token_spoils_it() -> None:
    text, _ = make_token()
    for spoiled in (f"{text}\n", f" {text}", f"{text}x", text[:-1]):
        assert parse_token(spoiled) is None


def test_the_secret_is_not_shown() -> None:
    text, parts = make_token()
    assert parts.secret not in repr(parts)
    assert text not in redact(f"GET /simple/ with {text} failed")


def test_the_digest_depends_on_key_secret_and_pepper() -> None:
    digests = {
        token_digest(TokenParts("k" * 12, "s" * 40), "pepper"),
        token_digest(TokenParts("l" * 12, "s" * 40), "pepper"),
        token_digest(TokenParts("k" * 12, "t" * 40), "pepper"),
        token_digest(TokenParts("k" * 12, "s" * 40), "salt"),
    }
    assert len(digests) == 4
    assert all(len(digest) == 64 for digest in digests)
