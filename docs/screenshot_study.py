"""Fill a workspace with what the screenshots show: the example study, a gap study, and three people's judgements."""

from __future__ import annotations

import random
import subprocess
import sys
import uuid
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PEOPLE = ("Anna", "Ben", "Cleo")
ROUND = "First round"
# How often each of the three says what was intended.
_RIGHT = (0.9, 0.8, 0.65)


def fill(workspace: Path) -> None:
    """Build the example study, cross-validate a baseline, study the gap, and let three people judge the field set."""
    gap = ("--synthetic", "example-synthetic", "--real", "example-field", "--allow-leaks")
    steps = (
        ("example",),
        ("cv", "--preset", "linear", "--train", "example-synthetic"),
        ("gap", "--preset", "linear", *gap, "--arms", "statistics,prior", "--sizes", "0,1,2,5", "--draws", "2"),
    )
    for step in steps:
        print(" ".join(step), flush=True)
        subprocess.run(
            [sys.executable, "-m", "affexion_core", *step, "--workspace", str(workspace)], cwd=PROJECT, check=True
        )
    judge(workspace)


def judge(workspace: Path) -> None:
    """Make a project of the field set and three raters' answers; Anna still has some to give."""
    from affexion_core.labeling.people import add_person
    from affexion_core.labeling.projects import ProjectSettings, create_project
    from affexion_core.labeling.queue import Answer, draw, submit
    from affexion_core.store.datasets import load_dataset
    from affexion_core.store.session import open_store
    from affexion_core.workspace import open_workspace

    store, dice = open_store(open_workspace(str(workspace))), random.Random(0)
    people = [add_person(store, name) for name in PEOPLE]
    dataset = load_dataset(store, "example-field")
    intended = {item.clip.id: item.label for item in dataset.items}
    settings = ProjectSettings(must_listen=False, gold_share=0.0, repeat_share=0.0)
    create_project(store, people[0], ROUND, dataset.scheme, list(intended), settings)
    for person, right in zip(people, _RIGHT, strict=True):
        left = len(intended) - (8 if person is people[0] else 0)
        while left > 0 and (tasks := draw(store, ROUND, person)):
            answers = []
            for task in tasks[:left]:
                label = intended[task.clip_id] if dice.random() < right else dice.choice(dataset.scheme.labels)
                answers.append(Answer(str(uuid.uuid4()), task.clip_id, label=label, seconds=4.0))
            submit(store, ROUND, person, answers)
            left -= len(answers)
