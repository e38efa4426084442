from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.digests import HEX_LENGTHS, MultiDigest
from tpi_site.kit.errors import Invalid

CONTENT = b"the bytes of a wheel"


def digest_of(content: bytes) -> MultiDigest:
    digest = MultiDigest()
    digest.update(content)
    return digest


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_chunks_of_every_kind_give_the_digests_of_the_whole(chunks):
    digest = MultiDigest()
    for number, chunk in enumerate(chunks):
        digest.update([bytes, bytearray, memoryview][number % 3](chunk))
    whole = b"".join(chunks)
    assert digest.size == len(whole)
    assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.blake2_256 == hashlib.blake2b(whole, digest_size=32).hexdigest()
    assert digest.md5 == hashlib.md5(whole).hexdigest()


def test_the_digests_have_the_lengths_of_the_form():
    assert {name: len(text) for name, text in digest_of(CONTENT).as_dict().items()} == HEX_LENGTHS


def test_a_view_of_wider_items_counts_its_bytes():
    digest = MultiDigest()
    digest.update(memoryview(b"12345678").cast("I"))
    assert digest.size == 8


@pytest.mark.parametrize("names", [["sha256"], ["md5"], ["blake2_256"], ["md5", "sha256", "blake2_256"], []])
@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_true_digests_match(names, spell):
    digest = digest_of(CONTENT)
    digest.require_match({name: spell(digest.as_dict()[name]) for name in names})


@pytest.mark.parametrize("wrong", ["sha256", "md5", "blake2_256"])
def test_one_wrong_digest_among_true_ones_is_refused(wrong):
    digest = digest_of(CONTENT)
    declared = {**digest.as_dict(), wrong: digest_of(CONTENT + b"!").as_dict()[wrong]}
    with pytest.raises(Invalid) as refused:
        digest.require_match(declared)
    assert refused.value.code == "digest-mismatch"
    assert refused.value.detail == "The digest supplied does not match a digest calculated from the uploaded file."


@pytest.mark.parametrize(
    "declared", [{"sha256": ""}, {"sha256": "é"}, {"sha256": "\ud800"}, {"sha3": "00"}, {"crc32": "00"}]
)
def test_odd_declarations_are_mismatches(declared):
    with pytest.raises(Invalid):
        digest_of(CONTENT).require_match(declared)
