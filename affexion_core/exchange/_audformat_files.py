"""Open an audformat database that somebody else made.

The library reads db.yaml with a loader that can call anything, and prefers pickled copies of the tables, which can as
well. Here the header is read as plain YAML, and the tables from a folder that holds nothing but CSV and Parquet.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from affexion_core.errors import LabelError

if TYPE_CHECKING:
    import audformat

_SAFE = (".csv", ".parquet")


@contextmanager
def open_database(folder: Path) -> Iterator[audformat.Database]:
    """Load a database with all its tables.

    Raises
    ------
    LabelError
        If there is none, it is damaged, or it has tables as pickles alone.
    """
    import audformat
    import yaml

    header = folder / "db.yaml"
    if not header.is_file():
        raise LabelError(f"{folder.name} holds no db.yaml; choose the folder of an audformat database.")
    try:
        values = yaml.safe_load(header.read_text(encoding="utf-8"))
        db = audformat.Database.load_header_from_yaml(values)
    except OSError as error:
        raise LabelError(f"db.yaml can't be read ({error.strerror}).") from error
    except RecursionError as error:
        raise LabelError("db.yaml is nested too deeply to be read.") from error
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabelError(f"db.yaml is no header of an audformat database ({_line(error)}).") from error
    with tempfile.TemporaryDirectory(prefix="affexion-audformat-") as held:
        for name in (*db.misc_tables, *db.tables):
            _load(db, folder, Path(held), str(name))
        yield db


def _load(db: audformat.Database, folder: Path, held: Path, name: str) -> None:
    if "/" in name or "\\" in name or name.startswith("."):
        raise LabelError(f"The database has a table called {name!r}; a table's name can't be a path.")
    found = [file for suffix in _SAFE if (file := folder / f"db.{name}{suffix}").is_file()]
    if not found:
        raise LabelError(
            f"The table {name!r} isn't there as .csv or .parquet; pickles are not read, since they can run programs. "
            "Save the database again as CSV or Parquet."
        )
    shutil.copyfile(found[-1], held / found[-1].name)
    try:
        db[name].load(str(held / f"db.{name}"))
    except Exception as error:  # pyarrow's and pandas' own errors have no common base
        raise LabelError(f"The table {name!r} can't be read ({_line(error)}); save the database again.") from error


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
