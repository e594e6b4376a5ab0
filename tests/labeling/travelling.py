"""Workspaces that labels travel between, for the tests of exports and imports."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile as sf
from tones import tone

from affexion_core.audio.decode import file_sha256
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.exchange import corrections_last
from affexion_core.store.labels import add_annotations, save_scheme
from affexion_core.store.session import Store, open_store
from affexion_core.types import Annotation, Clip, Provenance, Scheme, clip_id
from affexion_core.workspace import open_workspace

# What has broken tables before.
NASTY = (
    "=1+1", "+49 30", "-", "@SUM(A1)", "\tx", "\rx", "'quoted", "a,b;c", 'say "no"', "line\nbreak\r\nmore", "🙂",
    "👩‍👩‍👧", "שלום", "\u202eabc", "e\u0301", "\ufeffmark", "null", "NaN", "1.0", "- x", "a: b", "<b>alert(1)</b>",
    "\u2028", "\x01\x1f", " space ", "../../x",
)  # fmt: skip
MOOD = Scheme("mood", ("calm", "=panic", "-fear", "שלום", 'so "so", eh'))
AROUSAL = Scheme("arousal", low=1.0, high=7.0)
CLIPS = 500


def another(tmp_path: Path, name: str = "other") -> Store:
    """Open a workspace of its own, on SQLite."""
    return open_store(open_workspace(tmp_path / name))


def some_clips(n: int = CLIPS) -> list[Clip]:
    return [
        Clip(
            id=f"{i:016x}",
            file=f"audio/{i:016x}.wav",
            sha256=f"{i:016x}" * 4,
            origin="real",
            corpus="demo",
            duration=1.0 + i / 7,
            sampling_rate=16000,
            speaker=f"demo:{NASTY[i % len(NASTY)]}",
            language="en",
            transcript=NASTY[(i // 3) % len(NASTY)],
            attributes={"file_name": f"{NASTY[i % 7]}/{i}.wav"},
            provenance=Provenance(licence="CC BY-NC-ND 4.0" if i % 2 else None, parameters={"speed": 1.5}),
        )
        for i in range(n)
    ]


def some_judgements(clips: Sequence[Clip], n: int, seed: int = 0) -> list[Annotation]:
    """Make judgements of all kinds: labels, unclear, numbers beside them, corrections, withdrawals."""
    rng = np.random.default_rng(seed)
    made: list[Annotation] = []
    newest: dict[tuple[str, str], Annotation] = {}
    for i in range(n):
        kind = int(rng.integers(10))
        clip, text = clips[i % len(clips)].id, NASTY[int(rng.integers(len(NASTY)))]
        rater = NASTY[i // len(clips) // 2 % len(NASTY)]
        at = f"2026-01-01T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}.{i:06d}+00:00"
        last = newest.get((clip, rater))
        before = None if last is None else last.id
        if kind == 1 and last is not None:
            judged = Annotation(f"j{i}", clip, "mood", rater, None, at, withdrawn=True, replaces=before)
        elif kind == 0:
            judged = Annotation(f"j{i}", clip, "mood", rater, None, at, unclear=text, replaces=before)
        elif kind == 2:
            made.append(Annotation(f"j{i}", clip, "arousal", rater, float(rng.uniform(1, 7)), at))
            continue
        else:
            label = MOOD.labels[int(rng.integers(len(MOOD.labels)))]
            judged = Annotation(
                f"j{i}", clip, "mood", rater, label, at, comment=text, second=MOOD.labels[0] if kind == 3 else None,
                confidence=1 + kind % 5, seconds=float(rng.uniform(0, 9)), heard=1.0, replaces=before,
                flags=("too fast",) if kind == 4 else (),
            )  # fmt: skip
        made.append(judged)
        newest[clip, rater] = judged
        if kind == 5:
            made.append(Annotation(f"j{i}/arousal", clip, "arousal", rater, float(rng.uniform(1, 7)), at))
    return made[:n]


def fill(store: Store, n: int, clips: int = CLIPS) -> None:
    """Put clips, judgements and a dataset ``demo`` into a workspace."""
    made = some_clips(clips)
    add_clips(store, made)
    save_scheme(store, MOOD)
    save_scheme(store, AROUSAL)
    for wave in corrections_last(some_judgements(made, n)):
        add_annotations(store, wave)
    labels = [(clip.id, MOOD.labels[i % len(MOOD.labels)]) for i, clip in enumerate(made)]
    shares = {id: {label: 0.75, "calm": 0.25} for id, label in labels[::2] if label != "calm"}
    save_dataset(store, "demo", "real", MOOD, labels, description="A set of = moods.", votes=shares)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def recordings_of(store: Store, n: int) -> list[Clip]:
    """Put real recordings, a judgement of each and a dataset ``demo`` into a workspace."""
    made = []
    for i in range(n):
        file = store.workspace.audio / f"{i}.wav"
        sf.write(file, tone("panic", i, 0), 16000, subtype="PCM_16")
        sha256 = file_sha256(file)
        made.append(Clip(clip_id(sha256), f"audio/{i}.wav", sha256, "real", "demo", 0.6, 16000))
    add_clips(store, made)
    save_scheme(store, MOOD)
    at = "2026-01-01T00:00:00+00:00"
    add_annotations(store, [Annotation(f"j{clip.id}", clip.id, "mood", "Anna", "calm", at) for clip in made])
    save_dataset(store, "demo", "real", MOOD, [(clip.id, "calm") for clip in made])
    return made
