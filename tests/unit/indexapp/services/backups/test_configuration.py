from __future__ import annotations

import pytest

from indexapp.services.backups.configuration import LEFT_OUT, as_json, settings_by_name
from tpi_site.settings import env

CANARY = "canary-8d1f"
SECRETS = [
    *("TPI_SECRET_KEY", "TPI_TOKEN_PEPPER", "TPI_KEYRING", "TPI_AUDIT_KEY", "TPI_ADMIN_PASSWORD", "TPI_LDAP"),
]


@pytest.mark.parametrize("name", SECRETS)
def test_of_a_secret_it_tells_only_that_it_is_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, CANARY)
    assert settings_by_name()[name] == LEFT_OUT
    assert CANARY.encode() not in as_json()


def test_a_secret_that_a_file_holds_is_left_out_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPI_CACHE_URL_FILE", f"/run/{CANARY}")
    assert settings_by_name()["TPI_CACHE_URL"] == LEFT_OUT


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"postgres://tpi:{CANARY}@db.tpi.example:5432/tpi", "postgres://tpi@db.tpi.example:5432/tpi"),
        (
            f"postgres://tpi:{CANARY}@db.tpi.example/tpi?sslmode=require",
            "postgres://tpi@db.tpi.example/tpi?sslmode=require",
        ),
        (f"postgres://db.tpi.example/tpi?password={CANARY}", "postgres://db.tpi.example/tpi"),
        (f"postgres://tpi:{CANARY}@[broken/tpi", LEFT_OUT),
        ("sqlite:////data/tpi.sqlite3", "sqlite:////data/tpi.sqlite3"),
    ],
)
def test_an_address_is_shown_without_what_opens_it(given: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPI_DATABASE_URL", given)
    assert settings_by_name()["TPI_DATABASE_URL"] == shown


def test_what_is_needed_to_start_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPI_URL", "https://tpi.example/pkg")
    monkeypatch.setenv("TPI_TOKEN_MAX_DAYS", "30")
    found = settings_by_name()
    assert (found["TPI_URL"], found["TPI_TOKEN_MAX_DAYS"]) == ("https://tpi.example/pkg", "30")
    assert {*found} <= {*env.declared}
