"""Imports point one way, the core knows no Streamlit, pages start light."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
CORE = sorted((PROJECT / "affexion_core").rglob("*.py"))
PAGES = sorted((PROJECT / "pages").glob("*.py")) + [PROJECT / "app.py"]
UI = sorted((PROJECT / "affexion_ui").rglob("*.py"))

FOUNDATION = {"types", "errors", "config", "discovery", "workspace", "scheme_files", "archives", ""}
BASE = {"audio", "store", "encoders"}
PLUGINS = {"corpora", "features", "models", "synthesis", "augment", "presets", "exchange"}
TOP = {"commands", "__main__"}
HEAVY = {"torch", "librosa", "sklearn", "av", "scipy", "transformers"}


def modules_imported(path: Path, only_at_start: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.iter_child_nodes(tree) if only_at_start else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_of(module: str) -> str:
    """Name the part of the core a dotted module belongs to: ``affexion_core.audio.decode`` is ``audio``."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def layer(part: str) -> int:
    if part in FOUNDATION:
        return 0
    if part in BASE:
        return 1
    if part in PLUGINS:
        return 2
    return 4 if part in TOP else 3


def own_part(path: Path) -> str:
    return path.relative_to(PROJECT / "affexion_core").with_suffix("").parts[0].replace("__init__", "")


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(PROJECT)))
def test_core_imports_point_down(path):
    mine = own_part(path)
    parts = {part_of(m) for m in modules_imported(path) if m.startswith("affexion_core.")}
    # "from affexion_core import x" names attributes such as __version__ as well
    parts = {
        p for p in parts if (PROJECT / "affexion_core" / p).exists() or (PROJECT / f"affexion_core/{p}.py").exists()
    }
    upward = {p for p in parts if layer(p) > layer(mine)}
    sideways = {p for p in parts if mine in PLUGINS and p in PLUGINS and p != mine}
    assert not upward and not sideways, f"{path.name} ({mine}) may not import {upward | sideways}"


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(PROJECT)))
def test_the_core_knows_no_interface(path):
    roots = {m.split(".")[0] for m in modules_imported(path)}
    assert not roots & {"streamlit", "affexion_ui", "pages"}


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(PROJECT)))
def test_nothing_executable_is_read_from_files(path):
    calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
    assert not calls & {"pickle.load", "pickle.loads", "torch.load", "joblib.load", "eval", "exec"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False


@pytest.mark.parametrize("path", PAGES + UI, ids=lambda p: str(p.relative_to(PROJECT)))
def test_pages_start_without_heavy_imports(path):
    assert not {m.split(".")[0] for m in modules_imported(path, only_at_start=True)} & HEAVY


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_pages_are_thin(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


def test_no_file_and_no_function_grows_out_of_hand():
    too_long = []
    for path in CORE + PAGES + UI:
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 420:
            too_long.append(f"{path.name}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 60:
                too_long.append(f"{path.name}:{node.name}: {node.end_lineno - node.lineno} lines")
    assert not too_long


@pytest.mark.parametrize("module", ["affexion_core.__main__", "affexion_core.store.datasets", "affexion_ui.session"])
def test_light_modules_load_nothing_heavy(module):
    code = f"import sys, {module}; print([m for m in {sorted(HEAVY)} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "[]"


# What pages ask for at their first drawing; torch alone would keep it waiting for a second or more.
FIRST_DRAWN = (
    "gap.arms",
    "gap.estimate",
    "gap.part",
    "gap.result",
    "gap.study",
    "jobs.engine",
    "jobs.folders",
    "jobs.submit",
    "labeling.model_loop",
    "training.estimate",
    "training.prepare",
    "training.run_config",
    "training.sweep_result",
)


def test_what_pages_first_draw_by_loads_no_torch():
    modules = ", ".join(f"affexion_core.{name}" for name in FIRST_DRAWN)
    code = f"import sys, {modules}; print([m for m in ('torch', 'librosa', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_app_needs_beside_its_code_is_packaged():
    patterns = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    files = [p for p in (PROJECT / "affexion_ui").rglob("*") if p.suffix in (".js", ".css", ".json", ".svg", ".png")]
    left_out = [
        str(path)
        for path in files
        if not any(path.match(one) for one in patterns.get(".".join(path.parent.relative_to(PROJECT).parts), []))
    ]
    assert files and not left_out


@pytest.mark.xdist_group("browser")
def test_groups_of_tests_stay_on_one_worker(request: pytest.FixtureRequest):
    """Browser tests share servers and a browser a module; dealt out one by one they would take twice as long."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests")
    assert request.node.nodeid.endswith("@browser")
