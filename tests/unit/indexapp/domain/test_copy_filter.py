from __future__ import annotations

import pytest

from indexapp.domain.copy_filter import Copied, CopyFilter


def _files(*names: str, **values: object) -> list[Copied]:
    return [
        Copied(number, name, name.removesuffix(".tar.gz").split("-")[1], **values)  # type: ignore[arg-type]
        for number, name in enumerate(names)
    ]


def _chosen(rule: CopyFilter, files: list[Copied]) -> set[str]:
    return {file.filename for file in rule.choose(files)}


@pytest.mark.parametrize(
    ("rule", "name", "is_taken"),
    [
        (CopyFilter(), "anything", True),
        (CopyFilter(include=["acme-*", "numpy"]), "acme-tool", True),
        (CopyFilter(include=["acme-*", "numpy"]), "numpy", True),
        (CopyFilter(include=["acme-*", "numpy"]), "numpy-x", False),
        (CopyFilter(exclude=["*-nightly"]), "acme-nightly", False),
        (CopyFilter(include=["acme-*"], exclude=["*-nightly"]), "acme-nightly", False),
    ],
)
def test_names(rule: CopyFilter, name: str, is_taken: bool) -> None:
    assert rule.takes_name(name) is is_taken


FILES = _files(
    "acme-1.0-py3-none-any.whl",
    "acme-1.0.tar.gz",
    "acme-2.0-cp312-cp312-win_amd64.whl",
    "acme-2.0.tar.gz",
    "acme-3.0rc1-py3-none-any.whl",
)


def test_everything_but_prereleases() -> None:
    assert _chosen(CopyFilter(), FILES) == {file.filename for file in FILES[:4]}
    assert _chosen(CopyFilter(with_prereleases=True), FILES) == {file.filename for file in FILES}


def test_a_project_with_prereleases_alone_is_copied() -> None:
    assert _chosen(CopyFilter(), FILES[4:]) == {"acme-3.0rc1-py3-none-any.whl"}


def test_the_newest_releases() -> None:
    assert _chosen(CopyFilter(newest=1), FILES) == {"acme-2.0-cp312-cp312-win_amd64.whl", "acme-2.0.tar.gz"}
    assert _chosen(CopyFilter(newest=2, with_sdists=False), FILES) == {FILES[0].filename, FILES[2].filename}


def test_machines() -> None:
    linux = CopyFilter(platforms=["linux-x86_64"])
    assert _chosen(linux, FILES) == {"acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz", "acme-2.0.tar.gz"}
    # Of a release without a file that fits, an older one counts.
    only = CopyFilter(platforms=["linux-x86_64"], with_sdists=False, newest=1)
    assert _chosen(only, FILES) == {"acme-1.0-py3-none-any.whl"}
    windows = CopyFilter(platforms=["windows-amd64"], pythons=["3.12"], with_sdists=False)
    assert _chosen(windows, FILES) == {FILES[0].filename, FILES[2].filename}
    assert _chosen(CopyFilter(pythons=["3.11"], with_sdists=False), FILES) == {FILES[0].filename}


def test_a_python_that_a_wheel_does_not_take() -> None:
    assert _chosen(CopyFilter(pythons=["3.11"]), _files("acme-1.0-py3-none-any.whl", requires_python=">=3.12")) == set()


def test_kinds_and_sizes() -> None:
    assert _chosen(CopyFilter(with_wheels=False), FILES) == {"acme-1.0.tar.gz", "acme-2.0.tar.gz"}
    assert _chosen(CopyFilter(max_file_size=10), _files("acme-1.0.tar.gz", size=11)) == set()
    assert _chosen(CopyFilter(max_file_size=10), _files("acme-1.0.tar.gz", size=10)) == {"acme-1.0.tar.gz"}
