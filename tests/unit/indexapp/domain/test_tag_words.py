from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.tag_words import describe_file


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("py3-none-any", "Python 3 · any platform"),
        ("py2.py3-none-any", "Python 2 and 3 · any platform"),
        ("py310-none-any", "Python 3.10 · any platform"),
        (
            "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "CPython 3.11 · Linux x86-64 (glibc 2.17+)",
        ),
        ("cp39-abi3-win_amd64", "CPython 3.9 and newer · Windows x86-64"),
        ("cp37-cp37m-win32", "CPython 3.7 · Windows x86 (32-bit)"),
        ("cp313-cp313t-macosx_11_0_arm64", "CPython 3.13 free-threaded · macOS 11.0+ ARM64"),
        ("cp312-cp312-macosx_10_9_universal2", "CPython 3.12 · macOS 10.9+ Intel and Apple silicon"),
        ("pp310-pypy310_pp73-musllinux_1_2_aarch64", "PyPy 3.10 · Linux ARM64 (musl 1.2+)"),
        ("cp311-cp311-linux_x86_64", "CPython 3.11 · Linux x86-64"),
        ("cp313-cp313-android_21_arm64_v8a", "CPython 3.13 · Android API 21+ arm64_v8a"),
        ("cp27-cp27mu-manylinux1_i686", "CPython 2.7 · Linux x86 (32-bit) (glibc 2.5+)"),
        ("xx9-none-plan9_mips", "xx9 · plan9_mips"),
    ],
)
def test_a_wheels_tags_are_told_in_words(tags: str, words: str) -> None:
    assert describe_file(f"acme_tool-1.0-{tags}.whl") == words
    assert describe_file(f"acme_tool-1.0-2build-{tags}.whl") == words


@pytest.mark.parametrize("filename", ["acme-1.0.tar.gz", "acme-1.0.zip"])
def test_an_sdist_is_source(filename: str) -> None:
    assert describe_file(filename) == "Source"


def test_a_long_list_is_cut() -> None:
    platforms = ".".join(f"os{number}" for number in range(9))

    words = describe_file(f"acme-1-py3-none-{platforms}.whl")

    assert words.startswith("Python 3 · os0, os1,")
    assert words.endswith("os5 and 3 more")


@given(st.text())
def test_nothing_is_raised_whatever_the_name(name: str) -> None:
    assert describe_file(name)
    assert describe_file(f"{name}.whl")
