"""The page Live: which run listens and how, the microphone and its state in words, and what is heard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import streamlit as st

from affexion_ui.layout import show_error
from affexion_ui.live_display import show_live
from affexion_ui.live_microphone import CONSTRAINTS, Microphone, ask_for_fine_sound
from affexion_ui.live_refusal import NOT_HERE, REFUSED, show_refusal
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted, date, preset_title

if TYPE_CHECKING:
    from streamlit_webrtc import Translations

    from affexion_core.live.recogniser import LiveSettings
    from affexion_core.live.session import LiveSession, Snapshot
    from affexion_core.predictor import Predictor
    from affexion_core.store.session import Store
    from affexion_core.types import Run

KEY = "live-microphone"
_EVERY = 0.25
_SILENT_BELOW, _QUIET_SECONDS, _NO_PACKETS_SECONDS = -60.0, 3.0, 3.0
_TRANSLATIONS: Translations = {
    "start": "Start listening",
    "stop": "Stop listening",
    "select_device": "Choose a microphone",
    "select_microphone": "Microphone",
    "device_ask_permission": "The browser asks whether this page may hear you. Allow it, and listening begins.",
    "device_not_available": "No microphone can be used. Connect one, or close the program or tab that uses it, then "
    "press Start listening again.",
    "device_access_denied": REFUSED,
    "media_api_not_available": NOT_HERE,
}


def choose_run(runs: list[Run]) -> Run:
    """Ask which run listens; kept in the address."""
    ids = [run.id for run in runs]
    wanted = st.query_params.get("run")
    if st.session_state.get("live-run") not in ids:
        st.session_state["live-run"] = wanted if wanted in ids else ids[0]
    by_id = {run.id: run for run in runs}
    chosen = st.selectbox("Run", ids, format_func=lambda id: _run_title(by_id[id]), key="live-run")
    st.query_params["run"] = chosen
    return by_id[chosen]


def _run_title(run: Run) -> str:
    return f"{run.name or preset_title(run.preset)}, {date(run.created)}{'' if run.labels else ' (dimensions)'}"


def list_usable(store: Store) -> list[Run]:
    """List the finished runs that hold a model, newest first."""
    from affexion_core.store.runs import list_runs

    return [run for run in list_runs(store) if run.finished and run.kind in ("train", "cv")]


@st.cache_resource(show_spinner="Loading the model …", max_entries=4)
def load_predictor(folder: str, finished: str) -> Predictor:
    """Load a run's model once a server; ``finished`` tells a run that was trained again from the one before."""
    from affexion_core.live.vad import load_network
    from affexion_core.predictor import Predictor

    load_network()
    return Predictor.load(Path(folder))


def ask_settings(predictor: Predictor, run: Run) -> LiveSettings:
    """Ask how the stream is read."""
    from affexion_core.config import build
    from affexion_core.evaluation.calibration import read_calibration
    from affexion_core.live.recogniser import LiveSettings, seen_seconds
    from affexion_core.predict_files import UNSURE_BELOW

    calibration = read_calibration(Path(run.folder))
    known = round(100 * UNSURE_BELOW) if calibration is None else round(100 * calibration.unsure_below)
    if st.session_state.get("live-run-asked") != run.id:
        # another run has a threshold of its own
        st.session_state["live-run-asked"] = run.id
        st.session_state["live-unsure"] = known
    longest = float(min(10.0, seen_seconds(predictor)))
    for name, value in {"window": min(3.0, longest), "smoothing": 0.5, "unsure": known}.items():
        st.session_state.setdefault(f"live-{name}", value)
    st.session_state["live-window"] = min(float(st.session_state["live-window"]), longest)
    window = st.slider("Window (s)", 0.5, round(longest, 2), step=0.1, key="live-window",
                       help="Seconds of sound that an answer is about. Longer is steadier and later.")  # fmt: skip
    smooth = st.slider("Smoothing (s)", 0.0, 3.0, step=0.25, key="live-smoothing",
                       help="Probabilities are averaged over this time; 0 switches it off.")  # fmt: skip
    unsure = st.slider("Unsure below (%)", 0, 100, step=1, key="live-unsure",
                       help="Where no label reaches this probability, the answer is: unsure.")  # fmt: skip
    st.caption("Probabilities as the model gives them; the run isn't calibrated." if calibration is None
               else f"Calibrated on {counted(calibration.n, 'clip')}; unsure below {known} %.")  # fmt: skip
    return build(
        LiveSettings,
        {
            "window_seconds": window,
            "smoothing_seconds": smooth,
            "unsure_below": unsure / 100,
            "temperature": 1.0 if calibration is None else calibration.temperature,
        },
    )


def ask_servers() -> list[dict[str, Any]]:
    """Ask for the servers that help browser and app to find each other; none are needed on one machine."""
    st.session_state.setdefault("live-ice", os.environ.get("AFFEXION_ICE_SERVERS", ""))
    found = st.text_input(
        "ICE servers",
        key="live-ice",
        placeholder="stun:stun.example.org:3478",
        help="Empty on one machine or in one network. Elsewhere the addresses of STUN or TURN servers, with spaces "
        "between them. Sound itself goes through a TURN server only.",
    )
    urls = [url for url in found.replace(",", " ").split() if url.split(":")[0] in ("stun", "stuns", "turn", "turns")]
    if found.strip() and not urls:
        st.caption(":material/warning: An address begins with stun: or turn:, such as stun:stun.example.org:3478.")
    return [{"urls": urls}] if urls else []


