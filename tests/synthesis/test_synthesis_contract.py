"""What every speech provider must hold to; nothing here speaks, so that providers with a key are checked as well."""

import dataclasses
import json

import pytest

from affexion_core.config import build, plain
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError, SynthesisError
from affexion_core.synthesis._request import LENGTHS, WORDINGS, ProviderInfo, SpeechRequest, Voice, load_sentences

PROVIDERS = plugin_names("synthesis")


def test_there_is_an_offline_provider():
    assert any(load_plugin("synthesis", name).INFO.offline for name in PROVIDERS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_describes_itself(name: str):
    provider = load_plugin("synthesis", name)
    assert isinstance(provider.INFO, ProviderInfo) and provider.INFO.title and provider.INFO.licence
    assert provider.VOICES and all(isinstance(voice, Voice) for voice in provider.VOICES)
    assert len({voice.name for voice in provider.VOICES}) == len(provider.VOICES)
    assert callable(provider.speak) and callable(provider.generator)


@pytest.mark.parametrize("name", PROVIDERS)
def test_config_checks_itself(name: str):
    config_class = load_plugin("synthesis", name).Config
    config = config_class()
    assert dataclasses.is_dataclass(config) and build(config_class, plain(config)) == config
    with pytest.raises(ConfigError, match="there is no setting 'nonsense'"):
        build(config_class, {"nonsense": 1})


@pytest.mark.parametrize("name", PROVIDERS)
def test_plan_is_balanced_repeatable_and_without_repetition(name: str):
    provider = load_plugin("synthesis", name)
    config = provider.Config()
    sentences = load_sentences()
    requests = provider.plan(sentences, 11, config, 5)
    assert requests == provider.plan(sentences, 11, config, 5) != provider.plan(sentences, 11, config, 6)
    assert all(isinstance(request, SpeechRequest) for request in requests)
    labels = {sentence.label for sentence in sentences}
    assert [sum(r.label == label for r in requests) for label in labels] == [11] * len(labels)
    assert len({r.sentence.text for r in requests}) == len(requests)
    for label in labels:
        own = [r for r in requests if r.label == label]
        spoken = [sum(r.voice == voice for r in own) for voice in {r.voice for r in requests}]
        kinds = [sum((r.sentence.wording, r.sentence.length) == (w, n) for r in own) for w in WORDINGS for n in LENGTHS]
        assert max(spoken) - min(spoken) <= 1 and max(kinds) - min(kinds) <= 1
    assert all(json.loads(json.dumps(dict(r.parameters))) == dict(r.parameters) for r in requests)


@pytest.mark.parametrize("name", PROVIDERS)
def test_larger_plan_starts_with_the_smaller_one(name: str):
    provider = load_plugin("synthesis", name)
    sentences = load_sentences()
    small, large = (provider.plan(sentences, n, provider.Config(), 0) for n in (6, 20))
    assert set(map(repr, small)) < set(map(repr, large))


@pytest.mark.parametrize("name", PROVIDERS)
def test_more_clips_than_sentences_says_how_many_there_are(name: str):
    provider = load_plugin("synthesis", name)
    with pytest.raises(SynthesisError, match=r"only 88 for boredom.*ask for 88 or fewer"):
        provider.plan(load_sentences(), 89, provider.Config(), 0)
    with pytest.raises(SynthesisError, match="ask for 1 or more"):
        provider.plan(load_sentences(), 0, provider.Config(), 0)
    with pytest.raises(SynthesisError, match="no sentences to speak"):
        provider.plan((), 1, provider.Config(), 0)
