from __future__ import annotations

import configparser
import netrc
import shlex
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from indexapp.domain import client_setup
from indexapp.domain.client_setup import IndexAddresses, Snippet

ADDRESSES = IndexAddresses("https://tpi.example/pkg", "team-a")
SIMPLE = "https://tpi.example/pkg/team-a/simple/"
UPLOAD = "https://tpi.example/pkg/team-a/legacy/"
GROUPS = (client_setup.installing, client_setup.publishing, client_setup.credentials)


def _text(snippets: Iterable[Snippet], tool: str, where: str = "") -> str:
    return next(one.text for one in snippets if (one.tool, one.where) == (tool, where))


def test_pip_conf_names_one_index() -> None:
    config = configparser.ConfigParser()
    config.read_string(_text(client_setup.installing(ADDRESSES), "pip", "pip.conf"))

    assert dict(config["global"]) == {"index-url": SIMPLE}


def test_uv_toml_and_pyproject_make_the_index_the_default() -> None:
    snippets = client_setup.installing(ADDRESSES)
    index = {"name": "team-a", "url": SIMPLE, "default": True}

    assert tomllib.loads(_text(snippets, "uv", "uv.toml")) == {"index": [index]}
    project = tomllib.loads(_text(snippets, "uv in a project", "pyproject.toml"))
    assert project["tool"]["uv"]["index"] == [index | {"publish-url": UPLOAD}]


def test_hatch_sets_both_installers() -> None:
    hatch = tomllib.loads(_text(client_setup.installing(ADDRESSES), "Hatch", "hatch.toml"))

    assert set(hatch["envs"]["default"]["env-vars"].values()) == {SIMPLE}


def test_pypirc_is_one_that_twine_reads() -> None:
    config = configparser.RawConfigParser()
    config.read_string(_text(client_setup.publishing(ADDRESSES), "twine, flit and others", "~/.pypirc"))

    assert config["distutils"]["index-servers"].split() == ["team-a"]
    assert dict(config["team-a"]) == {"repository": UPLOAD, "username": "__token__"}


def test_netrc_has_the_host_without_port(tmp_path: Path) -> None:
    addresses = IndexAddresses("http://127.0.0.1:8000", "main")
    file = tmp_path / "netrc"
    file.write_text(_text(client_setup.credentials(addresses), "pip, uv, Poetry, PDM", "~/.netrc"))

    assert netrc.netrc(str(file)).authenticators("127.0.0.1") == ("__token__", "", "$TPI_TOKEN")


def test_uv_finds_the_token_under_the_indexs_name() -> None:
    assert "UV_INDEX_TEAM_A_PASSWORD=" in _text(client_setup.credentials(ADDRESSES), "uv")


@pytest.mark.parametrize("group", GROUPS)
def test_no_snippet_adds_an_extra_index_or_holds_a_secret(group: object) -> None:
    for snippet in group(ADDRESSES):  # type: ignore[operator]
        assert "extra" not in snippet.text
        assert "tpi_" not in snippet.text


def test_install_lines_are_pinned_when_asked() -> None:
    free = client_setup.install_lines(ADDRESSES, "acme-tool")
    pinned = client_setup.install_lines(ADDRESSES, "acme-tool", "1!2.0+build.1")

    assert shlex.split(free[0].text) == ["pip", "install", "--index-url", SIMPLE, "acme-tool"]
    assert [one.tool for one in pinned] == ["pip", "uv", "Poetry"]
    assert all(shlex.split(one.text)[-1] == "acme-tool==1!2.0+build.1" for one in pinned)
    assert "'acme-tool==1!2.0+build.1'" in pinned[0].text  # a bare ! is history in an interactive shell
