from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from indexapp.domain.locks import requirements_file
from indexapp.domain.locks.wanted import ListInvalid, Wanted
from tpi_site.kit.errors import Refusal

_A, _B = "a" * 64, "b" * 64


def _one(text: str) -> Wanted:
    (wanted,) = requirements_file.read(text).wanted
    return wanted


def test_a_pin_with_its_digests_over_continued_lines() -> None:
    wanted = _one(f"Acme.Tool==1.0 \\\n    --hash=sha256:{_A} \\\n    --hash=sha256:{_B.upper()}\n    # via nothing\n")
    assert (wanted.name, wanted.specifier, wanted.is_pinned) == ("acme-tool", "==1.0", True)
    assert wanted.digests == {f"sha256:{_A}", f"sha256:{_B}"}
    assert wanted.place == "line 1"


def test_markers_extras_and_comments() -> None:
    wanted = _one("# head\n\nacme[fast,slow]>=1,<2 ; python_version < '3.12'  # why\n")
    assert (wanted.name, wanted.specifier, wanted.place) == ("acme", "<2,>=1", "line 3")
    assert wanted.markers == ('python_version < "3.12"',)
    assert not wanted.is_pinned


def test_a_mark_inside_a_word_begins_no_comment() -> None:
    with pytest.raises(ListInvalid, match="line 1"):
        requirements_file.read("acme==1#egg")


def test_an_unpinned_name_takes_any_version() -> None:
    assert _one("acme").specifier == ""


def test_pre_is_kept_and_other_options_are_noted() -> None:
    reading = requirements_file.read(
        "--index-url https://index.example/simple\n-i https://index.example/simple\n--pre\n--no-binary :all:\nacme\n"
    )
    assert reading.wanted[0].takes_prereleases
    assert [note.split(":")[0] for note in reading.notes] == ["line 1", "line 2", "line 4"]
    assert "index.example" not in " ".join(reading.notes)


@pytest.mark.parametrize(
    "line", ["-r other.txt", "-rother.txt", "--requirement=o.txt", "-c c.txt", "--constraint c.txt", "-cc.txt"]
)
def test_other_files_are_refused(line: str) -> None:
    with pytest.raises(ListInvalid, match=r"line 2: .*another file") as refused:
        requirements_file.read(f"acme\n{line}\n")
    assert refused.value.code == "list-nested"


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--editable=./x",
        "./wheel.whl",
        "/srv/wheel.whl",
        "git+https://host.example/x",
        "acme @ https://h.example/a.whl",
    ],
)
def test_what_comes_from_no_index_is_left_out_and_noted(line: str) -> None:
    reading = requirements_file.read(f"{line}\nacme\n")
    assert [wanted.name for wanted in reading.wanted] == ["acme"]
    assert reading.notes[0].startswith("line 1: ")


@pytest.mark.parametrize(
    "text",
    [
        "acme==",
        "===",
        "acme=1.0",
        "acme==1.0 --hash=sha256:xyz",
        "acme; python_version <",
        "acme; " + "(" * 3000 + "os_name == 'nt'" + ")" * 3000,
        "acme==" + "9" * 5000,
        "a" * 101 + "==1",
        "acme \\\n" * 100_000,
        "acme" + " " * 300_000,
        "acme\x07==1",
    ],
)
def test_nonsense_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ListInvalid, match=r"^line \d+: ") as refused:
        requirements_file.read(text)
    assert len(refused.value.detail) < 300
    assert refused.value.detail.isascii() or "…" in refused.value.detail


_NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
_VERSIONS = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
_HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(_NAMES, _VERSIONS, st.lists(_HEX, max_size=5), st.sampled_from(["", " # a comment", "  "]))
def test_what_resolvers_write_is_read(name: str, version: str, digests: list[str], tail: str) -> None:
    hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in digests)
    wanted = _one(f"{name}=={version}{hashes}{tail}\n")
    assert wanted.name == canonicalize_name(name)
    assert wanted.specifier == f"=={version}"
    assert wanted.digests == {f"sha256:{digest}" for digest in digests}
    assert Wanted.from_json(wanted.as_json()) == wanted


@given(st.text(max_size=400))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    try:
        requirements_file.read(text)
    except Refusal as refused:
        assert refused.code in {"list-invalid", "list-nested"}


@pytest.mark.parametrize(
    "line",
    [
        "--index-url=https://ada:hunter2@i.example/simple",
        "-ihttps://ada:hunter2@i.example/simple",
        "--extra-index-url https://ada:hunter2@i.example/simple",
        "git+https://ada:hunter2@host.example/repo",
        "-e git+https://ada:hunter2@host.example/repo#egg=acme",
        "acme @ https://ada:hunter2@host.example/acme.whl",
    ],
)
def test_a_note_never_has_a_password_in_it(line: str) -> None:
    reading = requirements_file.read(f"{line}\nacme\n")
    assert len(reading.notes) == 1
    assert "hunter2" not in reading.notes[0]


def test_options_of_a_line_are_no_part_of_its_requirement() -> None:
    wanted = _one("acme==1.0 ; platform_version != '1 -x' --hash=sha256:" + _A + " --config-settings=a=b")
    assert wanted.markers == ('platform_version != "1 -x"',)
    assert wanted.digests == {f"sha256:{_A}"}
