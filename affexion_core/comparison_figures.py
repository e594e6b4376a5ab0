"""What others report for the public corpora on speakers that their systems hadn't heard, to stand beside our own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldFigure:
    """A published figure: unweighted average recall in [0, 1] (or accuracy, where ``what`` says so)."""

    corpus: str
    system: str
    value: float
    protocol: str
    what: str = "UAR"


_COMPARE = "ComParE-type functionals, best classical classifier"
_EGEMAPS = "eGeMAPS, best classical classifier"
_WAV2VEC = "wav2vec embeddings, pretrained on other speech"
_OTHERS = "all speakers of the corpus, speaker-disjoint"
_LOSO = "all 10 speakers, leave one speaker out"
_TWO = "trained on one actress, measured on the other"

FIGURES = (
    FieldFigure("tess", _COMPARE, 0.47, _TWO),
    FieldFigure("tess", _EGEMAPS, 0.33, _TWO),
    FieldFigure("tess", _WAV2VEC, 0.71, _TWO),
    FieldFigure("cremad", _COMPARE, 0.61, _OTHERS + ", six emotions"),
    FieldFigure("cremad", _EGEMAPS, 0.54, _OTHERS + ", six emotions"),
    FieldFigure("cremad", _WAV2VEC, 0.66, _OTHERS + ", six emotions"),
    FieldFigure("cremad", "human listeners, audio only", 0.409, "six emotions", "accuracy"),
    FieldFigure("ravdess", _COMPARE, 0.59, _OTHERS),
    FieldFigure("ravdess", _EGEMAPS, 0.50, _OTHERS),
    FieldFigure("emodb", _COMPARE, 0.77, _LOSO),
    FieldFigure("emodb", _EGEMAPS, 0.66, _LOSO),
    FieldFigure("emodb", _WAV2VEC, 0.93, _LOSO),
)


def field_figures(corpus: str) -> tuple[FieldFigure, ...]:
    """Give the figures reported for a corpus; empty where we know none."""
    return tuple(figure for figure in FIGURES if figure.corpus == corpus)
