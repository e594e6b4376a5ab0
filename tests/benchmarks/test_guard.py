"""The guard against slowness: what it compares, and what it says."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import guard  # noqa: E402


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"a": 5.0, "b": 2.0}, []),
        ({"a": 4.01, "b": 9.0, "c": 0.1}, []),
        ({"a": 3.9, "b": 2.0}, ["a: 3.9 instead of 5"]),
        ({"a": float("nan"), "b": 1.5}, ["a: nan instead of 5", "b: 1.5 instead of 2"]),
        ({"a": 5.0}, ["b: not measured any more (stored: 2)"]),
    ],
)
def test_a_fall_by_more_than_a_fifth_is_named(now: dict[str, float], words: list[str]) -> None:
    assert guard.fallen({"a": 5.0, "b": 2.0}, now) == words


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the guard find two small benchmarks in the place of the real ones."""
    for name, ratio in (("one", 3.0), ("two", 1.0)):
        (tmp_path / f"{name}.py").write_text(f"import sys\nprint('noise')\nprint('{{\"fast\": {ratio}}}')\n")
    (tmp_path / "ratios.json").write_text('{"one": {"fast": 3.1}, "two": {"fast": 2.0}}')
    monkeypatch.setattr(guard, "HERE", tmp_path)
    monkeypatch.setattr(guard, "STORED", tmp_path / "ratios.json")
    return tmp_path


def test_it_runs_what_takes_part_and_fails_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.main(["one"]) == 0
    assert guard.main([]) == 1
    assert capsys.readouterr().err == "FELL BY MORE THAN A FIFTH: two: fast: 1 instead of 2\n"


def test_new_ratios_are_stored_when_asked(folder: Path) -> None:
    assert guard.main(["--store", "two"]) == 0
    assert json.loads((folder / "ratios.json").read_text()) == {"one": {"fast": 3.1}, "two": {"fast": 1.0}}
    assert guard.main([]) == 0


def test_a_benchmark_that_fails_or_says_nothing_is_no_pass(folder: Path) -> None:
    (folder / "one.py").write_text("raise SystemExit(3)")
    with pytest.raises(SystemExit, match="one.py --ratios failed"):
        guard.main(["one"])
    (folder / "one.py").write_text("print('done')")
    with pytest.raises(SystemExit, match="printed no JSON object"):
        guard.main(["one"])
    with pytest.raises(SystemExit, match="three: not in ratios.json"):
        guard.main(["three"])


def test_every_stored_benchmark_exists_and_has_the_short_form() -> None:
    stored = json.loads((BENCHMARKS / "ratios.json").read_text())
    assert stored
    for name in stored:
        assert '"--ratios"' in (BENCHMARKS / f"{name}.py").read_text()
