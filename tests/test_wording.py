"""What people read names no command-line option, unless it is the command line that says it."""

import ast
import re
from pathlib import Path

import click
import pytest

from affexion_core.__main__ import cli
from affexion_core.errors import AffexionError, SplitError

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for folder in ("affexion_core", "affexion_ui", "pages")
    for path in sorted((PROJECT / folder).rglob("*.py"))
    if "commands" not in path.parts and path.name != "__main__.py"
]


def own_options(command: click.Command) -> set[str]:
    """List the options of a command and of all below it; those of other programs may well stand in a text."""
    found = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    return found.union(*(own_options(below) for below in getattr(command, "commands", {}).values()))


OPTIONS = own_options(cli)


def options_in(text: str) -> list[str]:
    """Find our options within a text; one that stands alone is an argument handed to a process."""
    return [option for option in re.findall(r"(?<=[\s(])--[a-z][a-z-]+", text) if option in OPTIONS]


def texts(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
    }
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_texts_name_no_options(path):
    assert [text for text in texts(path) if options_in(text)] == []


def test_the_search_finds_an_option():
    assert options_in("use --sampler tpe (--allow-leaks)") == ["--sampler", "--allow-leaks"]
    assert options_in("--sampler") == options_in("pip install --force-reinstall x") == []


def test_an_error_says_what_could_be_asked_otherwise():
    assert SplitError("It leaks.", change=("allow_leaks",)).change == ("allow_leaks",)
    assert str(SplitError("It leaks.", change=("allow_leaks",))) == "It leaks."
    assert AffexionError("Plain.").change == ()
