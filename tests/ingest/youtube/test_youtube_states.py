# ruff: noqa: E501 (what yt-dlp says, word for word)
import importlib.util
import json
import shutil
import stat
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from affexion_core.ingest.youtube import download
from affexion_core.ingest.youtube.download import FetchLimits, command, fetch_video
from affexion_core.ingest.youtube.link import parse_link
from affexion_core.ingest.youtube.states import STATES, VideoError, state_of

LINK = parse_link("https://youtu.be/dQw4w9WgXcQ")
LIMITS = FetchLimits()
E = "ERROR: [youtube] dQw4w9WgXcQ: "
COOKIES = (" Use --cookies-from-browser or --cookies for the authentication. See  "
           "https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies.")  # fmt: skip
REPORT = ("; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate issue "
          "template. Confirm you are on the latest version using  yt-dlp -U")  # fmt: skip
OLD = "WARNING: Your yt-dlp version (2026.08.19) is older than 90 days!\n"
NO_JS = (
    "WARNING: [youtube] No supported JavaScript runtime could be found. Only deno is enabled by default; to use another "
    "runtime add  --js-runtimes RUNTIME[:PATH]. YouTube extraction without a JS runtime has been deprecated, and some "
    "formats may be missing.\n"
)
SAID = [
    ("deleted", E + "Video unavailable"),
    ("deleted", E + "Video unavailable. This video has been removed by the uploader"),
    ("deleted", E + "Video unavailable. This video is no longer available because the YouTube account associated with "
                "this video has been terminated."),
    ("private", E + "Private video. Sign in if you've been granted access to this video." + COOKIES),
    ("blocked here", E + "Video unavailable. The uploader has not made this video available in your country"),
    ("blocked here", E + "The uploader has not made this video available in your country\nThis video is available in US."),
    ("blocked here", E + "Video unavailable. This video contains content from SME, who has blocked it in your country on "
                     "copyright grounds"),
    ("rate-limited", E + "Unable to download API page: HTTP Error 429: Too Many Requests (caused by <HTTPError 429>)"),
    ("rate-limited", E + "Sign in to confirm you\u2019re not a bot." + COOKIES),
    ("rate-limited", E + "Video unavailable. This content isn't available, try again later. The current session has been "
                     "rate-limited by YouTube for up to an hour."),
    ("age or login", E + "Sign in to confirm your age. This video may be inappropriate for some users." + COOKIES),
    ("age or login", E + "Join this channel to get access to members-only content like this video, and other perks."),
    ("age or login", E + "This video requires payment to watch"),
    ("live now", E + "This live event will begin in 3 hours."),
    ("live now", E + "Premieres in 20 hours"),
    ("unreachable", E + "Unable to download API page: [Errno -2] Name or service not known"),
    ("unreachable", "WARNING: [youtube] x: Sign in\n" + E + "Unable to download webpage: The read operation timed out"),
    ("unreachable", E + "Unable to download API page: HTTP Error 503: Service Unavailable"),
    ("yt-dlp missing", "/usr/bin/python3: No module named yt_dlp"),
    ("yt-dlp too old", "Usage: yt-dlp [OPTIONS] URL [URL...]\n\nyt-dlp: error: no such option: --no-plugin-dirs"),
    ("yt-dlp too old", E + "Failed to extract any player response" + REPORT),
    ("JavaScript runtime missing", NO_JS + E + "Requested format is not available. Use --list-formats for a list of "
                                   "available formats"),
    ("no sound", OLD + E + "Requested format is not available. Use --list-formats for a list of available formats"),
    ("no sound", E + "This video is DRM protected"),
    ("not understood", OLD + "Traceback (most recent call last):\nKeyError: 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said"), SAID)
def test_what_is_printed_tells_the_state(name, said):
    assert state_of(said).name == name


def test_every_state_has_an_example_or_is_told_otherwise(counted):
    told = {name for name, _ in SAID}
    assert {state.name for state in STATES} - told == {"too long", "too large", "too slow"}
    counted("states of a video: named / recorded messages told right", f"{len(STATES)} / {len(SAID)}")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put another program in yt-dlp's place: Python code that finds its arguments in sys.argv."""

    def put(code: str) -> Path:
        path = tmp_path / "program"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{code}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(download.PROGRAM, str(path))
        return path

    return put


