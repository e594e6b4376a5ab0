"""What reads many clips at once gives the same as reading them one by one, on both databases."""

import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, select, text

from affexion_core.errors import NotFoundError
from affexion_core.labeling.versions import compare_datasets
from affexion_core.store.clips import ClipQuery, add_clips, facets, fill_clips, find_clips, get_clips
from affexion_core.store.dataset_rows import dataset_hash
from affexion_core.store.datasets import dataset_summary, list_datasets, load_dataset, save_dataset
from affexion_core.store.labels import save_scheme
from affexion_core.store.licences import dataset_licences, licence_counts
from affexion_core.store.rows import clip_of, folded, searchable
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import dataset_clip
from affexion_core.store.session import Store, reading, writing
from affexion_core.store.upgrading import MIGRATIONS
from affexion_core.types import Clip, LabelledClip, Provenance, Scheme, said_words, snapshot_of

SCHEME = Scheme("three", ("calm", "panic", "Ärger"))


def mixed(n: int = 60) -> list[Clip]:
    """Clips of every sort: spans, unknown fields, origin cards that are shared, full, or empty."""
    made = []
    for i in range(n):
        card = (
            Provenance(),
            Provenance("https://example.org", "CC BY 4.0"),
            Provenance(generator="espeak", voice="en", prompt="Say “no”", seed=i, parameters={"pitch": i, "rate": 1.5}),
        )[i % 3]
        span = {"start": 0.25, "end": 1.5} if i % 4 == 0 else {}
        made.append(
            Clip(f"{i * 7919:016x}", f"audio/{i}.wav", f"{i:064x}", "real", f"c{i % 2}", 0.5 + i / 7, 16000, 1 + i % 2,
                 speaker=None if i % 5 == 0 else f"c{i % 2}:{i % 9}", language=("deu", None)[i % 2],
                 transcript=None if i % 6 == 0 else f"Größe {i}", attributes={"take": str(i % 3)} if i % 2 else {},
                 provenance=card, **span)
        )  # fmt: skip
    return made


@pytest.fixture
def filled(store: Store) -> Store:
    clips = mixed()
    add_clips(store, clips)
    save_scheme(store, Scheme("arousal", (), 1, 7))
    items = [(clip.id, SCHEME.labels[i % 3]) for i, clip in enumerate(clips)]
    votes = {clip.id: {"calm": 0.25 * (i % 5), "panic": 1 - 0.25 * (i % 5)} for i, clip in enumerate(clips[:20])}
    values = {clip.id: {"arousal": 1 + i / 10} for i, clip in enumerate(clips[10:40])}
    save_dataset(store, "all", "real", SCHEME, items, votes=votes, values=values)
    other = [(id, "panic" if i % 10 == 0 else label) for i, (id, label) in enumerate(items[5:50])]
    votes = {id: {"panic": share["panic"], "calm": share["calm"]} for id, share in votes.items()}  # the other way round
    save_dataset(store, "some", "real", SCHEME, other, votes={**votes, clips[7].id: {"Ärger": 1.0}})
    save_dataset(store, "empty", "real", SCHEME, [])
    return store


def one_by_one(store: Store, name: str) -> tuple[LabelledClip, ...]:
    """Load a dataset by the names of columns, each clip's JSON by itself."""
    with reading(store) as connection:
        rows = connection.execute(
            select(clip_table, dataset_clip.c.label, dataset_clip.c.votes, dataset_clip.c.dimensions)
            .join(dataset_clip, dataset_clip.c.clip_id == clip_table.c.id)
            .where(dataset_clip.c.dataset_id == text("(SELECT id FROM dataset WHERE name = :name)"))
            .order_by(clip_table.c.id),
            {"name": name},
        ).mappings()
        return tuple(LabelledClip(clip_of(x), x["label"], x["votes"], x["dimensions"]) for x in rows)


@pytest.mark.parametrize("name", ["all", "some", "empty"])
def test_a_dataset_whole(filled: Store, name: str) -> None:
    items = load_dataset(filled, name).items
    assert items == one_by_one(filled, name)
    assert tuple(item.clip for item in items) == get_clips(filled, [item.clip.id for item in items])


def test_what_a_later_version_may_add_to_an_origin_card_is_left_out(filled: Store) -> None:
    with writing(filled) as connection:
        connection.execute(clip_table.update().values(provenance={"licence": "CC0", "colour": "red"}))
    assert all(item.clip.provenance == Provenance(licence="CC0") for item in load_dataset(filled, "all").items)


@pytest.mark.parametrize("name", ["all", "some", "empty"])
def test_the_hash(filled: Store, name: str) -> None:
    items = one_by_one(filled, name)
    plain = snapshot_of((item.clip.id, item.label, said_words(item.votes, item.values)) for item in items)
    assert dataset_hash(filled, name) == load_dataset(filled, name).snapshot() == plain


def test_the_hash_of_a_dataset_stays_what_it_was() -> None:
    """As runs have pinned it."""
    members = [("b", "panic", said_words({"panic": 0.75, "calm": 0.25, "x": 0.0}, None)), ("a", "calm", "")]
    members += [("c", "calm", said_words(None, {"valence": 2, "arousal": 1.5})), ("d", "calm", said_words({}, {}))]
    lines = "a\tcalm\nb\tpanic\tcalm=0.250000\tpanic=0.750000\nc\tcalm\tarousal:1.500000\tvalence:2.000000\nd\tcalm"
    assert snapshot_of(members) == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("pair", [("all", "some"), ("some", "all"), ("all", "empty"), ("some", "some")])
