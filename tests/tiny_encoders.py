"""Tiny encoders with random weights in the real file format, made by the transformers library itself.

Kept in one folder for a test session, under the names that the presets use.
"""

import json
from pathlib import Path

import pytest

# Models, and presets of the same names, that hold an encoder themselves.
HOLD_ENCODERS = ("distilroberta-text", "wav2vec2-finetune")
CONV = {"conv_dim": (8, 8), "conv_stride": (20, 16), "conv_kernel": (40, 16), "num_feat_extract_layers": 2}
SPEECH = {
    **CONV,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
TEXT = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
}
WORDS = ("i", "am", "so", "bored", "happy", "sad", "angry", "say", "the", "word", "it", "is", "eleven", "clock", "o")


def need_transformers():
    """Skip where the optional library is missing."""
    return pytest.importorskip("transformers", reason="encoders need requirements-ssl.txt")


def save_speech(folder: Path, family: str = "wav2vec2", **changes) -> Path:
    """Write a speech encoder and its preprocessor."""
    transformers = need_transformers()
    import torch

    torch.manual_seed(len(family))
    if family == "whisper":
        transformers.WhisperModel(whisper_config(**changes)).save_pretrained(folder)
        transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
        return folder
    prefix = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM", "data2vec-audio": "Data2VecAudio"}[family]
    config = getattr(transformers, f"{prefix}Config")(**{**SPEECH, **changes})
    getattr(transformers, f"{prefix}Model")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def whisper_config(**changes):
    return need_transformers().WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=24, decoder_ffn_dim=24, num_mel_bins=80, vocab_size=19, max_target_positions=12,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=0, suppress_tokens=None,
        begin_suppress_tokens=None, **changes,
    )  # fmt: skip


def save_whisper(folder: Path) -> Path:
    """Write a whole Whisper model that writes words, if meaningless ones."""
    transformers = need_transformers()
    import torch

    torch.manual_seed(5)
    model = transformers.WhisperForConditionalGeneration(whisper_config())
    model.generation_config.max_new_tokens = 6
    model.generation_config.suppress_tokens = [0, 1, 2, 3]
    model.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_text(folder: Path, **changes) -> Path:
    """Write a text encoder with a tokenizer that knows a few words."""
    transformers = need_transformers()
    import torch

    torch.manual_seed(3)
    config = transformers.RobertaConfig(**{**TEXT, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, **changes})
    transformers.RobertaModel(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path) -> None:
    """Write a tokenizer.json that knows a few words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: i for i, word in enumerate(("<s>", "<pad>", "</s>", "<unk>", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))


def preset_encoders(folder: Path) -> Path:
    """Write tiny encoders under the names that presets use; gives the folder for AFFEXION_ENCODERS."""
    save_speech(folder / "facebook" / "wav2vec2-base")
    save_speech(folder / "facebook" / "hubert-base-ls960", "hubert")
    save_text(folder / "distilbert" / "distilroberta-base")
    return folder


def change_config(folder: Path, name: str = "config.json", **changes) -> None:
    """Change values in one of an encoder's JSON files."""
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
