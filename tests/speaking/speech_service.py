"""A local server that speaks the API of OpenAI's audio models, well or badly."""

import base64
import io
import json
import threading
import time
import wave
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


def tone(text: str, seconds: float = 0.3) -> bytes:
    """Make a WAV file that differs with the text."""
    n = sum(map(ord, text)) % 700
    samples = (8000 * np.sin(2 * np.pi * (200 + n) * np.arange(int(16_000 * seconds)) / 16_000)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


class Service:
    """What the server was asked, and how it is to answer.

    ``behave(number, body)`` gives a status, headers and content for the number of a request, or None to answer well.
    """

    def __init__(self) -> None:
        self.behave: Callable[[int, dict], tuple[int, dict, bytes] | None] = lambda number, body: None
        self.requests: list[dict] = []
        self.keys: list[str | None] = []
        self.ids: list[str | None] = []
        self.times: list[float] = []
        self.lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                service.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # who was killed or gave up no longer listens
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self.lock:
            self.requests.append(body)
            self.keys.append(handler.headers.get("Authorization"))
            self.ids.append(handler.headers.get("Idempotency-Key"))
            self.times.append(time.monotonic())
            number = len(self.requests)
        told = self.behave(number, body)
        if told is not None and told[0] == 0:
            handler.close_connection = True
            handler.connection.close()
            return
        status, headers, content = told or (200, {}, self.well(handler.path, body))
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def well(self, path: str, body: dict) -> bytes:
        """Answer as the API does."""
        if path.endswith("/audio/speech"):
            return tone(body["input"] + body["voice"])
        text = body["messages"][-1]["content"]
        if "audio" not in body.get("modalities", ()):
            return completion(
                {"content": '```json\n["We could go now.", "It is on the table.", "I saw it today."]\n```'}
            )
        return completion(audio(tone(text + body["audio"]["voice"]), text))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def audio(wav: bytes, said: str = "") -> dict:
    return {"audio": {"data": base64.b64encode(wav).decode(), "transcript": said}}


def completion(message: dict) -> bytes:
    return json.dumps({"choices": [{"message": message}], "usage": {"completion_tokens": 30}}).encode()


def error(message: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "code": code}}).encode()
