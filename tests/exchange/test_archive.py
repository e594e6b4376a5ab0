"""Archives that somebody else made: whatever they hold, nothing lands outside the folder they are unpacked into."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from affexion_core.archives import ArchiveLimits, unpacked
from affexion_core.errors import CorpusError


def packed(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def special(name: str, kind: int, data: bytes = b"target") -> bytes:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, data)
    return out.getvalue()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Write another name of the same length into an archive, which zipfile itself would not write."""
    assert len(old) == len(new) and data.count(old) == 2
    return data.replace(old, new)


def encrypted() -> bytes:
    data = bytearray(packed(("a.csv", b"clip")))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + offset] |= 1
    return bytes(data)


def wrong_crc() -> bytes:
    data = packed(("a.csv", b"clip,rater,label"), method=zipfile.ZIP_STORED)
    return data.replace(b"clip,rater", b"clip,RATER")


def lying_size(stated: int) -> bytes:
    """State another unpacked size than there is."""
    data = bytearray(packed(("a.csv", b"x" * 5000)))
    for sign, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(sign) + offset, stated)
    return bytes(data)


def overlapping() -> bytes:
    """Let many entries of the directory point to one packed file."""
    one = packed(("a", b"\0" * 1_000_000))
    start = one.index(b"PK\x01\x02")
    entry, end = one[start : one.index(b"PK\x05\x06")], bytearray(one[one.index(b"PK\x05\x06") :])
    names = [bytes([65 + n]) for n in range(20)]
    directory = b"".join(entry[:46] + name + entry[47:] for name in names)
    struct.pack_into("<HHII", end, 8, 20, 20, len(directory), start)
    return one[:start] + directory + bytes(end)


def wrong_method() -> bytes:
    data = bytearray(packed(("a.csv", b"clip")))
    for sign, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(sign) + offset, 99)
    return bytes(data)


HOSTILE = {
    "parent": (packed(("../evil", b"x")), "'../evil' has a path that leads elsewhere"),
    "parent within": (packed(("a/../../evil", b"x")), "leads elsewhere"),
    "parent with backslashes": (packed(("..\\..\\evil", b"x")), "leads elsewhere"),
    "absolute": (packed(("/tmp/evil", b"x")), "'/tmp/evil' has an absolute path"),
    "absolute with a backslash": (packed(("\\evil", b"x")), "absolute path"),
    "network share": (packed(("//host/share/evil", b"x")), "absolute path"),
    "drive letter": (packed(("C:\\evil", b"x")), "drive letter or colon"),
    "alternate stream": (packed(("a.txt:evil", b"x")), "drive letter or colon"),
    "symbolic link": (special("link", stat.S_IFLNK, b"/etc/passwd"), "'link' is a link"),
    "pipe": (special("pipe", stat.S_IFIFO), "neither file nor folder"),
    "device file": (special("disk", stat.S_IFBLK), "neither file nor folder"),
    "device name": (packed(("a/CON", b"x")), "name of a device"),
    "device name with suffix": (packed(("nul.wav", b"x")), "name of a device"),
    "trailing dot": (packed(("evil.", b"x")), "full stop at its end"),
    "trailing space": (packed(("evil /a", b"x")), "space or full stop"),
    "NUL in the name": (renamed(packed(("a_b.wav", b"x")), b"a_b.wav", b"a\0b.wav"), "control characters"),
    "line break in the name": (packed(("a\nb", b"x")), "control characters"),
    "the same name twice": (renamed(packed(("a1", b"x"), ("a2", b"y")), b"a2", b"a1"), "would be the same file"),
    "names that differ in case": (packed(("a/B.wav", b"x"), ("A/b.wav", b"y")), "would be the same file"),
    "names that differ in form": (packed(("\u00e9.wav", b"x"), ("e\u0301.wav", b"y")), "would be the same file"),
    "file and folder of one name": (packed(("a", b"x"), ("a/b", b"y")), "would be the same file"),
    "bomb": (packed(("big", b"\0" * 20_000_000)), "would grow from 0.0 MB to 20.0 MB"),
    "overlapping entries": (overlapping(), "entries that overlap"),
    "many entries": (packed(*((str(n), b"") for n in range(300))), "holds 300 entries; at most 200"),
    "too much in all": (packed(*((str(n), b"ab" * 150_000) for n in range(200))), "at most 50.0 MB is allowed"),
    "archive in it": (packed(("inner.zip", packed(("a", b"x")))), "is an archive itself"),
    "encrypted": (encrypted(), "is encrypted; pack it without a password"),
    "wrong checksum": (wrong_crc(), "damaged or no zip archive"),
    "more than stated": (lying_size(10), "damaged"),
    "less than stated": (lying_size(50_000), "damaged"),
    "unknown method": (wrong_method(), "packed in a way that can't be read"),
    "cut off": (packed(("a.csv", b"clip" * 1000))[:-30], "damaged or no zip archive"),
    "no archive": (b"clip,rater,label\n", "damaged or no zip archive"),
    "empty file": (b"", "damaged or no zip archive"),
    "empty archive": (packed(), "holds no files"),
    "too deep": (packed(("a/" * 30 + "b", b"x")), "too long or too deep"),
    "too long a name": (packed(("a" * 250, b"x")), "name that is too long"),
    "dot alone": (packed(("./a", b"x")), "leads elsewhere"),
}  # fmt: skip
LIMITS = ArchiveLimits(max_files=200, max_bytes=50_000_000)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_escapes(kind, tmp_path, monkeypatch):
    data, message = HOSTILE[kind]
    place = tmp_path / "within" / "deep"
    place.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    archive = tmp_path / "labels.zip"
    archive.write_bytes(data)
    with pytest.raises(CorpusError) as told, unpacked(archive, LIMITS):
        pytest.fail("it was unpacked")
    assert message in str(told.value)
    assert str(told.value).startswith("labels.zip")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [archive]
    assert list(place.iterdir()) == []


def test_a_harmless_archive_is_unpacked_and_gone_afterwards(tmp_path):
    archive = tmp_path / "labels.zip"
    entries = [("export/audio/ä b.wav", b"sound"), ("export/labels.csv", b"clip"), ("__MACOSX/._x", b"x")]
    archive.write_bytes(packed(*entries, ("export/.DS_Store", b"x"), ("export/empty/", b"")))
    with unpacked(archive) as folder:
        found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        assert folder.name == "export" and (folder / "empty").is_dir()
    assert found == {"audio/ä b.wav": b"sound", "labels.csv": b"clip"}
    assert not folder.exists()


def test_names_with_backslashes_are_folders(tmp_path):
    (tmp_path / "windows.zip").write_bytes(packed(("audio\\a.wav", b"x"), ("b.csv", b"y")))
    with unpacked(tmp_path / "windows.zip") as folder:
        assert (folder / "audio" / "a.wav").read_bytes() == b"x"


def test_unpacked_files_can_not_be_run(tmp_path):
    (tmp_path / "x.zip").write_bytes(special("run.sh", stat.S_IFREG, b"#!/bin/sh"))
    with unpacked(tmp_path / "x.zip") as folder:
        assert not (Path(folder) / "run.sh").stat().st_mode & 0o111
