"""How figures, clips and runs are put into words; no Streamlit here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from affexion_core.types import Clip, Run

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate

GLOSSARY = {
    "accuracy": "Share of clips whose label was predicted right. Where one label is common, guessing it looks good.",
    "uar": "Unweighted average recall: the mean of the labels' recalls, so that rare labels count like common ones.",
    "macro_f1": "F1 joins precision and recall of one label; macro F1 is its plain mean over the labels.",
    "macro_precision": "Precision: of the clips given a label, the share that have it; here the mean over labels.",
    "interval": "The 95 % interval: where the figure would plausibly lie with other clips of the same kind. "
    "Fewer clips, wider interval.",
    "stamp": "Whether training and test share clips, speakers, voices or texts. Leaky figures look better than the "
    "model is on new people.",
    "selected": "The best values were chosen by these very clips, so the figure is partly luck: expect less on others.",
    "chance": "What blind guessing among equally likely labels would reach.",
    "cv": "Cross-validation: the clips are dealt into folds, and each fold is predicted by a model that never saw it.",
    "confusion": "Rows: the label the clip has. Columns: the label the model gave. In a cell: clips, share of row.",
    "ccc": "Concordance (CCC): how closely predicted numbers follow those of the dataset, in spread and in level. 1: "
    "equal, 0: no relation; a model that always says the same has 0.",
    "alpha": "Krippendorff's α: agreement beyond chance for any number of raters, with judgements missing. 1: perfect, "
    "0: as by chance.",
    "fleiss_kappa": "Fleiss' κ: agreement of any number of raters beyond chance. 1: perfect, 0: as by chance.",
    "cohen_kappa": "Cohen's κ: agreement of two raters beyond chance on the clips both judged. 1: perfect, 0: as by "
    "chance.",
    "dawid_skene": "Dawid–Skene: from votes alone, how often each rater is right and what each clip most likely is.",
    "self_consistency": "Share of clips that a rater got twice, without being told, and answered alike.",
}
METRICS = {"accuracy": "Accuracy", "uar": "UAR", "macro_f1": "Macro F1", "macro_precision": "Macro precision"}
ORIGIN_WORDS = {"real": "real people", "synthetic": "synthetic voices"}


def estimate_words(estimate: Estimate) -> str:
    """Write a figure as ``45 % (33–59, n = 52)``, to the digits that its interval supports."""
    if estimate.value is None:
        reason = estimate.reason or ""
        return f"{reason if reason.startswith('undefined') else f'undefined: {reason}'} (n = {estimate.n})"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value * 100:.0f} % (n = {estimate.n})"
    digits = _digits(estimate)
    span = f"{estimate.low * 100:.{digits}f}–{estimate.high * 100:.{digits}f}"
    return f"{estimate.value * 100:.{digits}f} % ({span}, n = {count(estimate.n)})"


def distance_words(estimate: Estimate) -> str:
    """Write a figure that is no share as ``1.32 (0.90–1.71, n = 48)``."""
    return f"{estimate.value:.2f} ({estimate.low:.2f}–{estimate.high:.2f}, n = {count(estimate.n)})"


def value_words(estimate: Estimate) -> str:
    """Write the value alone, as ``45 %``."""
    return "undefined" if estimate.value is None else f"{estimate.value * 100:.{_digits(estimate)}f} %"


def percent(share: float) -> str:
    """Write a share in [0, 1] as ``45 %``."""
    return f"{100 * share:.0f} %"


def span_words(estimate: Estimate) -> str:
    """Write what stands beside the value, as ``33–59, n = 52``, or why it is undefined."""
    if estimate.value is None:
        return f"{estimate.reason}, n = {count(estimate.n)}"
    return estimate_words(estimate).split("(", 1)[1].rstrip(")")


def _digits(estimate: Estimate) -> int:
    # a tenth of a percent means something only where the whole interval is a few points wide
    if estimate.low is None or estimate.high is None:
        return 0
    return 1 if estimate.high - estimate.low < 0.03 else 0


def count(n: int) -> str:
    """Write a count with thin spaces between thousands from 10 000 on."""
    return f"{n:,}".replace(",", "\u202f") if n >= 10_000 else str(n)


def counted(n: int, noun: str) -> str:
    """Write a count with its noun, ``1 clip`` or ``52 clips``."""
    return f"{count(n)} {noun}{'' if n == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a duration, ``3.2 s``, ``4 min 05 s`` or ``2 h 03 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def date(iso: str | None) -> str:
    """Write a moment (ISO 8601, UTC unless it says otherwise) in local time, ``20 Nov 2026, 16:52``."""
    if not iso:
        return "unknown"
    moment = datetime.fromisoformat(iso)
    local = moment.astimezone() if moment.tzinfo else moment
    return f"{local.day} {local:%b %Y, %H:%M}"


def speaker(clip: Clip) -> str:
    """Name a clip's speaker or voice without its corpus; ``unknown`` where it is."""
    return "unknown" if clip.speaker is None else clip.speaker.split(":", 1)[-1]


def clip_title(clip: Clip, longest: int = 70) -> str:
    """Name a clip as a person would: by what is said, else by its speaker and recording, never by its id alone."""
    if clip.transcript:
        text = clip.transcript.strip()
        return f"“{text if len(text) <= longest else text[: longest - 1].rstrip() + '…'}”"
    recording = clip.attributes.get("recording") or clip.attributes.get("statement")
    if recording:
        return recording
    if clip.speaker:
        return f"{speaker(clip)}, {clip.corpus} clip {clip.id[:6]}"
    return f"{Path(clip.file).stem[:12]} ({clip.corpus})"


def preset_title(name: str) -> str:
    """Name a preset as its recipe does; its plain name where the recipe is gone."""
    from affexion_core.discovery import load_plugin, plugin_names

    return str(load_plugin("presets", name).PRESET.title) if name in plugin_names("presets") else name


def run_title(run: Run) -> str:
    """Name a run by its own name, or by preset, training set and date."""
    what = {"cv": "cross-validated on", "fold": "fold on"}.get(run.kind, "trained on")
    recipe = run.name or preset_title(run.preset)
    return f"{recipe}, {what} {run.train_dataset}, {date(run.created)}"


def evaluation_title(name: str, part: str) -> str:
    """Say what an evaluation was measured on."""
    if part == "cv":
        return "Held-out folds"
    return "The training clips themselves" if part == "train" else name


def stamp_parts(stamp: str) -> tuple[str, str]:
    """Split a stamp into its state (``clean``, ``leaky``, ``not verifiable``) and what it says beyond."""
    state, _, detail = stamp.partition(":")
    return state.strip(), detail.strip()
