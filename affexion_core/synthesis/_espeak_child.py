"""The program that speaks: run by ``espeak``, never imported. It alone loads the espeak-ng library (GPL-3).

Started as ``python _espeak_child.py LIBRARY DATA_FOLDER``; needs nothing but the standard library. It greets with a
JSON line, then reads one request a line and answers each with a JSON line and, where all went well, a WAV file of
``n_bytes`` bytes (16-bit mono).
"""

import _ctypes
import ctypes
import io
import json
import sys
import wave

# espeak-ng/speak_lib.h
SYNCHRONOUS, UTF8, SSML = 2, 1, 0x10
SETTINGS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4}
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class SpeechError(Exception):
    """The library refused; the text says what."""


def load(library: str, data: str) -> tuple[ctypes.CDLL, int]:
    """Load the library and return it with its sampling rate in Hz."""
    speech = ctypes.CDLL(library)
    sampling_rate = speech.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), 0)
    if sampling_rate <= 0:
        raise SpeechError(f"espeak-ng does not start with the data in {data}")
    return speech, sampling_rate


def unload(speech: ctypes.CDLL) -> None:
    """Unload it: its state (phase of the voice, flutter) lives on between texts and would change the next one."""
    speech.espeak_Terminate()
    if sys.platform == "win32":
        _ctypes.FreeLibrary(speech._handle)
    else:
        _ctypes.dlclose(speech._handle)


def version(library: str, data: str) -> str:
    """Ask the library for its version, such as ``1.52.0``."""
    speech, _ = load(library, data)
    speech.espeak_Info.restype = ctypes.c_char_p
    text = speech.espeak_Info(None).decode()
    unload(speech)
    return text


def speak(library: str, data: str, request: dict) -> bytes:
    """Speak ``ssml`` with ``voice``, ``seed`` and the `SETTINGS`; a fresh library each time makes it repeatable."""
    speech, sampling_rate = load(library, data)
    samples = bytearray()

    def receive(wav: "ctypes._Pointer[ctypes.c_short]", n_samples: int, _events: int) -> int:
        if wav and n_samples > 0:
            samples.extend(ctypes.string_at(wav, 2 * n_samples))
        return 0

    callback = CALLBACK(receive)
    try:
        speech.espeak_SetSynthCallback(callback)
        if speech.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            raise SpeechError(f"espeak-ng has no voice {request['voice']!r}")
        for name, number in SETTINGS.items():
            speech.espeak_SetParameter(number, round(request[name]), 0)
        speech.espeak_ng_SetRandSeed(ctypes.c_long(request["seed"]))
        text = request["ssml"].encode()
        if speech.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8 | SSML, None, None) != 0:
            raise SpeechError("espeak-ng refused the text")
        speech.espeak_Synchronize()
    finally:
        unload(speech)
    if not samples:
        raise SpeechError("espeak-ng gave no sound for the text")
    return as_wav(bytes(samples), sampling_rate)


def as_wav(samples: bytes, sampling_rate: int) -> bytes:
    """Wrap 16-bit mono samples in a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sampling_rate)
        file.writeframes(samples)
    return buffer.getvalue()


def answer(header: dict, body: bytes = b"") -> None:
    """Write one answer to the other side at once."""
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + body)
    sys.stdout.buffer.flush()


def main(library: str, data: str) -> None:
    """Greet, then answer requests until the other side closes."""
    try:
        answer({"version": version(library, data)})
    except (OSError, SpeechError) as error:
        answer({"error": str(error)})
        return
    for line in sys.stdin.buffer:
        try:
            wav = speak(library, data, json.loads(line))
        except SpeechError as error:
            answer({"error": str(error)})
        else:
            answer({"n_bytes": len(wav)}, wav)


if __name__ == "__main__":
    main(*sys.argv[1:])
