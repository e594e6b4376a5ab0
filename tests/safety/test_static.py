"""What no file of the product does: run what it reads, or put data into a page as code. Read from the source."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder in ("affexion_core", "affexion_ui", "pages", "benchmarks")
    for path in sorted((PROJECT / folder).rglob("*.py"))
] + [PROJECT / "app.py"]
SCRIPTS = sorted((PROJECT / "affexion_ui").rglob("*.js"))
# Modules that read objects which can run code while they are read.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "jsonpickle", "imp"}
CALLS = {
    *(
        "eval",
        "exec",
        "compile",
        "__import__",
        "torch.load",
        "torch.jit.load",
        "torch.hub.load",
        "os.system",
        "os.popen",
    ),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "pandas.read_pickle", "pandas.eval"),
    *("numpy.lib.format.read_array", "numpy.fromregex", "sklearn.externals.joblib.load", "runpy.run_path"),
}
# Callables with this keyword must say it, and say this.
NEEDED = {"numpy.load": ("allow_pickle", False), "numpy.save": ("allow_pickle", False)}
# Keywords that may have this one value alone, written out.
ALLOWED = {
    **dict.fromkeys(("allow_pickle", "shell", "trust_remote_code"), False),
    **dict.fromkeys(("unsafe_allow_html", "unsafe_allow_javascript"), False),
    "weights_only": True,
}


def names(tree: ast.AST) -> dict[str, str]:
    """Map each imported name to what it stands for, as ``np`` to ``numpy``."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def problems(source: str) -> list[str]:
    tree = ast.parse(source)
    known = names(tree)
    found = [f"imports {name}" for name in known.values() if name.split(".")[0] in MODULES]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, dot, rest = ast.unparse(node.func).partition(".")
        called = known.get(first, first) + dot + rest
        said = {keyword.arg: keyword.value for keyword in node.keywords}
        if called in CALLS and not (called == "compile" and first != "compile"):
            found.append(f"calls {called}")
        if called in NEEDED:
            name, value = NEEDED[called]
            constant = said.get(name)
            if not isinstance(constant, ast.Constant) or constant.value is not value:
                found.append(f"calls {called} without {name}={value}")
        for name, value in ALLOWED.items():
            constant = said.get(name)
            if constant is not None and not (isinstance(constant, ast.Constant) and constant.value is value):
                found.append(f"says {name}={ast.unparse(constant)}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_that_is_read_can_run(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads as harmless", "import joblib as j", "import torch as t\nt.load('x')",
        "from torch import load\nload('x')", "import numpy as np\nnp.load('x')", "from yaml import load\nload('x')",
        "import numpy\nnumpy.load('x', allow_pickle=True)", "eval('1')",
        "import subprocess\nsubprocess.run('x', shell=1)",
        "st.markdown(x, unsafe_allow_html=True)", "f(allow_pickle=sure)", "import torch\ntorch.jit.load('x')",
    ],
)  # fmt: skip
def test_the_search_finds_them(source: str) -> None:
    assert problems(source)


def test_the_search_lets_the_safe_ones_pass() -> None:
    assert (
        problems("import numpy as np, re, yaml\nnp.load('x', allow_pickle=False)\nre.compile('x')\nyaml.safe_load('x')")
        == []
    )


def test_data_never_meets_html_in_python() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("st.html", "components.html", "st.iframe"):
                # the one style sheet of the frame, made of constants of the module
                assert path.name == "layout.py" and "_STYLE" in ast.unparse(node), path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_data_never_meets_html_in_scripts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"insertAdjacentHTML|outerHTML|document\.write|\beval\(|new Function|srcdoc", text)
    for value in re.findall(r"innerHTML\s*=\s*([^;]+);", text):
        # a constant of the script, or nothing
        assert re.fullmatch(r'[A-Z_]+|""', value.strip()), f"{path.name}: {value}"
        if value.strip() not in ('""',):
            constant = re.search(rf"const {value.strip()} = `([^`]*)`", text)
            assert constant and "${" not in constant[1], f"{path.name}: {value}"


def test_the_app_listens_to_this_machine_alone_and_ships_no_secrets() -> None:
    settings = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"].get("enableXsrfProtection", True) and settings["server"].get("enableCORS", True)
    assert settings["client"]["showErrorDetails"] == "none"
    assert ".streamlit/secrets.toml" in (PROJECT / ".gitignore").read_text(encoding="utf-8")
