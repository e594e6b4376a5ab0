"""What every format keeps to; a new one is taken in by being there."""

import tempfile
from pathlib import Path

import pytest
from bundles import bundles
from hypothesis import HealthCheck, given, settings

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.exchange._bundle import FormatInfo

FORMATS = plugin_names("exchange")


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_what_it_is(name):
    info = load_plugin("exchange", name).INFO
    assert isinstance(info, FormatInfo)
    assert info.name == name
    assert info.title and info.writes and info.reads and info.table


@pytest.mark.parametrize("name", FORMATS)
def test_everything_comes_back_whatever_people_wrote(name):
    format = load_plugin("exchange", name)

    @settings(max_examples=25 if name != "audformat" else 6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bundles())
    def comes_back(bundle):
        with tempfile.TemporaryDirectory() as held:
            one, other = Path(held, "one"), Path(held, "other")
            one.mkdir()
            other.mkdir()
            format.write(bundle, one)
            read = format.read(one)
            assert read.problems == ()
            assert read == bundle
            format.write(read, other)
            assert contents(one) == contents(other)

    comes_back()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
