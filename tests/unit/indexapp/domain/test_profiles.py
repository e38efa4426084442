from __future__ import annotations

from indexapp.domain.profiles import UploadProfile


def test_the_stored_values_never_change():
    assert {profile.name: profile.value for profile in UploadProfile} == {
        "ENTERPRISE": "enterprise",
        "PYPI_STRICT": "pypi-strict",
        "SNAPSHOT": "snapshot",
    }


def test_only_pypi_strict_is_strict():
    assert [profile for profile in UploadProfile if profile.is_strict] == [UploadProfile.PYPI_STRICT]
