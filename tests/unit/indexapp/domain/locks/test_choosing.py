from __future__ import annotations

import pytest

from indexapp.domain.locks.choosing import Candidate, choose
from indexapp.domain.locks.targets import PLATFORMS, Target, applies, machines, targets_of
from indexapp.domain.locks.wanted import Wanted
from tpi_site.kit.errors import Invalid

LINUX = Target("3.12", "linux-x86_64")


def _files(*names: str, **values: object) -> list[Candidate]:
    return [
        Candidate(number, name, name.removesuffix(".tar.gz").split("-")[1], **values)  # type: ignore[arg-type]
        for number, name in enumerate(names)
    ]


def _chosen(wanted: Wanted, files: list[Candidate], *targets: Target, with_sdists: bool = False) -> list[str]:
    choice = choose(wanted, files, targets or (LINUX,), with_sdists=with_sdists)
    return [file.filename for file in choice.files]


def test_the_best_wheel_of_the_newest_version_that_fits() -> None:
    files = _files(
        "acme-1.0-py3-none-any.whl",
        "acme-2.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "acme-2.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "acme-2.0-py3-none-any.whl",
        "acme-2.0.tar.gz",
        "acme-3.0rc1-py3-none-any.whl",
    )
    assert _chosen(Wanted("acme"), files) == [files[1].filename]
    assert _chosen(Wanted("acme", "<2"), files) == ["acme-1.0-py3-none-any.whl"]
    assert _chosen(Wanted("acme", takes_prereleases=True), files) == ["acme-3.0rc1-py3-none-any.whl"]
    assert _chosen(Wanted("acme", "==3.0rc1"), files) == ["acme-3.0rc1-py3-none-any.whl"]
    assert _chosen(Wanted("acme"), files, with_sdists=True) == [files[1].filename, "acme-2.0.tar.gz"]


def test_machines_of_several_ages_each_get_their_wheel() -> None:
    files = _files(
        "acme-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "acme-1.0-cp312-cp312-manylinux_2_34_x86_64.whl",
        "acme-1.0-cp312-cp312-musllinux_1_2_x86_64.whl",
        "acme-1.0-cp312-cp312-win_amd64.whl",
        "acme-1.0-cp312-cp312-macosx_11_0_arm64.whl",
        "acme-1.0-cp312-cp312-macosx_10_9_universal2.whl",
    )
    assert _chosen(Wanted("acme"), files) == [files[0].filename, files[1].filename]
    assert _chosen(Wanted("acme"), files, Target("3.12", "windows-amd64")) == [files[3].filename]
    assert _chosen(Wanted("acme"), files, Target("3.12", "macos-arm64")) == [files[4].filename]
    assert _chosen(Wanted("acme"), files, Target("3.12", "macos-x86_64")) == [files[5].filename]
    assert _chosen(Wanted("acme"), files, Target("3.12", "musllinux-x86_64")) == [files[2].filename]


def test_the_sdist_where_no_wheel_fits() -> None:
    files = _files("acme-1.0-cp311-cp311-win_amd64.whl", "acme-1.0.tar.gz")
    assert _chosen(Wanted("acme"), files) == ["acme-1.0.tar.gz"]


def test_the_stable_abi_and_pure_wheels_fit_later_pythons() -> None:
    files = _files("acme-1.0-cp39-abi3-manylinux_2_17_x86_64.whl", "acme-1.0-py3-none-any.whl")
    assert _chosen(Wanted("acme"), files) == ["acme-1.0-cp39-abi3-manylinux_2_17_x86_64.whl"]
    assert _chosen(Wanted("acme"), files, Target("3.8", "linux-x86_64")) == ["acme-1.0-py3-none-any.whl"]


def test_the_later_build_wins() -> None:
    files = _files("acme-1.0-1-py3-none-any.whl", "acme-1.0-10-py3-none-any.whl", "acme-1.0-2-py3-none-any.whl")
    assert _chosen(Wanted("acme"), files) == ["acme-1.0-10-py3-none-any.whl"]


