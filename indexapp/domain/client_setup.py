"""Lines to paste: how each client installs from an index and publishes to it.

Every line names the index as the only one (``--index-url``, ``default = true``), never as an extra one: installers ask
extra indexes too when the first refuses, and a stranger's project of the same name would answer.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

TOKEN = "$TPI_TOKEN"  # noqa: S105  a placeholder


@dataclass(frozen=True)
class Snippet:
    """Something to paste: ``where`` is the file that it belongs in, empty for a command line."""

    tool: str
    text: str
    where: str = ""
    note: str = ""


@dataclass(frozen=True)
class IndexAddresses:
    """The public addresses of one index; ``base`` is the site's root URL without a final slash."""

    base: str
    index: str

    @property
    def simple(self) -> str:
        """What installers ask."""
        return f"{self.base}/{self.index}/simple/"

    @property
    def upload(self) -> str:
        """Where uploads go."""
        return f"{self.base}/{self.index}/legacy/"

    @property
    def host(self) -> str:
        """Host without port, as netrc wants it."""
        return urlsplit(self.base).hostname or ""

    @property
    def variable(self) -> str:
        """The index's name inside names of environment variables."""
        return self.index.upper().replace("-", "_")


def install_lines(addresses: IndexAddresses, project: str, version: str = "") -> list[Snippet]:
    """How pip, uv and Poetry install the project; pinned when ``version`` is given."""
    requirement = shlex.quote(f"{project}=={version}" if version else project)
    index = addresses.index
    return [
        Snippet("pip", f"pip install --index-url {addresses.simple} {requirement}"),
        Snippet("uv", f"uv add --default-index {index}={addresses.simple} {requirement}"),
        Snippet(
            "Poetry",
            f"poetry source add --priority=primary {index} {addresses.simple}\n"
            f"poetry add --source {index} {requirement}",
        ),
    ]


def installing(addresses: IndexAddresses, *, takes_uploads: bool = True) -> list[Snippet]:
    """The settings with which each client installs from the index."""
    index, simple = addresses.index, addresses.simple
    publish = f'publish-url = "{addresses.upload}"\n' if takes_uploads else ""
    return [
        Snippet("pip", f"[global]\nindex-url = {simple}\n", "pip.conf"),
        Snippet("uv", f'[[index]]\nname = "{index}"\nurl = "{simple}"\ndefault = true\n', "uv.toml"),
        Snippet(
            "uv in a project",
            f'[[tool.uv.index]]\nname = "{index}"\nurl = "{simple}"\n{publish}default = true\n',
            "pyproject.toml",
        ),
        Snippet("Poetry", f"poetry source add --priority=primary {index} {simple}"),
        Snippet("PDM", f"pdm config pypi.url {simple}"),
        Snippet(
            "Hatch",
            f'[envs.default.env-vars]\nPIP_INDEX_URL = "{simple}"\nUV_DEFAULT_INDEX = "{simple}"\n',
            "hatch.toml",
        ),
    ]


def publishing(addresses: IndexAddresses) -> list[Snippet]:
    """How each client publishes to the index."""
    index, upload = addresses.index, addresses.upload
    pypirc = f"[distutils]\nindex-servers = {index}\n\n[{index}]\nrepository = {upload}\nusername = __token__\n"
    return [
        Snippet("twine", f"twine upload --repository-url {upload} --username __token__ dist/*"),
        Snippet("uv", f"uv publish --publish-url {upload} --token {TOKEN} dist/*"),
        Snippet(
            "Poetry",
            f"poetry config repositories.{index} {upload}\n"
            f"poetry config pypi-token.{index} {TOKEN}\n"
            f"poetry publish --build --repository {index}",
        ),
        Snippet("PDM", f"pdm publish --repository {upload} --username __token__ --password {TOKEN}"),
        Snippet("Hatch", f"hatch publish --repo {upload} --user __token__ --auth {TOKEN}"),
        Snippet("flit", f"FLIT_INDEX_URL={upload} FLIT_USERNAME=__token__ FLIT_PASSWORD={TOKEN} flit publish"),
        Snippet("twine, flit and others", pypirc, "~/.pypirc"),
    ]


def credentials(addresses: IndexAddresses) -> list[Snippet]:
    """Where clients find the token."""
    index, simple = addresses.index, addresses.simple
    return [
        Snippet("pip, uv, Poetry, PDM", f"machine {addresses.host}\nlogin __token__\npassword {TOKEN}\n", "~/.netrc"),
        Snippet(
            "keyring",
            f"keyring set {simple} __token__\nkeyring set {addresses.upload} __token__",
            note="pip and twine ask the keyring when it is installed; the second line is for twine.",
        ),
        Snippet(
            "uv",
            f"export UV_INDEX_{addresses.variable}_USERNAME=__token__\n"
            f'export UV_INDEX_{addresses.variable}_PASSWORD="{TOKEN}"',
        ),
        Snippet("Poetry", f"poetry config http-basic.{index} __token__ {TOKEN}"),
    ]
