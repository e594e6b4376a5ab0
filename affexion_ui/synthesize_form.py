"""The form that starts a batch: sentences, voice, count and price, and then the button."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.config import build, plain
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import AffexionError, ConfigError
from affexion_ui.files_sources import may_name_paths
from affexion_ui.layout import show_error
from affexion_ui.setting_fields import SettingField, fields_of
from affexion_ui.synthesize_sentences import ask_sentences, sentence_words
from affexion_ui.words import counted, duration

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.speaking.batch import BatchRequest
    from affexion_core.speaking.state import Estimate
    from affexion_core.store.session import Store
    from affexion_core.synthesis._request import Price, ProviderInfo, Sentence

_KEY = "synthesize-setting-"
# Where requests and a key go, and what is started: only for whoever the machine belongs to.
_OWN_MACHINE = ("base_url", "key_name", "command")
_NAMES = {"base_url": "Address of the service", "key_name": "Name of the key", "name": "Program and model"}
_WIDE = ("prompt", "command", "voices", "base_url")


def may_spend(person: Person | None) -> bool:
    """Say whether who is at work may ask paid services."""
    from affexion_core.labeling.people import may

    return person is None or may(person, "manage projects")


def show_form(store: Store, person: Person | None) -> None:
    """Ask what is to be spoken and by whom, say what it takes, and start it."""
    sentences = ask_sentences(may_spend(person))
    st.caption(sentence_words(sentences))
    names = [name for name in ("espeak", *plugin_names("synthesis")) if _may_use(name)]
    provider = st.selectbox("Voice from", list(dict.fromkeys(names)), format_func=_title, width=420,
                            key="synthesize-provider", persist_state="session")  # fmt: skip
    info: ProviderInfo = load_plugin("synthesis", provider).INFO
    if not info.offline and not may_spend(person):
        st.info("Services that charge need the role of an owner.", icon=":material/lock:")
        return
    config = _ask_config(provider)
    if config is None:
        return
    request = _ask_request(store, provider, config, sentences, person)
    if not sentences:
        st.info("Write or choose sentences to go on.", icon=":material/edit_note:")
        return
    if request is not None:
        _offer(store, request, info)


def _may_use(provider: str) -> bool:
    return may_name_paths() or not load_plugin("synthesis", provider).INFO.programs


def _title(provider: str) -> str:
    return str(load_plugin("synthesis", provider).INFO.title)


def _ask_config(provider: str) -> Any:
    """Show the provider's settings; None, with the error, while one is wrong."""
    default = load_plugin("synthesis", provider).Config()
    fields = fields_of(provider, default, provider)
    shown = [field for field in fields if field.name not in _OWN_MACHINE or may_name_paths()]
    values: dict[str, Any] = {}
    try:
        with st.container(horizontal=True, vertical_alignment="top"):
            for field in shown:
                with st.container(width=560 if field.name in _WIDE else 200):
                    values[field.name] = _ask_setting(provider, field)
        return build(type(default), {**plain(default), **values})
    except (ConfigError, ValueError) as error:
        show_error(error if isinstance(error, ConfigError) else ConfigError(f"The command can't be read: {error}."))
        return None


def _ask_setting(provider: str, field: SettingField) -> Any:
    options: dict[str, Any] = {"key": _KEY + field.key, "help": f"{field.why}.", "persist_state": "session"}
    words = _NAMES.get(field.name, field.words)
    if field.name == "voices":
        known = [voice.name for voice in load_plugin("synthesis", provider).VOICES]
        free = provider != "espeak"
        return st.multiselect(words, known, default=list(field.default), accept_new_options=free, **options)
    if field.name == "command":
        return shlex.split(st.text_input(words, shlex.join(field.default), **options))
    if field.name == "prompt":
        return st.text_area(words, field.default, height=90, **options)
    if field.kind == "choice":
        return st.selectbox(words, field.choices, **options)
    if field.kind == "number":
        return st.number_input(words, value=float(field.default), format="%g", **options)
    return st.text_input(words, field.default, **options).strip()