def fetched(folder: Path, limits: FetchLimits = LIMITS) -> tuple[VideoError, list[float]]:
    waits: list[float] = []
    folder.mkdir()
    with pytest.raises(VideoError) as told:
        fetch_video(LINK, folder, limits=limits, wait=waits.append)
    assert not list(folder.glob("home")) and LINK.video in str(told.value)
    return told.value, waits


FACTS = '{{"id": "{}", "title": "t", "duration": {}, "live_status": "{}"}}'


@pytest.mark.parametrize(
    ("code", "name", "tries"),
    [
        ("sys.stderr.write('ERROR: HTTP Error 429: Too Many Requests'); sys.exit(1)", "rate-limited", 3),
        ("sys.stderr.write('ERROR: Private video'); sys.exit(1)", "private", 1),
        (f"print('{FACTS.format(LINK.video, 9, 'is_live')}')", "live now", 1),
        (f"print('{FACTS.format(LINK.video, 9000, 'not_live')}')", "too long", 1),
        (f"print('{FACTS.format(LINK.video, 9, 'not_live')}')", "too large", 1),
        (f"print('{FACTS.format('aaaaaaaaaaa', 9, 'not_live')}')", "not understood", 1),
        ("open('original.webm', 'wb').write(b'x' * 1_500_000); time.sleep(30)", "too large", 1),
        ("time.sleep(30)", "too slow", 1),
        ("pass", "not understood", 1),
    ],
)  # fmt: skip
def test_states_and_tries(code, name, tries, program, tmp_path):
    program(f"open({str(tmp_path / 'count')!r}, 'a').write('x'); {code}")
    limits = FetchLimits(max_megabytes=1, max_minutes=0.03 if name == "too slow" else 1)
    error, waits = fetched(tmp_path / "folder", limits)
    assert error.state.name == name
    assert len((tmp_path / "count").read_text()) == tries == len(waits) + 1


def test_the_process_gets_neither_secrets_nor_the_home_nor_a_shell(program, tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEXION_DATABASE_URL", "postgresql://secret")
    out = tmp_path / "seen"
    program(f"open({str(out)!r}, 'w').write(repr((dict(os.environ), sys.argv)))")
    fetched(tmp_path / "folder")
    environment, arguments = eval(out.read_text())
    assert "secret" not in str(environment) and environment["HOME"].startswith(str(tmp_path / "folder"))
    assert arguments[-2:] == ["--", LINK.address]


def test_a_program_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv(download.PROGRAM, str(tmp_path / "none"))
    assert fetched(tmp_path / "folder")[0].state.name == "yt-dlp missing"


def test_the_real_one_without_a_network_says_so(tmp_path, monkeypatch):
    if importlib.util.find_spec("yt_dlp") is None:
        pytest.skip("yt-dlp is not installed")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(download, "TRIES", 1)
    assert fetched(tmp_path / "folder")[0].state.name == "unreachable"
    assert shutil.which("deno", path=str(Path(sys.executable).parent))


@pytest.mark.shared_audio
def test_the_real_one_takes_the_call_and_asks_no_other_host(tmp_path, shared_audio, counted):
    """Against a server of this machine: asked for YouTube alone it doesn't call; asked for any page it fetches."""
    pytest.importorskip("yt_dlp")
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(shared_audio / "odd")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    call = command(f"http://127.0.0.1:{server.server_port}/speech.webm", LIMITS)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "no_proxy": "127.0.0.1"}
    try:
        refused = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert refused.returncode != 0 and "No suitable extractor" in refused.stderr and not asked
        call[call.index("youtube")] = "generic"
        fetched = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert fetched.returncode == 0 and json.loads(fetched.stdout)["title"] == "speech", fetched.stderr
        assert [file.name for file in tmp_path.iterdir()] == ["original.webm"] and asked
        call[call.index("--max-filesize") + 1] = "1k"
        (tmp_path / "original.webm").unlink()
        large = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert large.returncode == 0 and not list(tmp_path.iterdir())
    finally:
        server.shutdown()
        server.server_close()
    counted("yt-dlp given another host with YouTube's extractor alone: requests", "0")
