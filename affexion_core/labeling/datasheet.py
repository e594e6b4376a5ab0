"""A dataset's datasheet: what it holds, where it comes from, how its labels were made, and what it doesn't show.

The questions follow T. Gebru et al., "Datasheets for datasets", Communications of the ACM 64 (2021). What the
workspace knows is written out; what only people know is left for them to write. Raters are counted, never named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from affexion_core.labeling.consensus import entropy
from affexion_core.store.datasets import dataset_papers, list_datasets, load_dataset
from affexion_core.store.session import Store
from affexion_core.types import Dataset, LabelledClip

FEW = 30  # clips of a label under which figures about it say little
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~$!:])")
_RULES = {
    "majority": "the label with most votes",
    "dawid-skene": "Dawid and Skene's estimate, which weighs raters by how they err",
    "adjudicated": "what an adjudicator decided, and the label with most votes for the other clips",
    "adjudicated-dawid-skene": "what an adjudicator decided, and Dawid and Skene's estimate for the other clips",
}
_FOR_PEOPLE = (
    ("Why was it made?", "For which question, by whom, paid by whom."),
    ("Did the speakers agree?", "To being recorded, and to this use; how they can take that back."),
    ("Who judged, and under which conditions?", "How raters were found, told, trained and paid; their languages."),
    ("What may it be used for, and what not?", "Labels say what listeners heard, not what speakers felt."),
    ("Who keeps it?", "Whom to write to about mistakes and removals."),
)


def datasheet_of(store: Store, name: str) -> str:
    """Give a dataset's datasheet as Markdown: as people edited it, else generated.

    Raises
    ------
    NotFoundError
        If there is no such dataset; the message lists those there are.
    """
    return dataset_papers(store, name).datasheet or generate_datasheet(store, name)


def generate_datasheet(store: Store, name: str) -> str:
    """Write the datasheet of a dataset from what the workspace knows, as Markdown.

    Raises
    ------
    NotFoundError
        If there is no such dataset; the message lists those there are.
    """
    dataset = load_dataset(store, name)
    recipe = dataset_papers(store, name).recipe
    created = next(summary.created for summary in list_datasets(store) if summary.name == name)
    parts = [
        f"# Datasheet of {escaped(name)}",
        f"Version of {created[:10]}. Written by Affexion from its workspace; what stands under *For people to write* "
        "it can't know.",
        "## What it holds",
        *_composition(dataset),
        "## Where the clips come from",
        *_origins(dataset.items),
        "## How the labels were made",
        *(_made_of_votes(recipe, dataset) if recipe else _as_imported(dataset)),
        "## What it doesn't show",
        "\n".join(f"- {note}" for note in _limits(dataset, recipe)),
        "## Which version this is",
        *_hashes(dataset, recipe),
        "## For people to write",
        *(f"**{question}** {hint}\n\n…" for question, hint in _FOR_PEOPLE),
    ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Keep data from being read as Markdown; line breaks become spaces."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _composition(dataset: Dataset) -> Iterator[str]:
    clips = [item.clip for item in dataset.items]
    seconds = sum(clip.duration for clip in clips)
    speakers = {clip.speaker for clip in clips} - {None}
    unknown = sum(clip.speaker is None for clip in clips)
    who = "voices" if dataset.origin == "synthetic" else "known speakers"
    yield (
        f"{len(clips)} {dataset.origin} clips, {seconds / 60:.1f} minutes in all, "
        f"{median([clip.duration for clip in clips] or [0]):.1f} s the median; {len(speakers)} {who}"
        f"{f', speaker of {unknown} clips unknown' if unknown else ''}. "
        f"Languages: {escaped(_listed(clip.language or 'not recorded' for clip in clips))}."
    )
    counts = Counter(item.label for item in dataset.items)
    rows = [
        (escaped(label), counts[label], f"{100 * counts[label] / max(1, len(clips)):.0f} %")
        for label in dataset.scheme.labels or sorted(counts)
    ]
    yield f"Labels of the scheme *{escaped(dataset.scheme.name)}*:"
    yield _table(("label", "clips", "share"), rows)


def _listed(values: Iterator[str]) -> str:
    return ", ".join(f"{value} ({n})" for value, n in Counter(values).most_common())


def _origins(items: Sequence[LabelledClip]) -> Iterator[str]:
    clips = [item.clip for item in items]
    known = Counter((clip.corpus, clip.provenance.licence, clip.provenance.citation) for clip in clips)
    sources: dict[tuple[str | None, ...], dict[str | None, None]] = {}
    for clip in clips:
        key = (clip.corpus, clip.provenance.licence, clip.provenance.citation)
        sources.setdefault(key, {})[clip.provenance.source] = None
    rows = [
        (escaped(key[0]), n, _or_unknown(key[1]), _source_words(list(sources[key])), _or_unknown(key[2]))
        for key, n in known.most_common()
    ]
    yield _table(("corpus", "clips", "licence", "source", "citation"), rows)
    generators = Counter(item.clip.provenance.generator for item in items if item.clip.provenance.generator)
    if generators:
        yield f"Generated by {escaped(', '.join(f'{name} ({n})' for name, n in generators.most_common()))}."
    if any(item.clip.provenance.licence is None for item in items):
        yield "Where no licence is recorded, ask before passing clips on."


def _or_unknown(value: str | None) -> str:
    return escaped(value) if value else "not recorded"


def _source_words(sources: Sequence[str | None]) -> str:
    """Name the source; where each clip has an address of its own, count them and name one."""
    if len(sources) == 1:
        return _or_unknown(sources[0])
    return f"{len(sources)} addresses, such as {_or_unknown(next(filter(None, sources), None))}"


def _as_imported(dataset: Dataset) -> Iterator[str]:
    yield (
        "They are those that the clips were imported or generated with; nobody judged the clips for this dataset. "
        "In acted and synthetic speech they say what was intended, which listeners may hear differently."
    )
    if dataset.label_map:
        yield f"They came through the label map *{escaped(dataset.label_map)}*."


def _made_of_votes(recipe: Mapping[str, Any], dataset: Dataset) -> Iterator[str]:
    raters = f"{recipe['raters']} raters" if recipe["raters"] else "raters whose number isn't known"
    if recipe["raters"] and recipe["anonymous"]:
        raters += " known by name, and anonymous ones"
    yield (
        f"{recipe['judgements']} judgements of {recipe['clips']} clips by {raters} "
        f"(the {recipe['kind']} *{escaped(recipe['source'])}*); {recipe['unclear']} of them found a clip unclear."
    )
    rule = recipe["rule"]
    least = rule["min_votes"]
    limits = [
        f"at least {least} vote{'' if least == 1 else 's'}",
        f"at least {100 * rule['min_agreement']:.0f} % of the votes",
    ]
    if "dawid-skene" in rule["rule"]:
        limits.append(f"a probability of at least {100 * rule['min_posterior']:.0f} %")
    if rule["drop_unclear"]:
        limits.append(f"at most {100 * rule['max_unclear']:.0f} % of the judgements unclear")
    yield f"The label is {_RULES.get(rule['rule'], rule['rule'])}; it needs {', '.join(limits)}. Ties give no label."
    dropped = [("kept", recipe["kept"]), *((f"left out: {why}", n) for why, n in recipe["dropped"].items())]
    yield _table(("clips", "number"), dropped)
    yield (
        "Agreement of the raters before any rule: "
        + "; ".join(
            f"{words} {_figure(recipe['agreement'][key])}"
            for key, words in (("alpha_nominal", "Krippendorff's α"), ("fleiss_kappa", "Fleiss' κ"))
            if key in recipe.get("agreement", {})
        )
        + "."
    )
    spread = [entropy(item.votes) for item in dataset.items if item.votes]
    if spread:
        yield (
            f"{len(spread)} clips carry the shares of their votes as soft labels, with an entropy of "
            f"{sum(spread) / len(spread):.2f} bit on average (0: all agree; 1: two labels share the votes evenly)."
        )


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return str(figure["reason"])
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f}, n = {figure['n']})"


def _limits(dataset: Dataset, recipe: Mapping[str, Any] | None) -> Iterator[str]:
    counts = Counter(item.label for item in dataset.items)
    few = [f"{label} ({counts[label]})" for label in dataset.scheme.labels if counts[label] < FEW]
    if few:
        yield f"Fewer than {FEW} clips have the label {escaped(', '.join(few))}: figures about it will be wide."
    if dataset.origin == "synthetic":
        yield "All clips are synthetic: nothing here says how real people sound."
    by_speaker = Counter(item.clip.speaker for item in dataset.items if item.clip.speaker)
    if by_speaker and by_speaker.most_common(1)[0][1] > len(dataset.items) / 3:
        yield "One speaker gives more than a third of the clips: a model may learn the speaker."
    texts = {item.clip.transcript for item in dataset.items if item.clip.transcript}
    if texts and len(texts) <= len(dataset.items) / 5:
        yield f"There are only {len(texts)} different texts: a model may learn them."
    if recipe and recipe["kept"] < recipe["clips"]:
        share = 100 * (1 - recipe["kept"] / recipe["clips"])
        yield f"{share:.0f} % of the clips were left out, and those are the hard ones: figures on the rest look better."
    yield "Labels say what listeners heard or a corpus intended, not what speakers felt."


def _hashes(dataset: Dataset, recipe: Mapping[str, Any] | None) -> Iterator[str]:
    rows = [("clips, labels and votes of this dataset", f"`{dataset.snapshot()}`")]
    if recipe:
        rows.append(("judgements and decisions it was made of", f"`{recipe['votes_hash']}`"))
        rows.append(("made by Affexion", escaped(str(recipe["affexion"]))))
    yield _table(("what", "hash (SHA-256) or version"), rows)
