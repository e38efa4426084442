"""``manage.py check`` on the directories that the environment configures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.services.directories import environment
from tests.factories.directories import silent_directory
from tpi_site import directory_checks
from tpi_site.settings import directories, env

pytestmark = pytest.mark.django_db
GOOD = {
    "HOSTS": "ldap.tpi.example",
    "BIND_DN": "cn=tpi,dc=tpi",
    "BIND_PASSWORD": "a secret of the service",
    "USER_BASE": "ou=people,dc=tpi",
}


@pytest.fixture(autouse=True)
def _own_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "declared", dict(env.declared))
    monkeypatch.setattr(env, "problems", [])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """The numbers and sentences of the checks for these names, all with the fields of ``GOOD`` but for ``others``."""

    def ask(names: str, **others: str) -> list[tuple[str | None, str]]:
        monkeypatch.setenv("TPI_LDAP", names)
        for name in names.split(","):
            for field, value in (GOOD | others).items():
                monkeypatch.setenv(f"TPI_LDAP_{environment.variable_part(name.strip())}_{field}", value)
        settings.TPI_DIRECTORIES = directories.read()
        return [(message.id, f"{message.msg} {message.hint}") for message in directory_checks.directories(None)]

    return ask


def test_what_could_be_used_is_not_spoken_of(told: Any, settings: Any) -> None:
    assert told("corp,head-office") == []
    settings.TPI_DIRECTORIES = {}
    assert list(directory_checks.directories(None)) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("KIND", "openldap", "TPI_LDAP_CORP_KIND"),
        ("SECURITY", "none", "TPI_LDAP_CORP_SECURITY"),
        ("BIND", "anonymous", "TPI_LDAP_CORP_BIND:"),
        ("NESTING", "deep", "TPI_LDAP_CORP_NESTING"),
        ("REMOVAL_LIMIT", "70000", "from 1 to 100"),
        ("PAGE_SIZE", "70000", "from 1 to 32767"),
        ("HOSTS", "ldaps://ldap.tpi.example", "is not a host"),
        ("HOSTS", "", "TPI_LDAP_CORP_HOSTS"),
        ("USER_BASE", "", "TPI_LDAP_CORP_USER_BASE"),
        ("USER_FILTER", "objectClass=person", "filter of people"),
        ("BIND_PASSWORD", "", "bind account's password"),
        ("BIND_DN", "", "let people bind directly"),
    ],
)
def test_a_value_that_makes_no_directory(told: Any, field: str, value: str, words: str) -> None:
    [(number, sentence)] = told("corp", **{field: value})
    assert number == "tpi.E014"
    assert words in sentence
    assert "'corp'" in sentence
    assert "secret" not in sentence


def test_each_field_that_is_wrong_is_told_with_its_variable(told: Any) -> None:
    sentences = [sentence for _, sentence in told("corp", HOSTS="ldaps://x", BIND_DN="", USER_FILTER="uid=*")]
    assert [sentence.split(": ")[1] for sentence in sentences] == [
        "TPI_LDAP_CORP_HOSTS",
        "TPI_LDAP_CORP_BIND_DN",
        "TPI_LDAP_CORP_USER_FILTER",
    ]


def test_a_name_that_no_directory_can_have(told: Any) -> None:
    [(number, sentence)] = told("Corp Berlin")
    assert number == "tpi.E014"
    assert "lower-case letters" in sentence


@pytest.mark.parametrize("names", ["corp,corp", "head-office,head_office", "corp,CORP"])
def test_names_that_read_the_same_variables(told: Any, names: str) -> None:
    found = [sentence for number, sentence in told(names) if number == "tpi.E015"]
    assert len(found) == 1
    assert f"TPI_LDAP_{environment.variable_part(names.partition(',')[0])}_" in found[0]


def test_a_name_that_the_console_has(told: Any) -> None:
    silent_directory("corp")
    [(number, sentence)] = told("corp")
    assert number == "tpi.W016"
    assert "made in the console" in sentence
    silent_directory("other", origin="environment")
    assert told("other") == []


def test_a_file_of_certificates_that_is_not_there(told: Any, tmp_path: Path) -> None:
    told("corp", CA_FILE=str(tmp_path / "nothing.pem"))
    assert [problem.variable for problem in env.problems] == ["TPI_LDAP_CORP_CA_FILE"]
