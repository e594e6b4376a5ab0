"""Pretrained encoders of speech and text as folders in the format of the transformers library: found, checked, loaded.

Nothing is downloaded unless that is asked for, and weights are read from safetensors files alone: a ``.bin`` is a
pickle, which can run what it likes. All but `load_encoder` and `download_encoder` works without that library.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from affexion_core.errors import ModelError, allowed
from affexion_core.workspace import SHIPPED

if TYPE_CHECKING:
    from torch import nn

Kind = Literal["speech", "text"]

# By model_type of config.json, the class that reads it. Whisper's encoder is taken out of the whole model.
_SPEECH = {
    "wav2vec2": "Wav2Vec2Model",
    "wav2vec2-conformer": "Wav2Vec2ConformerModel",
    "hubert": "HubertModel",
    "wavlm": "WavLMModel",
    "unispeech-sat": "UniSpeechSatModel",
    "data2vec-audio": "Data2VecAudioModel",
    "whisper": "WhisperModel",
}
_TEXT = {
    "bert": "BertModel",
    "camembert": "CamembertModel",
    "distilbert": "DistilBertModel",
    "electra": "ElectraModel",
    "mpnet": "MPNetModel",
    "roberta": "RobertaModel",
    "xlm-roberta": "XLMRobertaModel",
}
_CLASSES = {"speech": _SPEECH, "text": _TEXT}
# Weights that a checkpoint may lack: they serve pretraining or tasks that nothing here uses.
_UNUSED = re.compile(r"(^|\.)(masked_spec_embed|pooler\..*|position_ids)$")
_PIN = re.compile(r"(.+)@([0-9a-f]{16})")
# Beyond these a config.json is no encoder but an attempt to fill the memory.
_LARGEST = {"hidden_size": 16_384, "n_layers": 200}
_RATE = 16_000


@dataclass(frozen=True)
class Encoder:
    """What a folder's JSON files say of an encoder.

    ``family`` is its model_type. ``n_layers`` counts transformer layers; hidden states are one more, as the first
    layer's input counts. Of a speech encoder, ``normalises`` says whether it was trained on signals of mean 0 and
    variance 1, ``shortest`` how many samples one frame takes.
    """

    folder: Path
    kind: Kind
    family: str
    hidden_size: int
    n_layers: int
    normalises: bool = False
    shortest: int = 1


def encoder_folders() -> tuple[Path, ...]:
    """List the folders in which encoders are looked for by name, the first first."""
    workspace = Path(os.environ.get("AFFEXION_WORKSPACE") or SHIPPED).expanduser()
    named = os.environ.get("AFFEXION_ENCODERS")
    return (*((Path(named).expanduser(),) if named else ()), workspace / "encoders")


def find_encoder(name: str) -> Path:
    """Find an encoder's folder.

    Parameters
    ----------
    name
        A folder; or a name such as ``facebook/wav2vec2-base``, looked for in `encoder_folders` and among what the
        Hugging Face library has downloaded before. A pin (``NAME@fingerprint``, see `pinned`) is checked.

    Raises
    ------
    ModelError
        If it isn't there (the text says what to get and where to put it), or isn't the one that the pin names.
    """
    plain, pin = _parted(name)
    folder = _folder_of(plain)
    if pin is not None and fingerprint(folder) != pin:
        raise ModelError(
            f"The encoder in {folder} is not the one this was made with: its files have the fingerprint "
            f"{fingerprint(folder)}, not {pin}. Put the right one there, or train anew with this one."
        )
    return folder


def _parted(name: str) -> tuple[str, str | None]:
    found = _PIN.fullmatch(name)
    return (found[1], found[2]) if found else (name, None)


def _folder_of(name: str) -> Path:
    if not name.strip():
        raise ModelError("No encoder is named; give a folder, or a name such as facebook/wav2vec2-base.")
    path = Path(name).expanduser()
    is_name = re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) is not None and ".." not in name
    places = [path.resolve(), *((folder / name for folder in encoder_folders()) if is_name else ())]
    for place in places:
        if (place / "config.json").is_file():
            return place
    downloaded = _downloaded(name) if is_name else None
    if downloaded is not None:
        return downloaded
    if path.is_dir():
        raise ModelError(f"{path} is no encoder: config.json is missing. Name the folder that holds it.")
    if not is_name or path.is_absolute():
        raise ModelError(f"There is no folder {path}. Name the folder of an encoder, or one by its name.")
    target = encoder_folders()[0] / name
    raise ModelError(
        f"The encoder {name!r} is not on this machine. Get config.json, preprocessor_config.json (speech) or "
        f"tokenizer.json (text) and model.safetensors from https://huggingface.co/{name} and put them into {target}; "
        "or have it downloaded by the verb encoder; or name another folder."
    )


def _downloaded(name: str) -> Path | None:
    """Look into the Hugging Face library's own cache, without the network."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    snapshots = hub / ("models--" + name.replace("/", "--")) / "snapshots"
    found = [path.parent for path in snapshots.glob("*/config.json")]
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


