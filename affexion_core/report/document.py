"""A report as plain data, and how it becomes one HTML file that needs nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affexion_core.errors import StoreError

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = str | int | float | None


@dataclass(frozen=True)
class Text:
    """Words in Markdown; HTML inside them is shown as written, never run."""

    markdown: str


@dataclass(frozen=True)
class Table:
    """Rows under named columns, with a caption that says what is counted."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A Plotly figure with its alt text in ``layout.meta["alt"]``, and a caption that names n."""

    figure: go.Figure
    caption: str


Block = Text | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of a report under one heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A whole report: what of, in one line how it stands, and its sections in order."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]


def render_html(report: Report) -> str:
    """Give a report as one HTML document: it opens offline, loads nothing from anywhere, and prints.

    Plotly's script stands in it once (some 4.5 MB), so that its figures can be hovered over and saved.
    """
    from jinja2 import Environment
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "document.html").read_text(encoding="utf-8"))
    with_script = any(isinstance(block, Picture) for section in report.sections for block in section.blocks)
    sections = [
        {"title": section.title, "id": _anchor(section.title, place), "blocks": [_plain(b) for b in section.blocks]}
        for place, section in enumerate(report.sections)
    ]
    return template.render(report=report, sections=sections, script=get_plotlyjs() if with_script else "")


def write_report(report: Report, path: Path) -> Path:
    """Write a report as an HTML file, whole or not at all; gives where it is.

    Raises
    ------
    StoreError
        If the file can't be written there.
    """
    page = render_html(report)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise StoreError(f"The report can't be written to {path}: {error.strerror}. Name another file.") from error
    return path


def _anchor(title: str, place: int) -> str:
    return f"{place + 1}-" + re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")


def _plain(block: Block) -> Mapping[str, Any]:
    if isinstance(block, Text):
        return {"kind": "text", "html": markdown_to_html(block.markdown)}
    if isinstance(block, Table):
        return {"kind": "table", "columns": block.columns, "caption": block.caption, "rows": _words(block.rows)}
    alt = block.figure.layout.meta["alt"]
    return {"kind": "picture", "alt": alt, "caption": block.caption, "figure": _as_script(block.figure)}


def _words(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    return [["–" if cell is None else str(cell) for cell in row] for row in rows]


def _as_script(figure: go.Figure) -> str:
    """Write a figure as JSON that can stand inside a script: no ``</script>`` of some label can end it."""
    values = json.loads(figure.to_json())
    # A label such as "</script>" must not end the script, nor a line separator break it.
    text = json.dumps({"data": values["data"], "layout": values["layout"]})
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def markdown_to_html(text: str) -> str:
    """Turn CommonMark with tables into HTML; raw HTML in it becomes words, and links are not followed."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"]).render(text)