def test_a_comparison(filled: Store, pair: tuple[str, str]) -> None:
    found = compare_datasets(filled, *pair)
    left, right = ({item.clip.id: item for item in one_by_one(filled, name)} for name in pair)
    both = sorted(set(left) & set(right))
    same = [id for id in both if left[id].label == right[id].label]
    assert found.only_a == tuple(sorted(set(left) - set(right))) and found.only_b == tuple(
        sorted(set(right) - set(left))
    )
    assert [change.clip_id for change in found.changed] == [id for id in both if id not in same]
    assert found.same == len(same)
    otherwise = [(left[id].votes, left[id].values) != (right[id].votes, right[id].values) for id in same]
    assert found.other_votes == sum(otherwise)
    speakers = [{item.clip.speaker for item in side.values()} - {None} for side in (left, right)]
    assert found.speakers_only_a == tuple(sorted(speakers[0] - speakers[1]))
    assert found.speakers_only_b == tuple(sorted(speakers[1] - speakers[0]))
    assert (found.hash_a, found.hash_b) == tuple(dataset_hash(filled, name) for name in pair)
    counts = [Counter(item.label for item in side.values()) for side in (left, right)]
    assert found.labels == {label: (counts[0][label], counts[1][label]) for label in SCHEME.labels}


def test_counts_of_a_dataset(filled: Store) -> None:
    for summary in list_datasets(filled):
        alone = dataset_summary(filled, summary.name)
        assert alone == replace(summary, duration=alone.duration)
        items = one_by_one(filled, summary.name)
        clips = [item.clip for item in items]
        assert summary.n == len(clips) and summary.duration == pytest.approx(sum(clip.duration for clip in clips))
        assert summary.speakers == len({clip.speaker for clip in clips} - {None})
        assert summary.labels == {label: sum(item.label == label for item in items) for label in SCHEME.labels}
        counted = facets(filled, summary.name)
        for name in ("origin", "corpus", "speaker", "language"):
            values = Counter(getattr(clip, name) for clip in clips)
            assert counted[name] == {value: n for value, n in values.items() if value is not None}
        assert counted["label"] == Counter(item.label for item in items)


def test_licences(filled: Store) -> None:
    everything = [row.clip for row in find_clips(filled, ClipQuery(limit=None)).rows]
    assert licence_counts(filled) == Counter(clip.provenance.licence for clip in everything)
    by_dataset = dataset_licences(filled)
    for name in ("all", "some"):
        plain = Counter(item.clip.provenance.licence for item in one_by_one(filled, name))
        assert by_dataset[name] == licence_counts(filled, name) == plain


def test_a_licence_learned_later_counts(filled: Store) -> None:
    clips = [clip for clip in mixed() if clip.provenance == Provenance()]
    before = licence_counts(filled)
    fill_clips(filled, [replace(clip, provenance=Provenance(licence="ODbL")) for clip in clips])
    assert licence_counts(filled) == {**before, None: before[None] - len(clips), "ODbL": len(clips)}


def test_licences_of_clips_from_before_the_column(filled: Store) -> None:
    before = licence_counts(filled), dataset_licences(filled)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(filled) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        assert "licence" not in set(connection.execute(text("SELECT * FROM clip LIMIT 1")).keys())
        command.upgrade(config, "head")
    assert (licence_counts(filled), dataset_licences(filled)) == before


def test_words_in_a_dataset(filled: Store) -> None:
    for words, order in (("größe 1", "duration"), ("größe", "transcript"), ("C1:3", "speaker"), ("nowhere", "id")):
        hits = [item.clip for item in one_by_one(filled, "some") if folded(words) in written(item.clip)]
        hits.sort(key=lambda clip: (getattr(clip, order) is None, getattr(clip, order) or "", clip.id))
        for first in (0, 3, 100):
            query = ClipQuery(dataset="some", text=words, order=order, limit=4, offset=first)
            found = find_clips(filled, query)
            assert (found.total, [row.clip for row in found.rows]) == (len(hits), hits[first : first + 4])
    everywhere = find_clips(filled, ClipQuery(text="größe", limit=None))
    assert everywhere.total == len(everywhere.rows) == sum(clip.transcript is not None for clip in mixed())
    with pytest.raises(NotFoundError, match="choose all, empty or some"):
        find_clips(filled, ClipQuery(dataset="other", text="größe"))


def written(clip: Clip) -> str:
    return searchable(clip.file, clip.transcript, clip.speaker)


def test_the_narrow_index_is_used(sqlite_store: Store) -> None:
    """SQLite would look up whole rows by their key; the hint says which index holds all that is counted."""
    seen: list[tuple[str, object]] = []
    event.listen(sqlite_store.engine, "before_cursor_execute", lambda *of: seen.append((of[2], of[3])))
    add_clips(sqlite_store, mixed())
    save_dataset(sqlite_store, "d", "real", SCHEME, [(clip.id, "calm") for clip in mixed()])
    seen.clear()
    facets(sqlite_store, "d"), list_datasets(sqlite_store), licence_counts(sqlite_store, "d")
    dataset_licences(sqlite_store), compare_datasets(sqlite_store, "d", "d")
    asked = [(statement, values) for statement, values in seen if "JOIN" in statement]
    assert len(asked) >= 5
    with reading(sqlite_store) as connection:
        for statement, values in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert any("COVERING INDEX ix_clip_counted" in str(row) for row in plan), (statement, plan)
