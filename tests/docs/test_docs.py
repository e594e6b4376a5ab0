"""What is not documented fails here, and what the documents show works."""

import re
import sys
import types
from pathlib import Path

import pytest

from affexion_core.__main__ import cli
from affexion_core.discovery import PLUGIN_PACKAGES, plugin_names

PROJECT = Path(__file__).resolve().parent.parent.parent
DOCS = sorted((PROJECT / "docs").glob("*.md")) + [PROJECT / "README.md"]


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_every_verb_and_option_is_documented(verb):
    text = (PROJECT / "docs" / "commands.md").read_text(encoding="utf-8")
    row = next((line for line in text.splitlines() if re.match(rf"\| `{verb}[ `]", line)), None)
    assert row, f"docs/commands.md has no row for {verb}"
    for parameter in cli.commands[verb].params:
        for option in parameter.opts:
            assert not option.startswith("--") or option in text, f"{verb} {option}"
    assert cli.commands[verb].help
    for name, part in getattr(cli.commands[verb], "commands", {}).items():
        assert f"`{verb} {name}" in text, f"{verb} {name}"
        assert all(option in text for p in part.params for option in p.opts if option.startswith("--"))


@pytest.mark.parametrize("package", PLUGIN_PACKAGES)
def test_every_plugin_is_documented(package):
    text = (PROJECT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for name in plugin_names(package):
        assert f"`{name}`" in text, f"docs/plugins.md doesn't name the {package} plug-in {name}"


def test_every_document_is_found_from_the_first_page():
    linked = set(re.findall(r"\]\(docs/([^)#]+)\)", (PROJECT / "README.md").read_text(encoding="utf-8")))
    assert not {page.name for page in DOCS} - linked - {"README.md"}


@pytest.mark.parametrize("page", DOCS, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", DOCS, ids=lambda p: p.name)
def test_documents_speak_of_the_product_alone(page):
    assert not re.search(r"/(work|root|tmp)/|pypi\.org/simple", page.read_text(encoding="utf-8"))


def test_the_model_shown_in_add_a_model_works():
    import torch

    blocks = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "add-a-model.md").read_text(), re.DOTALL)
    module = types.ModuleType("shown_model")
    sys.modules["shown_model"] = module
    exec(compile(blocks[0], "add-a-model.md", "exec"), module.__dict__)
    model = module.Model(module.Config(), (6,), 3)
    short = torch.randn(2, 5, 6)
    padded = torch.cat([short, torch.ones(2, 4, 6)], dim=1)
    lengths = (torch.tensor([5, 3]),)
    assert torch.allclose(model((short,), lengths).outputs, model((padded,), lengths).outputs, atol=1e-6)
    preset = types.ModuleType("shown_preset")
    exec(compile(blocks[1], "add-a-model.md", "exec"), preset.__dict__)
    assert preset.PRESET.model == "mean-mlp"