def new_session(predictor: Predictor, settings: LiveSettings) -> LiveSession:
    """Make a session that nobody has spoken to yet."""
    from affexion_core.live.recogniser import Recogniser
    from affexion_core.live.session import LiveSession

    return LiveSession(Recogniser(predictor, settings))


def show_microphone(servers: list[dict[str, Any]], mic: Microphone) -> tuple[bool, bool]:
    """Show the microphone's button; gives whether it is connected, and whether it is about to be."""
    from streamlit_webrtc import WebRtcMode, webrtc_streamer

    ask_for_fine_sound()
    context = webrtc_streamer(
        KEY,
        mode=WebRtcMode.SENDONLY,
        rtc_configuration={"iceServers": servers},
        media_stream_constraints=CONSTRAINTS,
        sink_audio_track=mic,
        translations=_TRANSLATIONS,
        audio_html_attrs={"controls": False, "autoPlay": False, "style": {"display": "none"}},
        media_toggle_controls=False,
    )
    show_refusal()
    return context.state.playing, context.state.signalling and not context.state.playing


def needs_https(url: str | None) -> bool:
    """Say whether browsers withhold the microphone from an address: plain http from another machine."""
    parts = urlparse(url or "")
    host = parts.hostname or ""
    return parts.scheme == "http" and not (host in ("localhost", "::1") or host.startswith("127."))


def connection_words(playing: bool, connecting: bool, seen: Snapshot | None) -> tuple[str, str]:
    """Say how the connection stands, with an icon's name."""
    if connecting:
        return "sync", "Connecting the microphone …"
    if not playing:
        return "mic_off", "The microphone is off." if seen is None else "The microphone is off; below, the last of it."
    if seen is None or seen.silent_for is None:
        return "sync", "Connected; waiting for the first sound …"
    if seen.silent_for > _NO_PACKETS_SECONDS:
        return (
            "warning",
            "Connected, but no sound comes through. Set ICE servers under Connection, or use the recorder below.",
        )
    lost = f", {seen.lost:.1f} s lost on the way" if seen.lost >= 0.05 else ""
    return "mic", f"Listening for {seen.seconds:.0f} s{lost}."


def trouble_words(seen: Snapshot) -> list[str]:
    """Say what is wrong with the sound, or with keeping up, and what to do."""
    if not seen.readings:
        return []
    last, found = seen.readings[-1], []
    recent = [r for r in seen.readings if r.time > last.time - _QUIET_SECONDS]
    if last.time >= _QUIET_SECONDS and all(r.peak_dbfs < _SILENT_BELOW for r in recent):
        found.append("Only silence comes in. Is the microphone muted, or another one meant?")
    if any(r.clipping for r in recent):
        found.append("Too loud: the sound is clipped, which changes the answer. Move away, or turn the input down.")
    if seen.behind:
        found.append(
            f"This machine is behind: {counted(seen.skipped, 'step')} skipped so far. Each answer is for the newest "
            "sound. A shorter window takes less time."
        )
    return found


def show_heard(mic: Microphone, playing: bool, connecting: bool, threshold: float) -> None:
    """Draw what changes while somebody speaks, anew four times a second."""

    @st.fragment(run_every=_EVERY if playing or connecting else None)
    def live() -> None:
        session = mic.session
        seen = session.snapshot() if session is not None else None
        icon, words = connection_words(playing, connecting, seen)
        st.markdown(f":material/{icon}: {words}")
        show_live(seen, threshold, "live-display")
        if seen is None:
            return
        _show_values(seen)
        if seen.error is not None:
            st.error(escape_markdown(seen.error), icon=":material/error:")
        for trouble in trouble_words(seen) if playing else ():
            st.markdown(f":material/warning: {trouble}")

    live()


def _show_values(seen: Snapshot) -> None:
    """Write the dimensions of the newest answer below the display, where the run predicts any."""
    values = seen.readings[-1].values if seen.readings else {}
    if values:
        st.caption(" · ".join(f"{escape_markdown(name)} **{value:.1f}**" for name, value in values.items()))


def show_recorder(predictor: Predictor, settings: LiveSettings) -> None:
    """Offer the browser's plain recorder, for where no live connection comes about."""
    from affexion_core.errors import AffexionError

    with st.expander("Record instead", icon=":material/fiber_manual_record:", key="live-recorder-open"):
        st.caption("Needs no live connection: record, and the recording is read as if it had come in live.")
        recorded = st.audio_input("Recording", sample_rate=16000, key="live-recording", label_visibility="collapsed")
        if recorded is None:
            return
        try:
            _show_recording(predictor, settings, recorded.getvalue())
        except AffexionError as error:
            show_error(error)


def _show_recording(predictor: Predictor, settings: LiveSettings, content: bytes) -> None:
    from affexion_core.live.recording import answer_for, read_wav

    seen, signal = read_wav(predictor, settings, content)
    st.session_state["live-recorded"] = signal
    whole = answer_for(predictor, signal)
    probs = ", ".join(
        f"{escape_markdown(label)} {100 * p:.0f} %" for label, p in zip(whole.labels, whole.probs, strict=True)
    )
    st.markdown(f"The whole recording ({len(signal) / 16000:.1f} s): **{escape_markdown(whole.label)}** ({probs})")
    show_live(seen, settings.unsure_below, "live-recorded-display")
    _show_values(seen)
