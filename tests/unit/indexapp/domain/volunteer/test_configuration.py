"""The one file of a volunteer's mirror: what it may say, and what is answered where it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexapp.domain.volunteer.configuration import Configuration, ConfigurationInvalid, read

ROOT = Path(__file__).resolve().parents[5]
URL = "https://upstream.example/simple/"
LEAST = 'folder = "tree"\ncontact = "mirror@volunteer.example"\n'
ALL = "[projects]\nall = true\n"


def configured(text: str, place: Path = Path("/srv")) -> Configuration:
    return read(text, place=place, pypi=URL)


def test_little_is_needed() -> None:
    found = configured(LEAST + ALL)
    assert (found.folder, found.state) == (Path("/srv/tree"), Path("/srv/tree.state"))
    assert (found.source.url, found.source.connections, found.budget) == (URL, 4, None)
    assert (found.choice.names, found.filter.newest, found.filter.takes_name("anything")) == (None, None, True)


def test_the_shipped_example_holds_and_shows_what_holds_without_it() -> None:
    text = (ROOT / "deploy/volunteer-mirror.toml").read_text()
    found = configured(text)
    assert found.choice.names == ("pip", "setuptools", "wheel")
    shown = (
        "connections",
        "retries",
        "pause_seconds",
        "prereleases",
        "wheels",
        "sdists",
        "keep_free",
        "yanked",
        "deleted",
    )
    shown += ("grace_hours", "most_deletions_percent", "interval_minutes", "manifest", "state")
    for key in shown:
        assert f"\n# {key} = " in text
        text = text.replace(f"\n# {key} = ", f"\n{key} = ")
    again = configured(text)
    assert again == found


def test_sizes_names_and_patterns() -> None:
    found = configured(
        f'{LEAST}[projects]\ninclude = ["Acme_*"]\nexclude = ["acme-x"]\n[room]\nbudget = "1.5 GB"\nkeep_free = 5\n'
        '[files]\nmax_size = "2 MiB"\n[upstream]\nbytes_per_second = "10 kB"\n'
    )
    assert (found.budget, found.keep_free, found.filter.max_file_size) == (1_500_000_000, 5, 2 * 2**20)
    assert found.source.bytes_per_second == 10_000
    assert [found.filter.takes_name(name) for name in ("acme-y", "acme-x", "other")] == [True, False, False]
    named = configured(f'{LEAST}[projects]\nnames = ["B.b", "a", "b-b"]\n')
    assert named.choice.names == ("a", "b-b")


def test_a_list_of_requirements(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("Acme_Tool==1.1\nother>=2\n")
    text = f'{LEAST}[projects]\nrequirements = "requirements.txt"\n'
    found = configured(text, tmp_path)
    assert found.choice.names == ("acme-tool", "other")
    assert found.choice.takes_version("acme-tool", "9.0")
    found = configured(f'{text}versions = "required"\n', tmp_path)
    asked = [("acme-tool", "1.1"), ("acme-tool", "1.2"), ("other", "2.5"), ("other", "1.0")]
    assert [found.choice.takes_version(*each) for each in asked] == [True, False, True, False]


WRONG = [
    ("folder = [", "The file is no TOML"),
    (
        'contact = "a@b.example"\n' + ALL,
        'folder: write the folder of the mirror, for example folder = "/srv/tpi-static".',
    ),
    ('folder = "x"\n' + ALL, "contact: write your mail address"),
    (LEAST + 'state = "tree/state"\n' + ALL, "state: write a folder that is neither in"),
    (LEAST, "projects.all: write exactly one of all, names, include, requirements, newest"),
    (LEAST + "[projects]\nall = false\n", "projects.all: write exactly one of"),
    (LEAST + "[projects]\nall = true\nnewest = 5\n", "projects.newest: write exactly one of"),
    (LEAST + "[projects]\nnewest = 0\n", "projects.newest: write a whole number from 1 to"),
    (
        LEAST + '[projects]\nnames = ["a*"]\n',
        "projects.names: 'a*' is no name of a project. For patterns write 'include'.",
    ),
    (LEAST + "[projects]\nnames = []\n", "projects.names: write a list of names"),
    (LEAST + '[projects]\nrequirements = "none.txt"\n', "projects.requirements: there is no file /srv/none.txt."),
    (LEAST + ALL + 'versions = "required"\n', 'projects.versions: "required" needs a list'),
    (
        LEAST + ALL + "[files]\nnewest_release = 3\n",
        "files.newest_release: there is no such key; did you mean 'newest_releases'?",
    ),
    (
        LEAST + ALL + "[files]\nwheels = false\nsdists = false\n",
        "files.sdists: write true for 'wheels' or for 'sdists'",
    ),
    (LEAST + ALL + '[files]\npythons = ["3.x"]\n', "files.pythons: '3.x' is not a version of Python"),
    (LEAST + ALL + '[files]\nplatforms = ["amiga"]\n', "files.platforms: 'amiga' is not a platform that is known"),
    (LEAST + ALL + '[room]\nbudget = "much"\n', 'room.budget: write a size such as "200 GB"'),
    (LEAST + ALL + "[room]\nbudget = -1\n", "room.budget: write a size"),
    (LEAST + ALL + "[room]\nbudget = true\n", "room.budget: write a size"),
    (LEAST + "room = 5\n" + ALL, "room: write a table, beginning with the line [room]"),
    (LEAST + ALL + '[changes]\nyanked = "hide"\n', 'changes.yanked: write one of "follow", "skip", not \'hide\'.'),
    (LEAST + ALL + '[upstream]\nurl = "ftp://x/"\n', "upstream.url: write the root of a simple index"),
    (LEAST + ALL + '[upstream]\nurl = "https://u:p@x/simple/"\n', "upstream.url: write the user name as 'username'"),
    (
        LEAST + ALL + "[upstream]\nconnections = 100\n",
        "upstream.connections: write a whole number from 1 to 32, not 100.",
    ),
    (LEAST + ALL + '[run]\nmanifest = "yes"\n', "run.manifest: write true or false, not 'yes'."),
    (LEAST + ALL + "[budget]\n", "budget: there is no such key"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said.partition(":")[0] for _, said in WRONG])
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refusal:
        configured(text)
    assert said in refusal.value.detail


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationInvalid) as refusal:
        configured('folder = 5\ncontact = "x"\n[projects]\nal = true\n[run]\ninterval_minutes = 0\n')
    assert [line.partition(":")[0] for line in refusal.value.detail.splitlines()] == [
        "folder",
        "folder",
        "contact",
        "projects.all",
        "projects.al",
        "run.interval_minutes",
    ]


def test_another_aim_is_seen() -> None:
    aims = {
        configured(LEAST + ALL + more).aim
        for more in ("", "[files]\nnewest_releases = 3\n", '[changes]\nyanked = "skip"\n')
    }
    assert len(aims) == 3
    assert configured(LEAST + ALL + "[run]\ninterval_minutes = 5\n").aim in aims
