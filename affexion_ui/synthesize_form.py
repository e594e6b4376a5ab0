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
    from streamlit.delta_generator import DeltaGenerator

    from affexion_core.labeling.people import Person
    from affexion_core.speaking.batch import BatchRequest
    from affexion_core.speaking.state import Estimate
    from affexion_core.store.session import Store
    from affexion_core.synthesis._request import Price, ProviderInfo, Sentence

_KEY = "synthesize-setting-"
# Where requests and a key go, and what is started: only for whoever the machine belongs to.
_OWN_MACHINE = ("base_url", "key_name", "command")
_NAMES = {"base_url": "Address of the service", "key_name": "Name of the key", "name": "Program and model"}
_SELDOM = ("base_url", "key_name", "language", "timeout")
_WIDTHS = {"prompt": 760, "command": 760, "voices": 470, "base_url": 380, "key_name": 220, "model": 220, "name": 260}


def may_spend(person: Person | None) -> bool:
    """Say whether who is at work may ask paid services."""
    from affexion_core.labeling.people import may

    return person is None or may(person, "manage projects")


def show_form(store: Store, person: Person | None) -> None:
    """Ask what is to be spoken and by whom, say what it takes, and start it."""
    sentences = ask_sentences(may_spend(person))
    st.caption(sentence_words(sentences))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [name for name in ("espeak", *plugin_names("synthesis")) if _may_use(name)]
        provider = st.selectbox("Voice from", list(dict.fromkeys(names)), format_func=_title, width=260,
                                key="synthesize-provider", persist_state="session")  # fmt: skip
        n, dataset, seed = _ask_count(sentences)
    info: ProviderInfo = load_plugin("synthesis", provider).INFO
    if not info.offline and not may_spend(person):
        st.info("Services that charge need the role of an owner.", icon=":material/lock:")
        return
    above, price_place, offer = st.container(), st.container(), st.container()
    with st.expander("Service, pace, budget and licence" if not info.offline else "More settings"):
        config = _ask_config(provider, above)
        limits = _ask_limits(info.offline)
    if config is None:
        return
    with price_place:
        price = _ask_price(store, provider, config)
    if not sentences:
        offer.info("Write or choose sentences to go on.", icon=":material/edit_note:")
        return
    from affexion_core.speaking.batch import BatchRequest

    request = BatchRequest(
        provider=provider, dataset=dataset, sentences=sentences, per_label=n, settings=plain(config), seed=seed,
        price=price, person=person.name if person is not None else None, **limits,
    )  # fmt: skip
    with offer:
        _offer(store, request, info)


def _ask_count(sentences: tuple[Sentence, ...]) -> tuple[int, str, int]:
    """Ask how many clips of each label, for which dataset, and for a seed."""
    most = min((sum(one.label == label for one in sentences) for label in {one.label for one in sentences}), default=1)
    st.session_state["synthesize-n"] = min(st.session_state.get("synthesize-n", 5), most)
    n = st.number_input("Clips a label", 1, most, key="synthesize-n", width=130, persist_state="session",
                        help="As many as there are sentences at most.")  # fmt: skip
    dataset = st.text_input("Into dataset", "spoken", max_chars=80, key="synthesize-dataset", width=220,
                            persist_state="session")  # fmt: skip
    seed = st.number_input("Seed", 0, 2**31, 0, key="synthesize-seed", width=110, persist_state="session",
                           help="Deals sentences to voices; the same seed gives the same.")  # fmt: skip
    return int(n), dataset.strip(), int(seed)


def _ask_limits(offline: bool) -> dict[str, Any]:
    """Ask how fast, for how much at most, and under which terms; by the names of a batch request."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at_once = st.number_input("Requests at once", 1, 32, 2, key="synthesize-at-once", width=150)
        per_minute, budget = 10_000, None
        if not offline:
            per_minute = st.number_input("Requests a minute", 1, 10_000, 60, key="synthesize-pace", width=150)
            budget = st.number_input("Budget in USD", 0.0, value=None, key="synthesize-budget", width=150,
                                     help="No more is asked for after this; empty: no limit.")  # fmt: skip
        licence = st.text_input("Licence terms on the clips", placeholder="what the provider says of itself",
                                key="synthesize-licence", width=340, max_chars=500)  # fmt: skip
    return {
        "concurrency": int(at_once),
        "per_minute": int(per_minute),
        "budget": budget,
        "licence": licence.strip() or None,
    }


def _may_use(provider: str) -> bool:
    return may_name_paths() or not load_plugin("synthesis", provider).INFO.programs


def _title(provider: str) -> str:
    return str(load_plugin("synthesis", provider).INFO.title)


def _ask_config(provider: str, above: DeltaGenerator) -> Any:
    """Show the provider's settings, the usual ones ``above`` the others; None, with the error, while one is wrong."""
    default = load_plugin("synthesis", provider).Config()
    fields = fields_of(provider, default, provider)
    shown = [field for field in fields if field.name not in _OWN_MACHINE or may_name_paths()]
    usual = above.container(horizontal=True, vertical_alignment="top")
    others = st.container(horizontal=True, vertical_alignment="top")
    values: dict[str, Any] = {}
    try:
        for field in shown:
            place = others if field.name in _SELDOM else usual
            with place.container(width=_WIDTHS.get(field.name, 150)):
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
        st.caption("Prices change: look up what the service charges today.  \n"
                   f"What you enter is remembered. {_key_words(config)}")  # fmt: skip
    price = Price(float(thousand), float(minute))
    if price != held:
        save_price(store.workspace, provider, config, price)
    return price


def _key_words(config: Any) -> str:
    """Say whether there is a key, and nothing more of it."""
    from affexion_core.synthesis._http import check_key_name
    from affexion_core.synthesis._keys import api_key

    try:
        check_key_name(config.key_name)
        there = api_key(config.key_name) is not None
    except AffexionError:
        return ""
    return f"A key {config.key_name} is set." if there else f":orange[No key {config.key_name} is set.]"


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
    words = f"Speak {counted(found.n_new, 'clip')}{price}" if found.n_new else f"Listen to {counted(found.n, 'clip')}"
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
