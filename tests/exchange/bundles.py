"""Bundles with any text a person may write, for the tests of all formats."""

import string
from dataclasses import replace

from hypothesis import strategies as st

from affexion_core.exchange._bundle import Bundle, BundleClip, Judgement, ProjectCard, Settled
from affexion_core.types import Decision, Provenance, Scheme

# What has broken tables before, beside everything that Hypothesis comes up with.
NASTY = (
    "=1+1", "+49 30", "-", "@SUM(A1)", "\tx", "\rx", "\nx", "'quoted", "''=1", "＝1", "a,b;c\td|e", 'say "no"', '"',
    "line\nbreak\r\nand\rmore", "🙂👩‍👩‍👧", "שלום עולם", "\u202eabc", "e\u0301", "\ufeffmark", "null", "None", "NaN",
    "nan", "true", "1", "1.0", "-0.5", "1e5", "2026-01-01", "[a]", "{b: c}", "- x", "# no", "a: b", "%TAG", "&a", "*a",
    "!!str x", "~", "yes", "<b>&amp;", "\u2028\u2029\x85", "\x01\x1f\x7f", " space around ", "C:\\x", "../../x",
    "ﬁ", "\U0010ffff",
)  # fmt: skip
_any = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
texts = st.one_of(st.sampled_from(NASTY), _any)
names = st.text(string.ascii_lowercase, min_size=1, max_size=5)
numbers = st.floats(0, 1e6, allow_nan=False)
optional_texts = st.none() | texts


@st.composite
def bundles(draw) -> Bundle:
    labels = tuple(draw(st.lists(texts, min_size=1, max_size=4, unique=True)))
    scheme = Scheme(draw(names) + "-labels", labels)
    numeric = tuple(Scheme(name, low=1.0, high=7.0) for name in ("arousal", "valence"))
    # a dimension may bear any name that isn't a column's
    odd = Scheme("=" + draw(_any), low=-1.0, high=1.0)
    ids = [f"{n:016x}" for n in sorted(draw(st.sets(st.integers(0, 10**9), min_size=1, max_size=4)))]
    clips = tuple(draw(_clip(id)) for id in ids)
    judgements = draw(st.lists(_judgement(ids, scheme, (*numeric, odd)), max_size=6))
    judgements = [replace(made, id=f"{n}-{made.comment or ''}") for n, made in enumerate(judgements)]
    decisions = [draw(_decision(n, ids, scheme)) for n in range(draw(st.integers(0, 2)))]
    return Bundle(
        name=draw(texts),
        kind=draw(st.sampled_from(["dataset", "project"])),
        origin=draw(st.sampled_from(["real", "synthetic"])),
        description=draw(st.just("") | texts),
        label_map=draw(optional_texts),
        recipe=draw(st.none() | st.dictionaries(texts, texts | numbers, max_size=2)),
        datasheet=draw(optional_texts),
        scheme=scheme,
        schemes=tuple(sorted((scheme, *numeric, odd), key=lambda s: s.name)),
        clips=clips,
        judgements=tuple(sorted(judgements, key=lambda made: made.clip)),
        settled=tuple(draw(_settled(id, labels)) for id in ids),
        decisions=tuple(sorted(decisions, key=lambda made: made.clip_id)),
        projects=tuple(draw(st.lists(_project(ids, scheme), max_size=1))),
    )


@st.composite
def _clip(draw, id: str) -> BundleClip:
    card = Provenance(
        source=draw(optional_texts),
        licence=draw(optional_texts),
        seed=draw(st.none() | st.integers(0, 9)),
        parameters=draw(st.dictionaries(texts, texts | st.integers(0, 9), max_size=1)),
    )
    return BundleClip(
        file=f"audio/{draw(names)}-{id}.wav",
        id=id,
        sha256=id * 4,
        origin="real",
        corpus=draw(texts),
        duration=draw(numbers),
        sampling_rate=16000,
        channels=1,
        start=None,
        end=None,
        speaker=draw(optional_texts),
        language=draw(st.none() | st.sampled_from(["en", "de", "xx"])),
        transcript=draw(optional_texts),
        attributes=draw(st.dictionaries(texts, texts, max_size=2)),
        provenance=card,
    )


@st.composite
def _judgement(draw, ids, scheme: Scheme, numeric: tuple[Scheme, ...]) -> Judgement:
    kind = draw(st.sampled_from(["label", "unclear", "withdrawn", "number"]))
    main = draw(st.sampled_from(numeric)) if kind == "number" else scheme
    return Judgement(
        clip=draw(st.sampled_from(ids)),
        rater=draw(texts),
        value={"label": draw(st.sampled_from(scheme.labels)), "number": 1.0}.get(kind),
        scheme=main.name,
        second=draw(st.none() | st.sampled_from(scheme.labels)),
        unclear=draw(texts) if kind == "unclear" else None,
        confidence=draw(st.none() | st.integers(1, 5)),
        intensity=draw(st.none() | st.integers(1, 5)),
        dimensions={s.name: draw(st.floats(s.low, s.high)) for s in numeric if kind == "label" and draw(st.booleans())},
        comment=draw(optional_texts),
        created=draw(texts),
        seconds=draw(st.none() | numbers),
        heard=draw(st.none() | st.floats(0, 1)),
        project=draw(optional_texts),
        take=draw(st.integers(0, 1)),
        flags=tuple(draw(st.lists(texts, max_size=2))),
        withdrawn=kind == "withdrawn",
        replaces=draw(optional_texts),
    )


@st.composite
def _settled(draw, id: str, labels: tuple[str, ...]) -> Settled:
    return Settled(
        id,
        label := draw(st.none() | st.sampled_from(labels)),
        draw(
            (st.none() if label is not None else st.nothing())
            | st.dictionaries(st.sampled_from(labels), st.floats(0, 1), min_size=1)
        ),
        draw(st.none() | st.integers(0, 9)),
        draw(st.none() | st.integers(0, 9)),
        draw(st.none() | st.floats(0, 1)),
        draw(optional_texts),
        draw(optional_texts),
    )


@st.composite
def _decision(draw, number: int, ids, scheme: Scheme) -> Decision:
    return Decision(
        f"d{number}",
        draw(st.sampled_from(ids)),
        scheme.name,
        draw(st.none() | st.sampled_from(scheme.labels)),
        draw(texts),
        draw(texts),
        draw(texts),
        draw(optional_texts),
        draw(st.booleans()),
    )


@st.composite
def _project(draw, ids, scheme: Scheme) -> ProjectCard:
    return ProjectCard(
        draw(texts),
        scheme.name,
        draw(st.dictionaries(texts, texts | st.integers() | st.booleans(), max_size=2)),
        draw(texts),
        draw(texts),
        {id: draw(st.none() | st.sampled_from(scheme.labels)) for id in ids},
    )