def _ask_request(
    store: Store, provider: str, config: Any, sentences: tuple[Sentence, ...], person: Person | None
) -> BatchRequest | None:
    from affexion_core.speaking.batch import BatchRequest

    most = min((sum(one.label == label for one in sentences) for label in {one.label for one in sentences}), default=1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["synthesize-n"] = min(st.session_state.get("synthesize-n", 5), most)
        n = st.number_input("Clips a label", 1, most, key="synthesize-n", width=130,
                            persist_state="session", help="As many as there are sentences at most.")  # fmt: skip
        dataset = st.text_input("Into dataset", "spoken", max_chars=80, key="synthesize-dataset", width=220,
                                persist_state="session")  # fmt: skip
        seed = st.number_input("Seed", 0, 2**31, 0, key="synthesize-seed", width=110, persist_state="session",
                               help="Deals sentences to voices; the same seed gives the same.")  # fmt: skip
    price = _ask_price(store, provider, config)
    with st.expander("Pace, budget and licence"), st.container(horizontal=True):
        at_once = st.number_input("Requests at once", 1, 32, 2, key="synthesize-at-once", width=150)
        per_minute = st.number_input("Requests a minute", 1, 10_000, 60, key="synthesize-pace", width=150,
                                     disabled=_is_offline(provider))  # fmt: skip
        budget = st.number_input("Budget in USD", 0.0, value=None, key="synthesize-budget", width=150,
                                 help="No more is asked for after this; empty: no limit.")  # fmt: skip
        licence = st.text_input("Licence terms on the clips", placeholder="what the provider says of itself",
                                key="synthesize-licence", width=360, max_chars=500)  # fmt: skip
    return BatchRequest(
        provider=provider,
        dataset=dataset.strip(),
        sentences=sentences,
        per_label=int(n),
        settings=plain(config),
        seed=int(seed),
        price=price,
        budget=budget,
        concurrency=int(at_once),
        per_minute=10_000 if _is_offline(provider) else int(per_minute),
        licence=licence.strip() or None,
        person=person.name if person is not None else None,
    )


def _is_offline(provider: str) -> bool:
    return bool(load_plugin("synthesis", provider).INFO.offline)


def _ask_price(store: Store, provider: str, config: Any) -> Price:
    from affexion_core.speaking.prices import price_of, save_price
    from affexion_core.synthesis._request import Price

    if _is_offline(provider):
        return Price()
    held = price_of(store.workspace, provider, config)
    about = "-".join(str(getattr(config, name, "")) for name in ("base_url", "endpoint", "model"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        minute = st.number_input("USD a minute of speech", 0.0, value=held.per_minute, format="%g", step=0.01,
                                 key=f"synthesize-minute-{about}", width=190)  # fmt: skip
        thousand = st.number_input("USD per 1000 characters", 0.0, value=held.per_1000_characters, format="%g",
                                   step=0.01, key=f"synthesize-thousand-{about}", width=190)  # fmt: skip
        st.caption("Prices change: look up what the service charges today. What you enter is remembered.")
    price = Price(float(thousand), float(minute))
    if price != held:
        save_price(store.workspace, provider, config, price)
    return price


def _offer(store: Store, request: BatchRequest, info: ProviderInfo) -> None:
    """Say what it takes and costs, and offer to start."""
    from affexion_core.speaking.state import estimate

    try:
        found = estimate(store.workspace, request)
    except AffexionError as error:
        show_error(error)
        return
    st.markdown(estimate_words(found, info.offline))
    price = "" if info.offline or not found.n_new else f" for about {found.dollars:.2f} USD"
    words = f"Speak {counted(found.n, 'clip')}{price}"
    st.button(words, type="primary", icon=":material/record_voice_over:", key="synthesize-start",
              on_click=_start, args=(store, request))  # fmt: skip
    error = st.session_state.pop("synthesize-error", None)
    if error is not None:
        show_error(error)


def estimate_words(found: Estimate, offline: bool) -> str:
    """Say what a batch takes, before it starts."""
    words = f"**{counted(found.n, 'clip')}**"
    if found.n_there:
        words += f", {found.n_there} of them spoken before and not asked for again"
    words += f" · about {duration(found.seconds)} of speech, {found.n_characters} characters"
    if offline:
        return f"{words} · made on this machine, free of charge"
    pace = f" · at least {found.minutes:.0f} min" if found.minutes >= 1 else ""
    return f"{words} · **about {found.dollars:.2f} USD** at the price above{pace}"


def _start(store: Store, request: BatchRequest) -> None:
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.jobs.speaking import submit_batch
    from affexion_core.speaking.batch import prepare_batch

    try:
        batch = prepare_batch(store.workspace, request)
        submit_batch(store, batch.id)
        ensure_engine(store.workspace)
    except AffexionError as error:
        st.session_state["synthesize-error"] = error
        return
    st.session_state["synthesize-go"] = "listen"
    st.session_state["synthesize-batch-wanted"] = batch.id
