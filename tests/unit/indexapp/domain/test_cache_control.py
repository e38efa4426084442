from __future__ import annotations

import pytest

from indexapp.domain.cache_control import file_cache_control, page_cache_control, page_vary


@pytest.mark.parametrize("choose", [page_cache_control, file_cache_control])
def test_only_what_needed_no_credentials_enters_shared_caches(choose):
    assert choose(credentials_needed=True).startswith("private, ")
    assert choose(credentials_needed=False).startswith("public, ")


@pytest.mark.parametrize("credentials_needed", [True, False])
def test_pages_are_asked_about_each_time_and_files_never_again(credentials_needed):
    assert "max-age=0, must-revalidate" in page_cache_control(credentials_needed=credentials_needed)
    assert "max-age=365000000, immutable" in file_cache_control(credentials_needed=credentials_needed)


def test_a_private_page_varies_by_credentials_too():
    assert page_vary(credentials_needed=False) == "Accept, Accept-Encoding"
    assert page_vary(credentials_needed=True) == "Accept, Accept-Encoding, Authorization"
