"""What the mirror has, and what it still wants, in one SQLite file beside the tree.

The tree is written before the ledger says so: who is killed in between finds a right file in its place and notes it then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from indexapp.domain.simple_root import ProjectRow
from indexapp.services.static_export.ledger import Ledger
from indexapp.services.volunteer.rows import FILE, KNOWN, TABLES, Known, KnownFile, Totals

_FOLLOWED: Final = ("position", "rank", "requires_python", "yanked", "metadata", "provenance", "url", "version")
_MOST_PAUSE: Final = 6 * 3600.0
_LONGEST: Final = 300


class MirrorLedger(Ledger):
    """Used by one thread; each step is committed by :meth:`save`.  What failed is left alone for ``pause`` seconds first."""

    def __init__(self, place: Path, *, pause: float = 30.0) -> None:
        super().__init__(str(place))
        self._pause = pause
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("PRAGMA synchronous=NORMAL")
        self._rows.execute("PRAGMA cache_size=-8000")
        self._rows.executescript(TABLES)

    def save(self) -> None:
        """Keep what was noted."""
        self._rows.commit()

    def drop(self) -> None:
        """Forget what was not saved."""
        self._rows.rollback()

    def note(self, key: str, value: object) -> None:
        """Remember a value under a key."""
        self._rows.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, str(value)])

    def noted(self, key: str, default: str = "") -> str:
        """What was remembered."""
        row = self._one("SELECT value FROM meta WHERE key = ?", key)
        return default if row is None else str(row[0])

    def try_again(self) -> None:
        """What failed need not wait any longer."""
        self._rows.execute("UPDATE project SET retry_at = 0 WHERE retry_at > 0")
        self._rows.execute("UPDATE file SET retry_at = 0 WHERE retry_at > 0")

    def look_anew(self) -> None:
        """Every page is to be asked for again."""
        self._rows.execute("UPDATE project SET have = NULL, etag = '', modified = '', retry_at = 0")
        self.note("list-etag", "")

    def forget_serials(self) -> None:
        """What the upstream says next is believed, however low."""
        self._rows.execute("UPDATE project SET listed = NULL, tells = 0")
        self.note("serial", 0)

    # The list of projects

    def begin_list(self) -> None:
        """Take the names of one list; nothing of them counts before :meth:`take_list`."""
        self._rows.execute("DROP TABLE IF EXISTS temp.listing")
        self._rows.execute(
            "CREATE TEMP TABLE listing (name TEXT PRIMARY KEY, display TEXT, listed INTEGER) WITHOUT ROWID"
        )

    def add_listed(self, rows: Iterable[tuple[str, str, int | None]]) -> None:
        """Normalised name, name and serial of projects that are to be copied."""
        self._rows.executemany("INSERT OR IGNORE INTO temp.listing VALUES (?, ?, ?)", rows)

    def keep_newest(self, number: int) -> None:
        """Of the list only those that changed last."""
        self._rows.execute(
            "DELETE FROM temp.listing WHERE name NOT IN"
            " (SELECT name FROM temp.listing ORDER BY coalesce(listed, 0) DESC, name LIMIT ?)",
            [number],
        )

    def absent(self) -> int:
        """How many projects have a page and are not on the list."""
        return self._count(
            "SELECT count(*) FROM project WHERE chosen = 1 AND page = 1 AND name NOT IN (SELECT name FROM temp.listing)"
        )

    def take_list(self, *, keeps_absent: bool) -> None:
        """The list counts: what is on it is copied, and what is not goes; no serial is ever set back."""
        run = self._rows.execute
        run("INSERT OR IGNORE INTO project (name, display, listed) SELECT name, display, listed FROM temp.listing")
        run(
            "UPDATE project SET display = l.display, chosen = 1,"
            " listed = CASE WHEN l.listed IS NULL THEN NULL ELSE max(l.listed, coalesce(project.listed, 0)) END"
            " FROM temp.listing l WHERE l.name = project.name AND (project.chosen = 0 OR project.display <> l.display"
            " OR l.listed IS NULL OR project.listed IS NULL OR l.listed > project.listed)"
        )
        if not keeps_absent:
            run("UPDATE project SET chosen = 0 WHERE chosen = 1 AND name NOT IN (SELECT name FROM temp.listing)")
        run("DROP TABLE temp.listing")

    def due(self, run: int, limit: int) -> list[Known]:
        """Projects whose pages are to be asked for in this run, those that changed last first."""
        rows = self._rows.execute(
            f"SELECT {', '.join(KNOWN)} FROM project WHERE chosen = 1 AND asked <> ? AND retry_at <= ?"  # noqa: S608  names of columns
            " AND (listed IS NULL OR have IS NULL OR listed > have) ORDER BY coalesce(listed, 0) DESC, name LIMIT ?",
            [run, time.time(), limit],
        )
        return [Known(*row) for row in rows]

    # Projects

    def set_project(self, name: str, **values: Any) -> None:
        """Note these columns of a project."""
        named = ", ".join(f"{column} = ?" for column in values)
        self._rows.execute(f"UPDATE project SET {named} WHERE name = ?", [*values.values(), name])  # noqa: S608  names of columns

    def failed(self, name: str, failure: str, most: float = _MOST_PAUSE) -> None:
        """The project could not be asked for; it is tried again, later each time."""
        self._put_off("project", "name", name, failure, most)

    def unsettled(self, limit: int) -> list[tuple[str, str, str, int | None, int, int, int]]:
        """Projects whose pages may be others than they are in the tree.

        Name, status, its reason, serial, how many files the upstream has, how the page stands, whether it is chosen.
        """
        return self._rows.execute(
            "SELECT name, status, reason, have, offered, page, chosen FROM project WHERE dirty = 1 LIMIT ?", [limit]
        ).fetchall()

    def unchosen(self, limit: int) -> list[str]:
        """Projects that are copied no more and of which something is left."""
        rows = self._rows.execute(
            "SELECT name FROM project WHERE chosen = 0 AND dirty = 0 AND page <> 2 LIMIT ?", [limit]
        )
        return [row[0] for row in rows]

    def missing(self) -> list[str]:
        """Projects with a page here that the upstream, asked for them alone, does not have."""
        return [row[0] for row in self._rows.execute("SELECT name FROM project WHERE missing = 1 AND page = 1")]

    def going(self, limit: int) -> list[str]:
        """Projects whose pages are on their way out."""
        return [row[0] for row in self._rows.execute("SELECT name FROM project WHERE page = 2 LIMIT ?", [limit])]

    def strike_out(self, name: str) -> None:
        """Nothing of the project is here any more, or will be once its files are gone."""
        self._rows.execute("DELETE FROM project WHERE name = ? AND chosen = 0", [name])

    def roots(self) -> Iterator[ProjectRow]:
        """The projects that have a page, by name."""
        yield from self._rows.execute(
            "SELECT display, name, coalesce(have, 0) FROM project WHERE page = 1 ORDER BY name"
        )

    # Files

    def files_of(self, project: str, *, shown: bool = False) -> list[KnownFile]:
        """The files of a project that are wanted; with ``shown`` those that its page may name."""
        where = " AND held = 1 AND over = 0" if shown else ""
        return self._files(f"project = ? AND wanted = 1{where} ORDER BY position, filename", [project])

    def lacking(self, run: int, limit: int) -> list[KnownFile]:
        """Files that are to be fetched in this run, or of which something beside them is; the most wanted first."""
        where = "wanted = 1 AND done = 0 AND over = 0 AND tried <> ? AND retry_at <= ?"
        return self._files(f"{where} ORDER BY rank, upload_time DESC, path LIMIT ?", [run, time.time(), limit])

    def want(self, rows: Iterable[KnownFile]) -> None:
        """These files are wanted as they are described now."""
        columns = FILE[:14]
        follows = ", ".join(f"{column} = excluded.{column}" for column in _FOLLOWED)
        self._rows.executemany(
            f"INSERT INTO file ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  names of columns
            f" ON CONFLICT (path) DO UPDATE SET {follows}, size = coalesce(excluded.size, size), wanted = 1, gone_at = NULL,"
            " done = done AND metadata IS excluded.metadata AND provenance IS excluded.provenance,"
            " has_metadata = has_metadata AND metadata IS excluded.metadata",
            (row[:14] for row in rows),
        )

    def unwant(self, project: str, paths: Sequence[str] | None = None) -> None:
        """These files of a project, or all, are on no page any more; what is here of them stays for a while."""
        now = time.time()
        which = [(now, path) for path in paths] if paths is not None else None
        if which is None:
            self._rows.execute(
                "UPDATE file SET wanted = 0, gone_at = ? WHERE project = ? AND wanted = 1", [now, project]
            )
        else:
            self._rows.executemany("UPDATE file SET wanted = 0, gone_at = ? WHERE path = ?", which)
        self._rows.execute("DELETE FROM file WHERE project = ? AND wanted = 0 AND held = 0", [project])

    def set_file(self, path: str, **values: Any) -> None:
        """Note these columns of a file."""
        named = ", ".join(f"{column} = ?" for column in values)
        self._rows.execute(f"UPDATE file SET {named} WHERE path = ?", [*values.values(), path])  # noqa: S608  names of columns

    def file_failed(self, path: str, failure: str) -> None:
        """The file could not be had; it is tried again, later each time."""
        self._put_off("file", "path", path, failure, _MOST_PAUSE)

    def leaving(self, before: float, limit: int) -> list[str]:
        """Files that no page has named since a moment; of projects whose pages are settled."""
        rows = self._rows.execute(
            "SELECT f.path FROM file f LEFT JOIN project p ON p.name = f.project WHERE f.wanted = 0 AND f.gone_at <= ?"
            " AND coalesce(p.dirty, 0) = 0 AND coalesce(p.page, 0) <> 2 LIMIT ?",
            [before, limit],
        )
        return [row[0] for row in rows]

    def lacking_paths(self) -> Iterator[str]:
        """Of the files that are wanted and not here."""
        for row in self._rows.execute("SELECT path FROM file WHERE wanted = 1 AND held = 0 AND over = 0"):
            yield row[0]

    def knows(self, path: str) -> bool:
        """Whether a file of the tree is a page's, named by one, or kept for a while."""
        return self.has(path) or self._one("SELECT 1 FROM file WHERE path = ? AND held = 1", path) is not None

    def strike_out_file(self, path: str) -> None:
        """Nothing of the file is here any more."""
        self._rows.execute("DELETE FROM file WHERE path = ?", [path])

    # The budget

    def draw_line(self, budget: int) -> None:
        """Which of the wanted files have room: the newest release of every project first, then the second, and so on.

        What does not fit is passed over, so that one large file does not keep out all that come after it.
        """
        rows = self._rows.execute(
            "SELECT path, coalesce(size, 0), over FROM file WHERE wanted = 1 ORDER BY rank, upload_time DESC, path"
        )
        self._rows.execute("CREATE TEMP TABLE moved (path TEXT PRIMARY KEY, over INTEGER) WITHOUT ROWID")
        self._rows.executemany("INSERT INTO temp.moved VALUES (?, ?)", _moved(rows, budget))
        self._rows.execute("UPDATE file SET over = m.over, tried = 0 FROM temp.moved m WHERE m.path = file.path")
        self._rows.execute("DROP TABLE temp.moved")
        self._rows.execute(
            "UPDATE project SET dirty = 1 WHERE dirty = 0 AND name IN"
            " (SELECT project FROM file WHERE wanted = 1 AND over = 1 AND held = 1)"
        )

    def wanted_bytes(self) -> int:
        """What the files that are wanted have."""
        return self._count("SELECT coalesce(sum(size), 0) FROM file WHERE wanted = 1")

    def spare_bytes(self) -> int:
        """What the files have that no page names and that are kept for a while."""
        return self._count("SELECT coalesce(sum(size), 0) FROM file WHERE wanted = 0")

    def has_line(self) -> bool:
        """Whether some wanted file had no room when that was last looked at."""
        return bool(self._count("SELECT EXISTS (SELECT 1 FROM file WHERE over = 1)"))

    def over(self, limit: int) -> list[str]:
        """Files that are here and have no room; of projects whose pages are settled."""
        rows = self._rows.execute(
            "SELECT f.path FROM file f JOIN project p ON p.name = f.project"
            " WHERE f.wanted = 1 AND f.over = 1 AND f.held = 1 AND p.dirty = 0 AND p.page <> 2 LIMIT ?",
            [limit],
        )
        return [row[0] for row in rows]

    # What is told

    def totals(self) -> Totals:
        """Figures of all."""
        files = self._rows.execute(
            "SELECT coalesce(sum(held), 0), coalesce(sum(held * size), 0), coalesce(sum(done = 0 AND over = 0), 0),"
            " coalesce(sum(CASE WHEN held = 0 AND over = 0 THEN size END), 0), coalesce(sum(over), 0),"
            " coalesce(sum(failures > 0 AND over = 0), 0) FROM file WHERE wanted = 1"
        ).fetchone()
        pages = self._count("SELECT count(*) FROM project WHERE page = 1")
        failing = self._count("SELECT count(*) FROM project WHERE failures > 0 AND chosen = 1")
        return Totals(pages, files[0], files[1], files[2], files[3], files[4], files[5] + failing)

    def waiting(self) -> int:
        """How many projects changed and were not looked at yet."""
        return self._count(
            "SELECT count(*) FROM project WHERE chosen = 1 AND (have IS NULL OR listed > have)",
        )

    def failing(self, limit: int) -> list[tuple[str, str]]:
        """What cannot be had, and why."""
        return self._rows.execute(
            "SELECT name, failure FROM project WHERE failures > 0 AND chosen = 1 UNION ALL"
            " SELECT filename, failure FROM file WHERE failures > 0 AND wanted = 1 AND over = 0 ORDER BY 1 LIMIT ?",
            [limit],
        ).fetchall()

    def newest_serial(self) -> int:
        """The highest serial that a page here says."""
        return self._count("SELECT coalesce(max(have), 0) FROM project WHERE page = 1")

    def pages(self) -> int:
        """How many projects have a page."""
        return self._count("SELECT count(*) FROM project WHERE page = 1")

    def _put_off(self, table: str, column: str, key: str, failure: str, most: float) -> None:
        self._rows.execute(
            f"UPDATE {table} SET failures = failures + 1, failure = ?,"  # noqa: S608  names of tables
            f" retry_at = ? + min(?, ? * (1 << min(failures, 12))) WHERE {column} = ?",
            [failure[:_LONGEST], time.time(), most, self._pause, key],
        )

    def _files(self, where: str, values: Sequence[Any]) -> list[KnownFile]:
        rows = self._rows.execute(f"SELECT {', '.join(FILE)} FROM file WHERE {where}", values)  # noqa: S608  names of columns
        return [KnownFile(*row) for row in rows]

    def _count(self, statement: str) -> int:
        return int(self._rows.execute(statement).fetchone()[0])

    def _one(self, statement: str, *values: Any) -> Any:
        return self._rows.execute(statement, values).fetchone()


def _moved(rows: Iterable[tuple[str, int, int]], budget: int) -> Iterator[tuple[str, int]]:
    """The files that have room now and had none, or the other way round."""
    taken = 0
    for path, size, was_over in rows:
        is_over = taken + size > budget
        taken += 0 if is_over else size
        if is_over != bool(was_over):
            yield path, int(is_over)
