"""Speech by a service with OpenAI's API: a chat model that answers in audio, or the speech endpoint.

The chat endpoint gets the prompt as the system's message and the sentence as the user's, and is asked for text and
audio; the text of its answer is what it says it spoke, which is kept to be compared with the sentence. The speech
endpoint gets the sentence as ``input`` and the prompt as ``instructions``. Many local servers answer to the same calls.

The key is read from the environment or from Streamlit's secrets for each request, and is never written down.

Prices are those OpenAI named for its audio models in 2024 and 2025 (about 0.24 US dollars a minute of speech by chat,
0.015 by the speech endpoint); they change, so they are a setting wherever they are used.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from affexion_core.config import config_class, config_hash
from affexion_core.synthesis._http import check_address, check_key_name, post
from affexion_core.synthesis._plan import pair
from affexion_core.synthesis._request import (
    PROMPT,
    DamagedError,
    Price,
    ProviderInfo,
    RefusedError,
    Sentence,
    Speech,
    SpeechRequest,
    Voice,
    instruction,
)
from affexion_core.synthesis._wav import read_wav

INFO = ProviderInfo(
    title="OpenAI's API",
    licence="Speech made through a service with OpenAI's API: the service's terms of use say what may be done with it.",
    offline=False,
    source="https://platform.openai.com/docs/guides/audio",
    prompted=True,
)
BASE_URL = "https://api.openai.com/v1"
VOICES = tuple(
    Voice(name, "unstated", "en")
    for name in ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
)
DEFAULT_VOICES = ("alloy", "ash", "coral", "echo", "sage")


@config_class
class Config:
    """Which service, which model, which voices, and what they are told."""

    endpoint: Annotated[
        Literal["chat", "speech"],
        Field(description="chat: a model that answers in audio and can be told how to act; speech: reading aloud"),
    ] = "chat"
    model: Annotated[
        str, Field(min_length=1, max_length=200, description="Name of the model, e.g. gpt-4o-mini-tts for speech")
    ] = "gpt-audio-1.5"
    voices: Annotated[tuple[str, ...], Field(min_length=1, description="Voices that share the sentences equally")] = (
        DEFAULT_VOICES
    )
    prompt: Annotated[
        str, Field(max_length=4000, description="What the voice is told; {label} becomes the label. Empty: nothing")
    ] = PROMPT
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$", description="Language of the sentences, as in en")] = "en"
    base_url: Annotated[
        str, Field(max_length=500, description="Address of the service up to /v1; a local server works as well")
    ] = BASE_URL
    key_name: Annotated[str, Field(description="Under which name the key stands; never the key itself")] = (
        "OPENAI_API_KEY"
    )


def price(config: Config) -> Price:
    """Give a price to start from; what the service charges today may be another."""
    if config.base_url.rstrip("/") != BASE_URL:
        return Price()
    return Price(per_minute=0.24 if config.endpoint == "chat" else 0.015)


def plan(sentences: Sequence[Sentence], per_label: int, config: Config, seed: int) -> tuple[SpeechRequest, ...]:
    """Choose sentence and voice of ``per_label`` clips for every label; see `_plan.pair`.

    Raises
    ------
    SynthesisError
        If there are fewer sentences of a label than asked for, or the address or the name of the key can't be used.
    """
    check_address(config.base_url)
    check_key_name(config.key_name)
    known = {voice.name: voice for voice in VOICES}
    voices = [Voice(name, known[name].gender if name in known else "unstated", config.language)
              for name in dict.fromkeys(config.voices)]  # fmt: skip
    parameters = {name: getattr(config, name) for name in ("endpoint", "model", "base_url", "key_name")}
    return tuple(
        SpeechRequest(sentence, voice, seed, sentence.label, parameters, instruction(config.prompt, sentence.label))
        for sentence, voice in pair(sentences, voices, per_label, seed)
    )


def speak(requests: Iterable[SpeechRequest]) -> Iterator[bytes]:
    """Speak the requests in turn; see `answer`."""
    return (answer(request).wav for request in requests)


def answer(request: SpeechRequest, id: str | None = None) -> Speech:
    """Have one request spoken; ``id`` names it for services that carry out a named request once.

    Raises
    ------
    BusyError, RefusedError, SynthesisError
        As `_http.post`; also if the answer holds no sound.
    """
    said = request.parameters
    call = _chat if said["endpoint"] == "chat" else _speech
    path, body = call(request)
    id = id or config_hash(path, body, request.seed)
    content = post(str(said["base_url"]), path, body, str(said["key_name"]), id)
    if said["endpoint"] == "chat":
        return _from_chat(content)
    return Speech(read_wav(content).data)


def generator(request: SpeechRequest | None = None) -> str:
    """Name the model, for the origin card; the services say no version beyond it."""
    return f"openai {request.parameters['model'] if request is not None else Config().model}"


def _chat(request: SpeechRequest) -> tuple[str, dict[str, Any]]:
    told = [{"role": "system", "content": request.prompt}] if request.prompt else []
    return "chat/completions", {
        "model": request.parameters["model"],
        "modalities": ["text", "audio"],
        "audio": {"voice": request.voice.name, "format": "wav"},
        "messages": [*told, {"role": "user", "content": request.sentence.text}],
    }


def _speech(request: SpeechRequest) -> tuple[str, dict[str, Any]]:
    told = {"instructions": request.prompt} if request.prompt else {}
    return "audio/speech", {
        "model": request.parameters["model"],
        "voice": request.voice.name,
        "input": request.sentence.text,
        "response_format": "wav",
        **told,
    }


def _from_chat(content: bytes) -> Speech:
    message, usage = read_message(content)
    sound = message.get("audio")
    if not isinstance(sound, dict) or not isinstance(sound.get("data"), str):
        refused = message.get("refusal") or message.get("content")
        words = f" It said: {' '.join(str(refused).split())[:200]}" if refused else ""
        raise DamagedError(f"The model answered without sound.{words}")
    try:
        wav = base64.b64decode(sound["data"], validate=True)
    except (binascii.Error, ValueError):
        raise DamagedError("The sound in the answer is damaged: it is no base64.") from None
    said = sound.get("transcript")
    return Speech(read_wav(wav).data, said if isinstance(said, str) else None, usage)


def read_message(content: bytes) -> tuple[Mapping[str, Any], dict[str, int]]:
    """Read the message of a chat completion, and the tokens it took.

    Raises
    ------
    RefusedError
        If the answer comes from something that doesn't speak the API.
    SynthesisError
        If the answer is damaged.
    """
    if content.lstrip()[:1] == b"<":
        raise RefusedError("What answers there is a web page and not the API; check the base address.")
    try:
        whole = json.loads(content)
        message = whole["choices"][0]["message"]
        if not isinstance(message, dict):
            raise TypeError
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise DamagedError("The answer is damaged: it isn't what the API promises.") from None
    usage = whole.get("usage")
    counts = usage.items() if isinstance(usage, dict) else ()
    return message, {name: n for name, n in counts if isinstance(n, int) and not isinstance(n, bool)}