def test_an_older_version_where_the_newest_needs_another_python() -> None:
    files = [
        *_files("acme-1.0-py3-none-any.whl"),
        Candidate(9, "acme-2.0-py3-none-any.whl", "2.0", requires_python=">=3.13"),
    ]
    assert _chosen(Wanted("acme"), files) == ["acme-1.0-py3-none-any.whl"]
    both = _chosen(Wanted("acme"), files, LINUX, Target("3.13", "linux-x86_64"))
    assert both == ["acme-1.0-py3-none-any.whl", "acme-2.0-py3-none-any.whl"]


def test_a_yanked_file_is_for_who_pins_it() -> None:
    files = [*_files("acme-1.0-py3-none-any.whl"), Candidate(9, "acme-2.0-py3-none-any.whl", "2.0", is_yanked=True)]
    assert _chosen(Wanted("acme"), files) == ["acme-1.0-py3-none-any.whl"]
    assert _chosen(Wanted("acme", "==2.0"), files) == ["acme-2.0-py3-none-any.whl"]


def test_only_what_the_list_names_and_has_the_digest_of() -> None:
    files = _files("acme-1.0-py3-none-any.whl", digests=frozenset({"sha256:" + "a" * 64}))
    assert _chosen(Wanted("acme", "==1.0", digests=frozenset({"sha256:" + "a" * 64})), files)
    other = Wanted("acme", "==1.0", digests=frozenset({"sha256:" + "b" * 64}))
    assert (
        choose(other, files, [LINUX]).reason
        == "The index has no file of 'acme==1.0' that the list names with its digests."
    )
    # An upstream that tells no such digest: the installer will look.
    assert _chosen(Wanted("acme", "==1.0", digests=frozenset({"sha512:" + "b" * 128})), files)
    assert _chosen(Wanted("acme", "==1.0", filenames=frozenset({"acme-1.0.tar.gz"})), files) == []


def test_why_there_is_nothing() -> None:
    files = _files("acme-1.0-cp311-cp311-win_amd64.whl")
    assert choose(Wanted("acme", ">=2"), files, [LINUX]).reason == "The index has no version of 'acme>=2'."
    assert choose(Wanted("acme"), files, [LINUX]).reason == "No file fits the targets: 3.12 linux-x86_64."
    unneeded = choose(Wanted("acme", markers=('sys_platform == "win32"',)), files, [LINUX])
    assert (unneeded.is_needed, unneeded.files) == (False, ())


def test_markers() -> None:
    assert applies((), LINUX)
    assert applies(('python_version < "3.13"',), LINUX)
    assert not applies(('python_version < "3.12"',), LINUX)
    assert applies(('sys_platform == "win32"', 'platform_machine == "x86_64"'), LINUX)
    assert applies(('extra == "fast" and sys_platform == "win32"',), LINUX)  # which extras are installed is not known
    assert applies(('"dev" in dependency_groups',), LINUX)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_takes_pure_wheels(platform: str) -> None:
    for python in ("3.9", "3.14"):
        assert _chosen(Wanted("acme"), _files("acme-1.0-py3-none-any.whl"), Target(python, platform))
    assert all(machines(Target("3.12", platform)))


@pytest.mark.parametrize(
    ("pythons", "platforms"),
    [
        ([], ["linux-x86_64"]),
        (["3.12"], []),
        (["2.7"], ["linux-x86_64"]),
        (["3.12.1"], ["linux-x86_64"]),
        (["3.12"], ["solaris"]),
        ([f"3.{minor}" for minor in range(6, 40)], ["linux-x86_64", "macos-arm64"]),
    ],
)
def test_targets_that_are_not_known(pythons: list[str], platforms: list[str]) -> None:
    with pytest.raises(Invalid):
        targets_of(pythons, platforms)


def test_targets_are_named_once() -> None:
    assert targets_of(["3.12", "3.12"], ["linux-x86_64"]) == [LINUX]
