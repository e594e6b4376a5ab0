"""README.md of an export: what it holds, under which licences, how to read it; the dataset's datasheet behind."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from affexion_core.exchange._bundle import Bundle, FormatInfo
from affexion_core.labeling._export_audio import restricted_clips
from affexion_core.labeling.datasheet import escaped, generate_datasheet
from affexion_core.store.session import Store

# Hugging Face's names of licences, as far as corpora use them.
_HUB = (
    (r"CC0", "cc0-1.0"),
    (r"CC.BY.NC.ND", "cc-by-nc-nd-4.0"),
    (r"CC.BY.NC.SA", "cc-by-nc-sa-4.0"),
    (r"CC.BY.NC", "cc-by-nc-4.0"),
    (r"CC.BY.SA", "cc-by-sa-4.0"),
    (r"CC.BY.ND", "cc-by-nd-4.0"),
    (r"CC.BY", "cc-by-4.0"),
    (r"ODbL", "odbl"),
)


def card(store: Store, bundle: Bundle, info: FormatInfo, n_audio: int) -> str:
    """Write the README of an export, the same for the same labels."""
    parts = [
        *([_metadata(bundle)] if info.name == "audiofolder" else []),
        f"# Labels of {escaped(bundle.name or 'clips')}",
        *([escaped(bundle.description)] if bundle.description else []),
        f"{info.title}: {info.writes}. {_counts(bundle, n_audio)} Exported by Affexion, which reads the folder back.",
        *_licences(bundle),
        *_datasheet(store, bundle),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(bundle: Bundle, n_audio: int) -> str:
    raters = len({made.rater for made in bundle.judgements})
    parts = [f"{len(bundle.clips)} clips"]
    parts += [f"{len(bundle.judgements)} judgements by {raters} raters"] if bundle.judgements else []
    parts += [f"{n_audio} recordings in the folder audio"] if n_audio else ["no recordings"]
    return ", ".join(parts) + "."


def _metadata(bundle: Bundle) -> str:
    """Write the head of a dataset card as YAML; JSON's texts are YAML's as well."""
    names = {_hub_licence(clip.provenance.licence) for clip in bundle.clips}
    licence = names.pop() if len(names) == 1 else "other"
    languages = sorted({clip.language.split("-")[0] for clip in bundle.clips if clip.language})
    known = [language for language in languages if re.fullmatch(r"[a-z]{2,3}", language)]
    lines = ["---", f"license: {licence}", "task_categories:", "- audio-classification"]
    lines += ["language:", *(f'- "{language}"' for language in known)] if known else []
    lines += [f"pretty_name: {json.dumps(bundle.name or 'clips')}", "---"]
    return "\n".join(lines)


def _hub_licence(licence: str | None) -> str:
    return next((name for pattern, name in _HUB if re.search(pattern, licence or "", re.IGNORECASE)), "other")


def _licences(bundle: Bundle) -> Iterator[str]:
    yield "## Licences of the recordings"
    known = Counter(
        (clip.corpus or "", clip.provenance.licence or "not recorded", clip.provenance.citation or "not recorded")
        for clip in bundle.clips
    )
    rows = [f"| {escaped(corpus)} | {n} | {escaped(one)} | {escaped(cite)} |" for (corpus, one, cite), n in
            sorted(known.items(), key=lambda item: (-item[1], item[0]))]  # fmt: skip
    yield "\n".join(["| corpus | clips | licence | to cite |", "| --- | --- | --- | --- |", *rows])
    limits = Counter((held.licence, held.forbids) for held in restricted_clips(bundle))
    for (licence, forbids), n in sorted(limits.items()):
        yield f"Of the {n} clips under {escaped(licence)}: {forbids}."


def _datasheet(store: Store, bundle: Bundle) -> Iterator[str]:
    if bundle.kind != "dataset" or bundle.name is None:
        return
    if bundle.datasheet:
        yield bundle.datasheet.strip()
        return
    text = generate_datasheet(store, bundle.name)
    # the day a workspace got a dataset isn't the dataset's
    yield re.sub(r"^Version of \d{4}-\d\d-\d\d\. ", "", text, flags=re.MULTILINE).strip()
