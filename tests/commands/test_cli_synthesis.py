"""The verbs that speak, keep and derive, against a local server."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "speaking"))
from speech_service import Service

from affexion_core.__main__ import main

KEY = "sk-canary-5f2d9c1b7a"


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    found = Service()
    yield found
    found.close()


def run(capsys, workspace, *arguments, code=0):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--workspace", str(workspace.root)])
        raise SystemExit(0)
    out, err = capsys.readouterr()
    assert (ended.value.code or 0) == code, err
    return out, err


def test_estimate_speak_keep_and_derive(capsys, workspace, service, tmp_path):
    asked = ["synthesize", "--provider", "openai", "--per-label", 1, "--dataset", "spoken", "--label", "panic"]
    asked += ["--set", f"base_url={service.url}", "--price-per-minute", 6, "--per-minute", 1000]
    out, _ = run(capsys, workspace, *asked, "--estimate", "--json")
    assert json.loads(out)["n_new"] == 1 and json.loads(out)["dollars"] > 0 and not service.requests
    _, err = run(capsys, workspace, *asked, code=2)
    assert "may cost money" in err and "--yes" in err and not service.requests
    out, err = run(capsys, workspace, *asked, "--yes", "--review", "--json")
    batch = json.loads(out)
    assert (batch["spoken"], batch["import"]) == (1, None) and KEY not in out + err
    out, _ = run(capsys, workspace, "batches")
    assert batch["batch"] in out
    out, _ = run(capsys, workspace, "keep-batch", batch["batch"], "--unheard")
    assert "1 clips added" in out and "undo-import" in out
    out, _ = run(capsys, workspace, "derive", "spoken", "--into", "noisy", "--noise", "--set", "noise.snr_db=[5,6]")
    assert "Dataset noisy (synthetic): 1 clips added" in out
    _, err = run(capsys, workspace, "derive", "spoken", "--into", "b", "--noise", "--set", "room.x=1", code=2)
    assert "names no setting" in err
    out, _ = run(capsys, workspace, "write-sentences", "awe", "--out", tmp_path, "--set", f"base_url={service.url}")
    assert "awe 3" in out and (tmp_path / "awe.csv").is_file()
    out, _ = run(capsys, workspace, *asked[:6], "awes", "--sentences", tmp_path, *asked[9:], "--yes")
    assert "Labels: awe 1" in out
