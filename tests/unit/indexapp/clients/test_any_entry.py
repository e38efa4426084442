"""Whatever an upstream writes into an entry: it is kept in a form that every database and header takes, or dropped."""

from __future__ import annotations

import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from indexapp.clients.files import Dropped, UpstreamFile, from_anchor, from_json
from indexapp.clients.html_reading import Anchor
from tpi_site.kit.outbound import OutboundFailed, Target

PAGE = "https://upstream.example/simple/acme-tool/"
TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["true", "false", "sha256=" + "a" * 64, "2024-05-01T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ">=3.8"]
)  # fmt: skip
URLS = TEXT | st.sampled_from(
    [
        "https://files.example/a",
        "../../files/a?b#sha256=c",
        "http://[::1",
        "//x",
        "https://x:y/",
        "https://ünï.example/ä",
    ]
)
NAMES = st.sampled_from(["acme_tool-1.0-py3-none-any.whl", "acme-tool-1.0.tar.gz", "Acme.Tool-2.zip"]) | TEXT
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
KEYS = [
    "size",
    "upload-time",
    "requires-python",
    "yanked",
    "core-metadata",
    "dist-info-metadata",
    "provenance",
    "gpg-sig",
    "x",
]


def require_sound(file: UpstreamFile) -> None:
    texts = [
        file.filename,
        file.version,
        file.url,
        file.requires_python or "",
        file.yanked or "",
        file.provenance or "",
    ]
    texts += [part for item in [*file.digests.items(), *(file.core_metadata or {}).items()] for part in item]
    for text in texts:
        assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)
        assert len(text) <= 4096
    assert file.url.isascii()
    assert file.url.startswith(("http://", "https://"))
    assert file.size is None or 0 <= file.size < 2**63
    assert file.upload_time is None or file.upload_time.tzinfo is not None
    assert "@" not in file.url.split("/")[2]


@given(
    filename=NAMES | ANYTHING,
    url=URLS | ANYTHING,
    hashes=st.dictionaries(st.sampled_from(["sha256", "MD5", "x"]), st.text("0123456789abcdefAB", max_size=64))
    | ANYTHING,
    more=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4),
)
def test_an_entry_of_json(filename: Any, url: Any, hashes: Any, more: dict[str, Any]) -> None:
    try:
        file = from_json({"filename": filename, "url": url, "hashes": hashes, **more}, name="acme-tool", page_url=PAGE)
    except Dropped:
        return
    require_sound(file)


@given(
    text=NAMES,
    url=URLS,
    attributes=st.dictionaries(
        st.sampled_from(["data-yanked", "data-requires-python", "data-core-metadata", "data-dist-info-metadata",
                         "data-provenance", "data-size", "data-upload-time", "data-gpg-sig"]), TEXT, max_size=4),
)  # fmt: skip
def test_an_entry_of_html(text: str, url: str, attributes: dict[str, str]) -> None:
    try:
        file = from_anchor(Anchor(text, url, attributes), name="acme-tool", page_url=PAGE)
    except Dropped:
        return
    require_sound(file)


@given(
    url=URLS
    | st.builds(
        "{}://{}{}/{}".format, st.sampled_from(["http", "HTTPS", "ftp"]), TEXT, st.sampled_from(["", ":80", ":x"]), TEXT
    )
)
def test_an_address_is_refused_or_can_be_asked(url: str) -> None:
    try:
        target = Target.of(url)
    except OutboundFailed:
        return
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
    assert Target.of(target.url) == target