def pinned(name: str) -> str:
    """Give an encoder's name with its fingerprint, ``NAME@3f2a…``, so that it is never taken for another.

    Raises
    ------
    ModelError
        As `find_encoder` and `fingerprint`.
    """
    plain, _ = _parted(name)
    return f"{plain}@{fingerprint(find_encoder(name))}"


def fingerprint(folder: Path) -> str:
    """Hash all files of an encoder that decide its numbers (16 hex digits)."""
    files = [folder / "config.json", folder / "preprocessor_config.json", folder / "tokenizer.json", *_weights(folder)]
    there = [path for path in files if path.is_file()]
    return _hashed(tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in there))


@lru_cache(maxsize=64)
def _hashed(files: tuple[tuple[str, int, int], ...]) -> str:
    """Hash files by name and content; time and size tell when that must be done anew."""
    digest = hashlib.sha256()
    for path, _, size in files:
        digest.update(f"{Path(path).name}:{size}\n".encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def _weights(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.safetensors"))
    if found:
        return found
    others = [path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5") for path in folder.glob(pattern)]
    if others:
        raise ModelError(
            f"{folder} holds its weights as {', '.join(sorted(others))}, a format that can run code when it is opened, "
            "so it isn't. Get a model.safetensors (many encoders have one among their files or pull requests), or "
            "make one on a machine where you trust the file: load it there with the transformers library and call "
            "save_pretrained, which writes safetensors."
        )
    raise ModelError(f"{folder} holds no weights: model.safetensors is missing. Put it there.")


def describe_encoder(folder: Path, kind: Kind) -> Encoder:
    """Read what an encoder's JSON files say of it.

    Raises
    ------
    ModelError
        If they are damaged, the encoder is of another kind, or it hears another sampling rate than 16 kHz.
    """
    config = _json(folder / "config.json")
    family = str(config.get("model_type"))
    if family not in _CLASSES[kind]:
        raise ModelError(
            f"The encoder in {folder} is of type {family!r}; for {kind} choose one of type {allowed(_CLASSES[kind])}."
        )
    hidden, layers = _sizes(config, family)
    for what, value in (("hidden_size", hidden), ("n_layers", layers)):
        if not isinstance(value, int) or not 1 <= value <= _LARGEST[what]:
            raise ModelError(f"{folder / 'config.json'}: {what} is {value!r}; it must be 1 to {_LARGEST[what]}.")
    if kind == "text":
        return Encoder(folder, kind, family, hidden, layers)
    heard = _json(folder / "preprocessor_config.json") if (folder / "preprocessor_config.json").is_file() else {}
    rate = heard.get("sampling_rate", _RATE)
    if rate != _RATE:
        raise ModelError(
            f"The encoder in {folder} hears {rate} Hz, but clips come at {_RATE} Hz. Choose one trained at {_RATE} Hz."
        )
    return Encoder(folder, kind, family, hidden, layers, bool(heard.get("do_normalize", True)), _shortest(config))


def _sizes(config: Mapping[str, Any], family: str) -> tuple[Any, Any]:
    if family == "whisper":
        return config.get("d_model"), config.get("encoder_layers")
    if family == "distilbert":
        return config.get("dim", config.get("hidden_size")), config.get("n_layers", config.get("num_hidden_layers"))
    return config.get("hidden_size"), config.get("num_hidden_layers")


def _shortest(config: Mapping[str, Any]) -> int:
    """Count the samples that the convolutions of a wav2vec2-like encoder need for one frame."""
    needed = 1
    kernels, strides = config.get("conv_kernel") or (), config.get("conv_stride") or ()
    for kernel, stride in reversed(list(zip(kernels, strides, strict=False))):
        needed = (needed - 1) * int(stride) + int(kernel)
    return max(needed, 1)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read: {error}. Copy the encoder anew.") from None
    if not isinstance(values, dict):
        raise ModelError(f"{path} is no description of an encoder. Copy the encoder anew.")
    return values


def need_transformers() -> None:
    """Raise `ModelError` where the transformers library is not installed."""
    if find_spec("transformers") is None:
        raise ModelError("Encoders need the transformers library: pip install -r requirements-ssl.txt.")


def load_encoder(encoder: Encoder, whole: str | None = None) -> nn.Module:
    """Load an encoder with its weights, float32 on the CPU, ready for use; of Whisper the encoder half.

    ``whole`` names another class of the library that reads the folder, whose model then comes whole.

    Raises
    ------
    ModelError
        If the transformers library is missing, or the weights are damaged or of another architecture.
    """
    need_transformers()
    import transformers
    from safetensors import SafetensorError

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    _weights(encoder.folder)
    reader = getattr(transformers, whole or _CLASSES[encoder.kind][encoder.family])
    try:
        model, told = reader.from_pretrained(
            str(encoder.folder), local_files_only=True, use_safetensors=True, dtype="float32", output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(f"The encoder in {encoder.folder} can't be loaded: {reason} Copy it anew.") from error
    missing = sorted(str(name) for name in told["missing_keys"] if not _UNUSED.search(str(name)))
    if missing:
        raise ModelError(
            f"The weights in {encoder.folder} are not those of the {encoder.family} that its config.json describes: "
            f"{len(missing)} are missing, such as {missing[0]}. Copy weights and config.json of one encoder."
        )
    part = model.get_encoder() if encoder.family == "whisper" and whole is None else model
    if not all(bool(values.isfinite().all()) for values in part.parameters()):
        raise ModelError(f"The encoder in {encoder.folder} holds values that are no numbers. Copy it anew.")
    return part.eval()


def empty_encoder(architecture: str, kind: Kind) -> nn.Module:
    """Build an encoder of an architecture (its config as JSON text) with weights yet to be filled in."""
    need_transformers()
    import transformers

    values = json.loads(architecture)
    reader = getattr(transformers, _CLASSES[kind][values["model_type"]])
    return reader(reader.config_class.from_dict(values))


def download_encoder(name: str, folder: Path | None = None) -> Path:
    """Download an encoder from the Hugging Face hub: JSON, vocabulary and safetensors files, nothing else.

    Parameters
    ----------
    name
        Such as ``facebook/wav2vec2-base``.
    folder
        Where to; None for the first of `encoder_folders`.

    Raises
    ------
    ModelError
        If the hub can't be reached, has no such encoder, or only weights in an unsafe format.
    """
    need_transformers()
    from huggingface_hub import snapshot_download

    target = (folder or encoder_folders()[0]) / name
    patterns = ["*.json", "*.txt", "*.model", "*.safetensors"]
    try:
        snapshot_download(name, local_dir=target, allow_patterns=patterns)
    except Exception as error:  # the hub's library raises many kinds, some of its own HTTP client
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(
            f"The encoder {name!r} could not be downloaded from https://huggingface.co: {reason} Without the network, "
            f"get its files on another machine and put them into {target}."
        ) from error
    _weights(target)
    return target


def windows_of(n_samples: int, longest: int) -> list[slice]:
    """Cut a signal into the fewest pieces of like length that are at most ``longest`` samples."""
    n_pieces = max(math.ceil(n_samples / longest), 1)
    cuts = [n_samples * i // n_pieces for i in range(n_pieces + 1)]
    return [slice(first, last) for first, last in zip(cuts[:-1], cuts[1:], strict=True)]
