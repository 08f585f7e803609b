"""How is a workspace kept safe, and how does one of an older version get the columns of this one?"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from intel.errors import BadInput, StoreError, UsageError
from intel.store import notes  # noqa: F401 -- its tables belong to the workspace, and are known once it is imported
from intel.store.workspace import Base

__all__ = ["backup_workspace", "migrate_workspace"]


def backup_workspace(store: Path, out: Path | None = None) -> Path:
    """Copy the workspace as it is at one moment, whoever writes to it meanwhile; return where the copy lies.

    Without `out` the copy is STORE/backups/workspace-TIME.sqlite (UTC). Raises StoreError where there is no workspace
    or the copy cannot be written, UsageError where `out` exists.
    """
    source = _find_workspace(store)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = out or store / "backups" / f"workspace-{stamp}.sqlite"
    if target.exists():
        raise UsageError(f"{target} exists", "name another file: a backup is never written over")
    scratch = target.with_name(f".{target.name}.unfinished")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(scratch)) as new:
            old.backup(new)
            new.execute("pragma journal_mode = delete")  # one file, without a log beside it
        scratch.replace(target)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            scratch.unlink()
        hint = "is the disk full, or the folder not writable? The workspace itself is untouched"
        raise StoreError(f"the workspace cannot be copied to {target}: {error}", hint) from error
    return target


def migrate_workspace(store: Path) -> tuple[list[str], Path | None]:
    """Add the columns that this version's workspace has and the store's lacks; nothing is removed.

    Returns what was added, as `table.column`, and the backup taken before; ([], None) where nothing lacks.
    Raises BadInput where a lacking column cannot be empty, for then the file is none of ours.
    """
    path = _find_workspace(store)
    lacking = _list_lacking(path)
    if not lacking:
        return [], None
    backup = backup_workspace(store)
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as con:
            con.exec_driver_sql("begin immediate")
            for name in lacking:
                table, _, column = name.partition(".")
                told = CreateColumn(Base.metadata.tables[table].columns[column]).compile(engine)
                con.exec_driver_sql(f'alter table "{table}" add column {told}')
    except SQLAlchemyError as error:
        raise StoreError(
            f"the workspace cannot be changed: {str(error).splitlines()[0]}", f"nothing was changed; a copy is {backup}"
        ) from error
    finally:
        engine.dispose()
    return lacking, backup


def _find_workspace(store: Path) -> Path:
    path = store / "workspace.sqlite"
    if not path.is_file():
        raise StoreError(f"the store {store} has no workspace", "it begins with the first private label or judgement")
    return path


def _list_lacking(path: Path) -> list[str]:
    engine = create_engine(f"sqlite:///{path}")
    lacking = []
    try:
        seen = inspect(engine)
        known = set(seen.get_table_names())
        for name, table in sorted(Base.metadata.tables.items()):
            if name not in known:  # made when it is first written to
                continue
            columns = {column["name"] for column in seen.get_columns(name)}
            for column in [one for one in table.columns if one.name not in columns]:
                if not column.nullable:
                    raise BadInput(f"{path} has a table {name} without {column.name}", "it is no workspace of intel")
                lacking.append(f"{name}.{column.name}")
    except SQLAlchemyError as error:
        first = str(error).splitlines()[0]
        raise StoreError(f"{path} cannot be read: {first}", "restore it from a backup") from error
    finally:
        engine.dispose()
    return lacking
