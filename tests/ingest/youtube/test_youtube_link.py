import socket
import subprocess

import pytest
from click.testing import CliRunner
from hostile import LINKS
from hypothesis import example, given
from hypothesis import strategies as st

from affexion_core.__main__ import cli
from affexion_core.errors import AffexionError, LinkError
from affexion_core.ingest.youtube.download import FetchLimits, command
from affexion_core.ingest.youtube.link import parse_link

ID = "dQw4w9WgXcQ"
KINDS = (
    "https://www.youtube.com/watch?v={}", "http://youtube.com/watch?v={}", "https://m.youtube.com/watch?v={}&app=m",
    "https://music.youtube.com/watch?v={}&list=RDAMVM", "https://youtu.be/{}", "youtu.be/{}?si=abc",
    "youtube.com/shorts/{}", "https://www.youtube.com/embed/{}?rel=0", "https://www.youtube-nocookie.com/embed/{}", "https://youtube.com/live/{}",
    "  HTTPS://WWW.YOUTUBE.COM/watch?feature=share&v={}&list=PLabc&index=2#x \n", "https://www.youtube.com/v/{}",
)  # fmt: skip
ids = st.text("ABCXYZabcxyz0189_-", min_size=11, max_size=11)


@pytest.fixture
def nothing_leaves(monkeypatch) -> list[str]:
    """Note and refuse every connection, name look-up and start of a process."""
    tried: list[str] = []

    def refuse(*args, **_):
        tried.append(repr(args))
        raise AssertionError(f"something was to leave: {args}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr("os.posix_spawn", refuse)
    return tried


@pytest.mark.parametrize("kind", KINDS)
@given(ids)
@example("-abcdefghij")
def test_of_a_link_the_id_is_kept_and_the_address_built_anew(kind, id):
    assert parse_link(kind.format(id)).address == f"https://www.youtube.com/watch?v={id}"


@pytest.mark.parametrize(
    ("end", "seconds"),
    [("t=90", 90), ("t=90s", 90), ("t=1m30s", 90), ("t=1h2m3s", 3723), ("start=7", 7), ("t=x", None)],
)
def test_a_link_may_say_where_to_begin(end, seconds):
    assert parse_link(f"https://www.youtube.com/watch?v={ID}&{end}").start == seconds
    assert parse_link(f"https://youtu.be/{ID}#{end}").start == seconds


def test_hostile_links_lead_nowhere(nothing_leaves, counted, tmp_path):
    refused = 0
    for link in LINKS:
        with pytest.raises(LinkError) as told:
            parse_link(link)
        assert "\n" not in str(told.value) and "\u202e" not in str(told.value)
        refused += 1
    for link in LINKS:
        done = CliRunner().invoke(cli, ["--workspace", str(tmp_path / "w"), "youtube", "--", link])
        assert isinstance(done.exception, AffexionError | SystemExit) and not nothing_leaves, link
    assert refused == len(LINKS) >= 60 and len(set(LINKS)) == len(LINKS)
    counted(
        "hostile links: refused / outbound connections or processes",
        f"{refused} of {len(LINKS)} / {len(nothing_leaves)}",
    )


@given(st.text(max_size=80))
@example("http://[::1")
@example("https://youtube.com/watch?v=" + "a" * 5000)
def test_any_text_is_a_link_to_one_video_or_one_sentence(text):
    try:
        link = parse_link(text)
    except LinkError as error:
        assert "\n" not in str(error)
    else:
        assert len(link.video) == 11 and link.video.isascii()


@pytest.mark.soak
def test_many_mutated_links_are_refused_or_rebuilt(counted):
    import random

    rng, kept, refused = random.Random(0), 0, 0
    signs = "/\\@:?#&=.%-_ \n\0[]0aZé\u202e"
    for _ in range(100_000):
        text = list(rng.choice(LINKS + KINDS).format(ID) if rng.random() < 0.5 else rng.choice(KINDS).format(ID))
        for _ in range(rng.randint(1, 4)):
            place = rng.randint(0, len(text))
            text[place : place + rng.randint(0, 2)] = rng.choice(signs)
        try:
            link = parse_link("".join(text))
        except LinkError:
            refused += 1
        else:
            kept += 1
            assert link.address == f"https://www.youtube.com/watch?v={link.video}" and len(link.video) == 11
    counted("100,000 mutated links: rebuilt / refused / other outcomes", f"{kept} / {refused} / 0")


def test_the_command_takes_no_settings_and_ends_with_the_address():
    link = parse_link("https://youtu.be/-abcdefghij")
    call = command(link.address, FetchLimits())
    assert call[-2:] == ["--", "https://www.youtube.com/watch?v=-abcdefghij"]
    assert call[call.index("--use-extractors") + 1] == "youtube" and call[call.index("--xff") + 1] == "never"
    closed = "plugin-dirs exec cookies cookies-from-browser playlist cache-dir batch-file remote-components"
    for option in ("--max-filesize", *(f"--no-{word}" for word in closed.split()), "--ignore-config"):
        assert option in call
