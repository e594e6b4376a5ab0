"""Which schemes imported labels belong to, and whether all labels are in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from affexion_core.errors import LabelError, allowed
from affexion_core.exchange._bundle import Bundle, Judgement
from affexion_core.ingest.labelling import grown
from affexion_core.scheme_files import shipped_schemes
from affexion_core.types import Scheme


@dataclass(frozen=True)
class SchemePlan:
    """The schemes as they will be, by name; ``main`` is that of judgements that name none.

    ``new`` names those that the workspace doesn't have yet, ``added`` the labels that schemes get.
    """

    schemes: Mapping[str, Scheme]
    main: str | None
    new: tuple[str, ...] = ()
    added: Mapping[str, tuple[str, ...]] | None = None

    def of(self, made: Judgement) -> Scheme | None:
        """Give the scheme of a judgement; None if it isn't known."""
        return self.schemes.get(made.scheme or self.main or "")


def plan_schemes(
    bundle: Bundle, there: Mapping[str, Scheme], dataset: Scheme | None, wanted: str | None, stem: str, add: bool
) -> SchemePlan:
    """Choose the scheme of every judgement.

    Judgements that name no scheme get that of the dataset they go to; else the one ``wanted``; else the bundle's own;
    else the one scheme of the workspace, or of those that ship, that has all their labels; else a new one.

    Parameters
    ----------
    there
        The schemes of the workspace.
    dataset
        The scheme of the dataset the labels go to, if it exists; its labels are those allowed.
    wanted
        The name of a scheme, as chosen by a person.
    stem
        What a new scheme is called.
    add
        Add labels that a scheme lacks at its end, instead of refusing them.

    Raises
    ------
    LabelError
        If labels aren't in their scheme, or it can't be told which scheme is meant.
    """
    shipped = shipped_schemes()
    known = {**shipped, **{scheme.name: scheme for scheme in bundle.schemes}, **there}
    if dataset is not None:
        # a dataset's own copy of its scheme may have labels of its own
        known[dataset.name] = grown(dataset, there.get(dataset.name, dataset))
    main = _main_scheme(bundle, known, there, shipped, dataset, wanted, stem)
    if main is not None:
        known[main.name] = main
    plan = SchemePlan(known, None if main is None else main.name)
    narrow = {dataset.name: dataset} if dataset is not None else {}
    outside = _outside(bundle, plan, narrow)
    if outside and not add:
        raise _not_in_scheme(outside, {**known, **narrow})
    grown_ones = {name: grown(Scheme("", tuple(sorted(labels))), known[name]) for name, labels in outside.items()}
    used = _used(bundle, plan)
    schemes = {name: scheme for name, scheme in {**known, **grown_ones}.items() if name in used}
    return SchemePlan(
        schemes,
        plan.main,
        new=tuple(sorted(name for name in schemes if name not in there)),
        added={name: tuple(sorted(labels)) for name, labels in outside.items()},
    )


def _main_scheme(
    bundle: Bundle,
    known: Mapping[str, Scheme],
    there: Mapping[str, Scheme],
    shipped: Mapping[str, Scheme],
    dataset: Scheme | None,
    wanted: str | None,
    stem: str,
) -> Scheme | None:
    if dataset is not None:
        return known[dataset.name]
    if wanted is not None:
        if wanted not in known:
            raise LabelError(f"There is no scheme {wanted!r}; choose {allowed(known)}.", change=("scheme",))
        return known[wanted]
    if bundle.scheme is not None:
        return known.get(bundle.scheme.name, bundle.scheme)
    nameless = [made for made in bundle.judgements if made.scheme is None]
    labels = {made.value for made in nameless if isinstance(made.value, str)}
    labels |= {made.second for made in nameless if made.second is not None}
    if not labels:
        return None
    for schemes in (there, shipped):
        holding = sorted(name for name, scheme in schemes.items() if labels <= set(scheme.labels))
        if len(holding) == 1:
            return schemes[holding[0]]
        if len(holding) > 1 and schemes is there:
            raise LabelError(
                f"The labels {allowed(labels)} are in the schemes {', '.join(holding)}; choose the one that was meant.",
                change=("scheme",),
            )
    return Scheme(_free(stem, known), tuple(sorted(str(label) for label in labels)))


def _free(stem: str, known: Mapping[str, Scheme]) -> str:
    name, number = stem, 1
    while name in known:
        number += 1
        name = f"{stem}-{number}"
    return name


def _used(bundle: Bundle, plan: SchemePlan) -> set[str]:
    names = {made.scheme or plan.main for made in bundle.judgements}
    names |= {name for made in bundle.judgements for name in made.dimensions}
    names |= {made.scheme for made in bundle.decisions} | {project.scheme for project in bundle.projects}
    names |= {scheme.name for scheme in bundle.schemes} | {plan.main}
    return {name for name in names if name is not None}


def _outside(bundle: Bundle, plan: SchemePlan, narrow: Mapping[str, Scheme]) -> dict[str, Counter[str]]:
    """Count the labels that aren't in their scheme, by scheme."""
    found: dict[str, Counter[str]] = {}
    for made in bundle.judgements:
        scheme = plan.of(made)
        scheme = None if scheme is None else narrow.get(scheme.name, scheme)
        if scheme is None or not scheme.labels:
            continue
        for label in (made.value, made.second):
            if isinstance(label, str) and label not in scheme.labels:
                found.setdefault(scheme.name, Counter())[label] += 1
    for decision in bundle.decisions:
        scheme = plan.schemes.get(decision.scheme)
        if scheme is not None and decision.label is not None and decision.label not in scheme.labels:
            found.setdefault(scheme.name, Counter())[decision.label] += 1
    return found


def _not_in_scheme(outside: Mapping[str, Counter[str]], known: Mapping[str, Scheme]) -> LabelError:
    parts = []
    for name, labels in outside.items():
        shown = ", ".join(f"{label!r} ({n})" for label, n in labels.most_common(8))
        more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
        parts.append(f"Scheme {name!r} allows {', '.join(known[name].labels)}; the file also has {shown}{more}.")
    return LabelError(
        " ".join(parts) + " Correct them, choose another scheme, or add them to the scheme.",
        change=("scheme", "add_labels"),
    )
