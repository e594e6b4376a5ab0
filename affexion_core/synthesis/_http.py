"""One request to a service that speaks OpenAI's API, and its answers as errors that say what to do."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from affexion_core.errors import SynthesisError
from affexion_core.synthesis._keys import api_key
from affexion_core.synthesis._request import BusyError, DamagedError, RefusedError

TIMEOUT = 120.0  # s for a whole answer
CONNECT = 10.0  # s until the other side has to pick up
MOST_BYTES = 64_000_000
MOST_WAIT = 600.0  # s; who asks for longer is asked again by a person
_WORDS = 240
# Nothing else of the environment can be sent to a service.
_KEY_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,60}_API_KEY")


def post(base_url: str, path: str, body: Mapping[str, Any], key_name: str, id: str) -> bytes:
    """Send one request and give the answer's bytes.

    Parameters
    ----------
    base_url, path
        Such as ``https://api.openai.com/v1`` and ``audio/speech``.
    body
        As JSON.
    key_name
        Which key to send, by its name; see `_keys.api_key`.
    id
        Names the request: a service that knows the header ``Idempotency-Key`` carries it out once.

    Raises
    ------
    BusyError
        If it may go well later: too many requests, an error of the server, no answer in time, a broken connection.
    RefusedError
        If no request will go well: no key or a wrong one, no money left, no such address or model, a redirect.
    SynthesisError
        If this request is refused.
    """
    host = check_address(base_url)
    check_key_name(key_name)
    url = f"{base_url.strip().rstrip('/')}/{path}"
    key = api_key(key_name)
    _check_key(url, host, key, key_name)
    headers = {"Idempotency-Key": id, **({"Authorization": f"Bearer {key}"} if key else {})}
    until = time.monotonic() + TIMEOUT
    try:
        # redirects are not followed: they would carry the key elsewhere
        client = httpx.Client(timeout=httpx.Timeout(TIMEOUT, connect=CONNECT), trust_env=not is_loopback(host))
        with client, client.stream("POST", url, json=dict(body), headers=headers) as answer:
            content = _read(answer, until)
    except httpx.TimeoutException:
        raise BusyError(f"{host} gave no answer within {TIMEOUT:g} s.", unsure=True) from None
    except httpx.HTTPError as error:
        words = f"The connection to {host} failed ({_one_line(str(error), key) or 'closed'})."
        raise BusyError(words, unsure=not isinstance(error, httpx.ConnectError)) from None
    if answer.status_code == 200:
        return content
    raise _refusal(host, answer, content, key, key_name)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(base_url: str) -> str:
    """Check the address of a service and give its host; `RefusedError` doesn't repeat it, as it may hold a password."""
    try:
        parts = urlsplit(base_url.strip())
        host, more = parts.hostname or "", "@" in parts.netloc or parts.query or parts.fragment
    except ValueError:
        host, more = "", ""
    if not host or more or parts.scheme not in ("https", "http"):
        raise RefusedError(
            "The base address can't be used; write it as https://host/v1, without name, password or question mark."
        )
    return host


def check_key_name(name: str) -> None:
    """Refuse a name that can't be one of a key, without repeating it: somebody may have put the key itself there."""
    if not _KEY_NAME.fullmatch(name):
        raise RefusedError("The name of the key must look like OPENAI_API_KEY; the key itself belongs elsewhere.")


def _check_key(url: str, host: str, key: str | None, name: str) -> None:
    if key is None and not is_loopback(host):
        raise RefusedError(
            f"There is no key for {host}. Set {name} in the environment before starting the app, or write it into "
            ".streamlit/secrets.toml."
        )
    if key is not None and url.startswith("http://") and not is_loopback(host):
        raise RefusedError(f"A key is never sent over http to {host}; use an address with https.")


def _read(answer: httpx.Response, until: float) -> bytes:
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > MOST_BYTES:
            raise DamagedError(f"The answer is larger than {MOST_BYTES // 1_000_000} MB; shorten the sentence.")
        if time.monotonic() > until:
            raise httpx.ReadTimeout("too slow")
    return bytes(content)


def _refusal(host: str, answer: httpx.Response, content: bytes, key: str | None, key_name: str) -> SynthesisError:
    status = answer.status_code
    code, words = _said(content, key)
    said = f" and said: {words}" if words else ""
    if code == "insufficient_quota" or status == 402:
        return RefusedError(f"{host} says that the account has no money left; top it up, then go on.")
    if status in (401, 403):
        return RefusedError(f"{host} refuses the key ({status}); check {key_name}, then go on.")
    if status == 404 or 300 <= status < 400:
        return RefusedError(f"{host} has nothing at this address, or no such model ({status}){said}")
    if status in (408, 409, 425, 429) or status >= 500:
        after = retry_after(answer.headers.get("Retry-After"))
        if after is not None and after > MOST_WAIT:
            return RefusedError(f"{host} asks to wait {after / 60:.0f} min; go on after that.")
        what = "too many requests" if status == 429 else "an error of the server"
        return BusyError(f"{host} answered with {what} ({status}){said}", after)
    return SynthesisError(f"{host} refused the request ({status}){said}")


def retry_after(header: str | None) -> float | None:
    """Read the header ``Retry-After``: seconds, or a date; None where it says neither."""
    if header is None:
        return None
    try:
        return max(0.0, float(header)) if header.strip().replace(".", "", 1).isdecimal() else _until(header)
    except (ValueError, TypeError):
        return None


def _until(date: str) -> float:
    when = parsedate_to_datetime(date)
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _said(content: bytes, key: str | None) -> tuple[str, str]:
    """Read code and words of an error; what is no error in the API's form is not shown."""
    try:
        error = json.loads(content)["error"]
        return str(error.get("code") or ""), _one_line(str(error.get("message") or ""), key)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def _one_line(text: str, key: str | None) -> str:
    """Shorten what the other side says to a line, without the key, which some repeat."""
    hidden = text.replace(key, "…") if key else text
    return " ".join(hidden.split())[:_WORDS]
