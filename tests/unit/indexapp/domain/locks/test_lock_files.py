"""The locks of uv, Poetry and PEP 751, as these tools write them, and as somebody writes them who means harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.locks import poetry_lock, pylock_file, reading, uv_lock
from indexapp.domain.locks.reading import SourceKind
from indexapp.domain.locks.wanted import MOST_BYTES, ListInvalid, Wanted
from tpi_site.kit.errors import Refusal

_A, _B = "a" * 64, "b" * 64
UV = f"""
version = 1
revision = 3
requires-python = ">=3.11"
resolution-markers = ["python_full_version >= '3.12'"]

[[package]]
name = "app"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "acme-tool" }}]

[[package]]
name = "acme-tool"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["python_full_version >= '3.12'", "sys_platform == 'win32'"]
sdist = {{ url = "https://files.example/a/acme_tool-1.0.tar.gz", hash = "sha256:{_A}", size = 10 }}
wheels = [
    {{ url = "https://files.example/a/acme_tool-1.0%2Blocal-py3-none-any.whl#x", hash = "sha256:{_B}", size = 10 }},
    {{ path = "wheels/acme_tool-1.0-cp312-cp312-win_amd64.whl", hash = "sha256:{_B}" }},
]

[[package]]
name = "from-git"
version = "1.0"
source = {{ git = "https://host.example/repo?rev=1#abc" }}
"""
POETRY_2 = f"""
[[package]]
name = "Acme_Tool"
version = "1.0"
description = ""
optional = false
python-versions = ">=3.9"
groups = ["main", "dev"]
markers = {{main = "sys_platform == 'win32'", dev = "python_version < '3.12'"}}
files = [
    {{file = "acme_tool-1.0-py3-none-any.whl", hash = "sha256:{_A}"}},
    {{file = "acme_tool-1.0.tar.gz", hash = "sha256:{_B}"}},
]

[[package]]
name = "near"
version = "1.0"
files = []

[package.source]
type = "directory"
url = "../near"

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "{_A}"
"""
POETRY_1 = f"""
[[package]]
name = "acme-tool"
version = "1.0"
category = "main"

[package.source]
type = "legacy"
url = "https://index.example/simple"
reference = "ours"

[metadata]
lock-version = "1.1"
content-hash = "{_A}"

[metadata.files]
acme-tool = [
    {{file = "acme_tool-1.0-py3-none-any.whl", hash = "sha256:{_A}"}},
]
"""
PYLOCK = f"""
lock-version = "1.0"
created-by = "a-tool"
environments = ["sys_platform == 'linux'"]

[[packages]]
name = "acme-tool"
version = "1.0"
marker = "'fast' in extras"
index = "https://index.example/simple"

[packages.sdist]
url = "https://files.example/acme_tool-1.0.tar.gz"
hashes = {{sha256 = "{_A}"}}

[[packages.wheels]]
name = "acme_tool-1.0-py3-none-any.whl"
url = "https://files.example/x/acme_tool-1.0-py3-none-any.whl"
size = 10
hashes = {{sha256 = "{_B}"}}

