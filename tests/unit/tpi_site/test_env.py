from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.threads import together
from tpi_site.settings import env


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "problems", [])
    monkeypatch.setattr(env, "declared", {})


def given(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TPI_X", value)


def told() -> list[str]:
    return [problem.sentence for problem in env.problems if problem.variable == "TPI_X"]


@pytest.mark.parametrize(("value", "read"), [("7", 7), ("", 5), ("+7", 7), (" 7 ", 7)])
def test_a_whole_number(monkeypatch: pytest.MonkeyPatch, value: str, read: int) -> None:
    given(monkeypatch, value)
    assert env.integer("TPI_X", 5, minimum=1) == read
    assert told() == []


@pytest.mark.parametrize("value", ["0", "-3", "many", "1.5", "1e3"])
def test_what_is_no_such_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given(monkeypatch, value)
    assert env.integer("TPI_X", 5, minimum=1) == 5
    assert told() == ["the value must be a whole number of at least 1."]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("on", True),
        ("TRUE", True),
        ("yes", True),
        ("1", True),
        ("off", False),
        ("no", False),
        ("0", False),
        ("", False),
    ],
)
def test_a_switch(monkeypatch: pytest.MonkeyPatch, value: str, read: bool) -> None:
    given(monkeypatch, value)
    assert env.switch("TPI_X", default=False) is read
    assert told() == []


def test_what_is_no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "maybe")
    assert env.switch("TPI_X", default=True) is True
    assert told() == ["the value must be on or off."]


def test_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "b")
    assert env.choice("TPI_X", "a", ("a", "b")) == "b"
    given(monkeypatch, "c")
    assert env.choice("TPI_X", "a", ("a", "b")) == "a"
    assert told() == ["the value must be one of a, b."]


def test_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.words("TPI_X", ("x", "y")) == ["x", "y"]
    given(monkeypatch, " a, b,,c ")
    assert env.words("TPI_X", ("x",)) == ["a", "b", "c"]


def test_a_file_gives_the_value_where_the_platform_mounts_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("from a file\n")
    monkeypatch.setenv("TPI_X_FILE", str(path))
    assert env.text("TPI_X") == "from a file"
    assert told() == []


def test_a_value_given_twice_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("file")
    given(monkeypatch, "direct")
    monkeypatch.setenv("TPI_X_FILE", str(tmp_path / "secret"))
    env.text("TPI_X")
    assert told() == ["both TPI_X and TPI_X_FILE are set; keep one of them."]


def test_a_file_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TPI_X_FILE", str(tmp_path / "nowhere"))
    assert env.text("TPI_X", "default") == "default"
    assert len(told()) == 1
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("TPI_X_FILE", str(tmp_path / "binary"))
    assert env.text("TPI_X", "default") == "default"
    assert len(told()) == 2


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    first = env.generated_secret("TPI_X", path)
    assert len(first) > 60
    assert env.generated_secret("TPI_X", path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["secret"]


def test_two_first_starts_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert len(set(together([lambda: env.generated_secret("TPI_X", path)] * 8))) == 1


@pytest.mark.parametrize("weak", ["short", "a" * 64, "ab" * 40])
def test_a_weak_secret_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weak: str) -> None:
    given(monkeypatch, weak)
    env.generated_secret("TPI_X", tmp_path / "secret")
    assert told() == ["the secret is weak; give at least 32 random characters."]
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    ("value", "engine", "name"),
    [
        ("sqlite:////srv/tpi.sqlite3", "django.db.backends.sqlite3", "/srv/tpi.sqlite3"),
        ("postgres://u:p@db.tpi.example:5433/tpi", "django.db.backends.postgresql", "tpi"),
    ],
)
def test_a_database(monkeypatch: pytest.MonkeyPatch, value: str, engine: str, name: str) -> None:
    given(monkeypatch, value)
    found = env.database("TPI_X", "sqlite:///x")
    assert (found["ENGINE"], found["NAME"]) == (engine, name)
    assert told() == []


def test_a_database_of_several_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "postgres://u:p%40@[::1]:5433,b.tpi.example,c.tpi.example:5434/tpi?connect_timeout=2")
    found = env.database("TPI_X", "sqlite:///x")
    assert (found["ENGINE"], found["NAME"]) == ("tpi_site.kit.postgresql", "tpi")
    assert (found["HOST"], found["PORT"]) == ("::1,b.tpi.example,c.tpi.example", "5433,5432,5434")
    assert (found["USER"], found["PASSWORD"]) == ("u", "p@")
    assert found["OPTIONS"]["connect_timeout"] == 2
    assert found["OPTIONS"]["target_session_attrs"] == "read-write"
    assert told() == []


def test_a_server_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "postgres://u@db.tpi.example/tpi")
    options = env.database("TPI_X", "sqlite:///x")["OPTIONS"]
    assert {"connect_timeout", "keepalives_idle", "tcp_user_timeout"} <= set(options)


@pytest.mark.parametrize(
    "value",
    [
        "mysql://u:secret@h/d",
        "nonsense",
        "postgres://u:secret@h:port/d",
        "oracle://x",
        "postgres://u:secret@a:1,b:port/d",
        "postgres://u:secret@a,/d",
        "mysql://u:secret@a,b/d",
        "postgres://u:secret@h/d?pool=true",
    ],
)
def test_what_is_no_database_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given(monkeypatch, value)
    assert env.database("TPI_X", "sqlite:///x")["ENGINE"] == "django.db.backends.sqlite3"
    assert len(told()) == 1
    assert "secret" not in told()[0]


def test_whatever_is_read_is_declared() -> None:
    env.text("TPI_X", "a")
    env.integer("TPI_Y", 3)
    assert env.declared == {"TPI_X": "a", "TPI_Y": "3"}


def test_a_replica_is_a_server_that_may_be_a_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    found = env.replica("TPI_X", "postgres://u@a.tpi.example,b.tpi.example/tpi")
    assert (found["ENGINE"], found["HOST"]) == ("django.db.backends.postgresql", "a.tpi.example,b.tpi.example")
    assert found["OPTIONS"]["target_session_attrs"] == "any"
    assert told() == []
    env.replica("TPI_X", "sqlite:///nothing")
    assert told() == ["the value must be a postgres:// address."]
