"""Words for clips that have none, written down by a Whisper model on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affexion_core import encoders
from affexion_core.errors import ModelError
from affexion_core.extraction import utterance_of
from affexion_core.store.clips import fill_clips
from affexion_core.store.session import Store
from affexion_core.types import Clip, Progress, no_progress, normalised_text

# What Whisper hears at once.
_LONGEST = 30 * 16_000
# Clips written down together, so that a stop loses little.
_BLOCK = 8
BY = "transcribed_by"
"""The attribute of a clip that names the model its transcript is from."""


@dataclass(frozen=True)
class TranscribeReport:
    """What came of it, in clips: ``n_known`` had a transcript and kept it, in ``n_silent`` no words were heard."""

    n_clips: int
    n_known: int
    n_written: int
    n_silent: int
    model: str


def transcribe(
    store: Store, clips: Sequence[Clip], model: str, language: str | None = None, progress: Progress = no_progress
) -> TranscribeReport:
    """Write down the words of clips that have no transcript; who did it is kept as the attribute `BY`.

    Parameters
    ----------
    store
        Where the clips are.
    clips
        Those that have a transcript stay as they are.
    model
        Folder or name of a whole Whisper model with its ``tokenizer.json``.
    language
        Its code, such as ``en``; None for each clip's own, else what the model takes it for.
    progress
        Told about each block of clips.

    Raises
    ------
    ModelError
        If the model isn't there, is no whole Whisper model, or doesn't know the language.
    AudioError
        If a clip can't be decoded; what was written before stays.
    """
    name = encoders.pinned(model)
    open_clips = [clip for clip in clips if normalised_text(clip.transcript) is None]
    whisper = _Whisper.load(name) if open_clips else None
    n_written = n_silent = 0
    for first in range(0, len(open_clips), _BLOCK):
        block = open_clips[first : first + _BLOCK]
        told = [(clip, _words(whisper, store, clip, language)) for clip in block]
        heard = [
            replace(clip, transcript=text, attributes={**clip.attributes, BY: name}) for clip, text in told if text
        ]
        fill_clips(store, heard)
        n_written, n_silent = n_written + len(heard), n_silent + len(block) - len(heard)
        progress(first + len(block), len(open_clips), "transcribing")
    return TranscribeReport(len(clips), len(clips) - len(open_clips), n_written, n_silent, name)


def _words(whisper: _Whisper | None, store: Store, clip: Clip, language: str | None) -> str:
    assert whisper is not None
    return whisper.words(utterance_of(store.workspace, clip).signal, language, clip.language)


@dataclass(frozen=True)
class _Whisper:
    model: Any
    mel: Any
    tokenizer: Any

    @classmethod
    def load(cls, name: str) -> _Whisper:
        folder = encoders.find_encoder(name)
        about = encoders.describe_encoder(folder, "speech")
        if about.family != "whisper":
            raise ModelError(f"The model in {folder} is a {about.family}, which writes no words; name a Whisper model.")
        model = encoders.load_encoder(about, "WhisperForConditionalGeneration")
        from transformers import WhisperFeatureExtractor

        mel = WhisperFeatureExtractor.from_pretrained(str(folder), local_files_only=True)
        return cls(model, mel, _tokenizer(folder))

    def words(self, signal: np.ndarray, wanted: str | None, own: str | None) -> str:
        """Write down one signal; ``wanted`` must be known to the model, ``own`` is used if it is."""
        import torch

        texts = []
        with torch.inference_mode():
            for window in encoders.windows_of(len(signal), _LONGEST):
                clean = np.nan_to_num(np.asarray(signal[window], np.float32), posinf=1.0, neginf=-1.0)
                inputs = self.mel(clean, sampling_rate=16_000, return_tensors="pt").input_features
                ids = self.model.generate(inputs, do_sample=False, num_beams=1, **self._language(wanted, own))
                texts.append(self.tokenizer.decode(ids[0].tolist(), skip_special_tokens=True).strip())
        return " ".join(text for text in texts if text)

    def _language(self, wanted: str | None, own: str | None) -> dict[str, str]:
        known = [code.strip("<|>") for code in getattr(self.model.generation_config, "lang_to_id", None) or {}]
        if wanted is not None and wanted not in known:
            raise ModelError(
                f"The model doesn't know the language {wanted!r}; it knows {', '.join(sorted(known)) or 'but one'}."
            )
        chosen = wanted or (own if own in known else None)
        return {"language": chosen, "task": "transcribe"} if chosen else {}


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{folder} has no tokenizer.json; get it from the model's page and put it there.")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise ModelError(f"{path} can't be read: {error}. Copy the model anew.") from error