[[packages]]
name = "near"
directory = {{path = "."}}
"""


def test_uv() -> None:
    read = uv_lock.read(UV)
    assert read.wanted == [
        Wanted(
            "acme-tool",
            "==1.0",
            frozenset({f"sha256:{_A}", f"sha256:{_B}"}),
            frozenset(
                {
                    "acme_tool-1.0.tar.gz",
                    "acme_tool-1.0+local-py3-none-any.whl",
                    "acme_tool-1.0-cp312-cp312-win_amd64.whl",
                }
            ),
            ('python_full_version >= "3.12"', 'sys_platform == "win32"'),
            place="package[1]",
        )
    ]
    assert read.notes == ["'from-git' comes from 'git' and not from an index; it is left out."]


def test_poetry_2() -> None:
    read = poetry_lock.read(POETRY_2)
    (wanted,) = read.wanted
    assert (wanted.name, wanted.specifier) == ("acme-tool", "==1.0")
    assert wanted.filenames == {"acme_tool-1.0-py3-none-any.whl", "acme_tool-1.0.tar.gz"}
    assert wanted.digests == {f"sha256:{_A}", f"sha256:{_B}"}
    assert wanted.markers == ('sys_platform == "win32"', 'python_version < "3.12"')
    assert read.notes == ["'near' comes from 'directory' and not from an index; it is left out."]


def test_poetry_1_has_its_files_in_one_table() -> None:
    (wanted,) = poetry_lock.read(POETRY_1).wanted
    assert (wanted.filenames, wanted.digests) == ({"acme_tool-1.0-py3-none-any.whl"}, {f"sha256:{_A}"})


def test_pylock() -> None:
    read = pylock_file.read(PYLOCK)
    (wanted,) = read.wanted
    assert (wanted.name, wanted.specifier, wanted.markers) == ("acme-tool", "==1.0", ('"fast" in extras',))
    assert wanted.filenames == {"acme_tool-1.0-py3-none-any.whl", "acme_tool-1.0.tar.gz"}
    assert len(read.notes) == 1


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("requirements.txt", SourceKind.REQUIREMENTS),
        ("C:\\app\\dev-requirements.txt", SourceKind.REQUIREMENTS),
        ("uv.lock", SourceKind.UV),
        ("app/pylock.toml", SourceKind.PYLOCK),
        ("pylock.prod.toml", SourceKind.PYLOCK),
        ("poetry.lock", SourceKind.POETRY),
    ],
)
def test_the_kind_is_known_by_the_name(filename: str, kind: SourceKind) -> None:
    assert reading.kind_of(filename) is kind


def test_another_name_is_refused() -> None:
    with pytest.raises(ListInvalid, match="not the name of a list"):
        reading.kind_of("Pipfile.lock")


def _uv(package: str) -> str:
    return f'version = 1\n[[package]]\nname = "acme"\nversion = "1"\nsource = {{ registry = "r" }}\n{package}'


_FORMS = {SourceKind.UV: UV, SourceKind.POETRY: POETRY_2, SourceKind.PYLOCK: PYLOCK}


@pytest.mark.parametrize(
    ("kind", "text", "where"),
    [
        (SourceKind.UV, "version = 2", "version: "),
        (SourceKind.UV, "version = ", "The file is not TOML"),
        (SourceKind.UV, "x = " + "[" * 100_000, "The file is not TOML"),
        (SourceKind.UV, "x = " + "9" * 5000, "The file is not TOML"),
        (SourceKind.UV, "version = 1\npackage = 7", "package: "),
        (SourceKind.UV, "version = 1\npackage = [7]", r"package\[0\]: "),
        (SourceKind.UV, _uv("").replace('"acme"', "7"), r"package\[0\].name: "),
        (SourceKind.UV, _uv("").replace('"1"', '"1; rm"'), r"package\[0\].version: "),
        (SourceKind.UV, _uv("").replace('{ registry = "r" }', "7"), r"package\[0\].source: "),
        (SourceKind.UV, _uv("wheels = 7"), r"package\[0\].wheels: "),
        (SourceKind.UV, _uv('wheels = [{ url = "https://h.example/" }]'), r"package\[0\].wheels\[0\].url: "),
        (SourceKind.UV, _uv('wheels = [{ url = "https://[/x" }]'), r"package\[0\].wheels\[0\].url: "),
        (SourceKind.UV, _uv('wheels = [{ filename = "../x.whl" }]'), r"package\[0\].wheels\[0\].filename: "),
        (SourceKind.UV, _uv('wheels = [{ filename = "x.whl", hash = "md5" }]'), r"package\[0\].wheels\[0\].hash: "),
        (SourceKind.UV, _uv("resolution-markers = [7]"), r"package\[0\].resolution-markers: "),
        (SourceKind.UV, _uv('resolution-markers = ["x y"]'), r"package\[0\].resolution-markers: "),
        (SourceKind.POETRY, "[metadata]\nlock-version = '3.0'", "metadata.lock-version: "),
        (SourceKind.POETRY, "metadata = 7", ".metadata: "),
        (SourceKind.POETRY, "[[package]]\nname='a'\nversion='1'\nsource={type=[]}", "'a' comes|The list asks"),
        (SourceKind.POETRY, "[[package]]\nname='a'\nversion='1'\nfiles=[{file=7}]", r"package\[0\].files\[0\].file: "),
        (SourceKind.PYLOCK, "lock-version = '9.0'", "The file breaks a rule"),
        (
            SourceKind.PYLOCK,
            PYLOCK.replace('version = "1.0"\nmarker', 'version = "x"\nmarker'),
            "The file breaks a rule",
        ),
        (SourceKind.PYLOCK, PYLOCK.replace(_A, "zz"), "The file breaks a rule|packages"),
        (SourceKind.UV, "", "The file does not say its version"),
        (SourceKind.UV, "version = 1", "The list asks for nothing"),
        (SourceKind.UV, "\0", "There is a NUL"),
        (SourceKind.UV, "#" * (MOST_BYTES + 1), "The list has more"),
    ],
)
def test_nonsense_is_refused_with_its_key(kind: SourceKind, text: str, where: str) -> None:
    with pytest.raises(ListInvalid, match=f"^({where})") as refused:
        reading.read(kind, text)
    assert len(refused.value.detail) < 500


@given(st.sampled_from(sorted(_FORMS)), st.integers(0, 1500), st.integers(0, 40), st.text(max_size=20))
def test_a_lock_that_was_tampered_with_is_read_or_refused(kind: SourceKind, at: int, length: int, other: str) -> None:
    text = _FORMS[kind]
    try:
        reading.read(kind, text[:at] + other + text[at + length :])
    except Refusal as refused:
        assert refused.detail
