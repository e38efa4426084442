from __future__ import annotations

import pytest
from packaging.tags import Tag

from indexapp.domain.platform_tags import is_platform_allowed, require_allowed_platforms
from indexapp.domain.profiles import UploadProfile
from tpi_site.kit.errors import Invalid

PYPI = [
    "any",
    "win32",
    "win_amd64",
    "win_arm64",
    "win_ia64",
    "manylinux1_x86_64",
    "manylinux2010_i686",
    "manylinux2014_aarch64",
    "manylinux2014_ppc64",
    "manylinux_2_17_x86_64",
    "manylinux_2_39_riscv64",
    "manylinux_2_28_ppc64",
    "musllinux_1_2_aarch64",
    "linux_armv6l",
    "linux_armv7l",
    "macosx_10_9_x86_64",
    "macosx_10_6_intel",
    "macosx_11_0_arm64",
    "macosx_15_0_universal2",
    "macosx_26_0_arm64",
    "ios_13_0_arm64_iphoneos",
    "ios_13_0_x86_64_iphonesimulator",
    "android_21_arm64_v8a",
    "android_24_x86_64",
    "pyemscripten_2025_0_wasm32",
]
COMPANY = [
    "linux_x86_64",
    "linux_aarch64",
    "manylinux_2_40_loongarch64",
    "musllinux_1_2_ppc64",
    "macosx_14_2_arm64",
    "macosx_27_0_arm64",
    "win_riscv64",
    "freebsd_14_release_amd64",
    "aix_7_2_ppc64",
]
NOBODY = ["", "anything", "beos", "any\n", "linux", "manylinux1_x86_64x", "dos_8086", "manylinux2014"]


def tags(*platforms: str) -> list[Tag]:
    return [Tag("cp311", "cp311", platform) for platform in platforms]


@pytest.mark.parametrize("platform", PYPI)
def test_pypis_tags_are_allowed_in_every_profile(platform):
    assert is_platform_allowed(platform)
    for profile in UploadProfile:
        require_allowed_platforms(tags(platform), None, profile)


@pytest.mark.parametrize("platform", COMPANY)
def test_a_companys_own_machines_are_allowed_but_not_by_pypis_rules(platform):
    assert not is_platform_allowed(platform)
    require_allowed_platforms(tags(platform), None, UploadProfile.ENTERPRISE)
    require_allowed_platforms(tags(platform), None, UploadProfile.SNAPSHOT)
    with pytest.raises(Invalid):
        require_allowed_platforms(tags(platform), None, UploadProfile.PYPI_STRICT)


@pytest.mark.parametrize("platform", NOBODY)
def test_other_tags_are_refused_in_every_profile(platform):
    for profile in UploadProfile:
        with pytest.raises(Invalid) as refused:
            require_allowed_platforms(tags(platform), None, profile)
        assert refused.value.code == "platform-tag-not-allowed"
        assert refused.value.detail.isprintable()


def test_extra_patterns_add_to_pypis_list():
    assert is_platform_allowed("beos_5_x86", ["beos_*"])
    assert is_platform_allowed("any", ["beos_*"])


def test_every_tag_has_to_be_allowed():
    with pytest.raises(Invalid, match="beos"):
        require_allowed_platforms(tags("any", "win32", "beos"), None, UploadProfile.ENTERPRISE)


@pytest.mark.parametrize("profile", UploadProfile)
def test_an_indexs_own_list_stands_instead_of_the_profiles(profile):
    patterns = ["any", "manylinux*", "beos"]
    require_allowed_platforms(tags("any", "manylinux_2_17_x86_64", "beos"), patterns, profile)
    with pytest.raises(Invalid, match="win_amd64"):
        require_allowed_platforms(tags("win_amd64"), patterns, profile)


def test_an_empty_list_is_no_list():
    require_allowed_platforms(tags("any"), [], UploadProfile.PYPI_STRICT)


def test_no_tags_need_no_permission():
    require_allowed_platforms([], ["any"], UploadProfile.PYPI_STRICT)
