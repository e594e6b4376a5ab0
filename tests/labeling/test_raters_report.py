from affexion_core.labeling.raters import raters_report
from affexion_core.labeling.votes import Votes
from affexion_core.types import Annotation, Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))


def said(clip: str, rater: str, value: str | None, take: int = 0, **more) -> Annotation:
    what = {"value": value} if value else {"value": None, "unclear": "noise"}
    return Annotation(f"{clip}-{rater}-{take}", clip, "mood", rater, created="2026", take=take, **what, **more)


def votes_of(judged, repeats=(), gold=None, scheme=MOOD) -> Votes:
    clips = {a.clip_id: Clip(a.clip_id, "a.wav", "0" * 64, "real", "demo", 1.0, 16000) for a in judged}
    return Votes("round", "project", scheme, clips, tuple(judged), tuple(repeats), gold=gold or {})


def test_each_raters_figures():
    judged = [said(f"c{i}", r, "calm", seconds=2.0) for i in range(6) for r in ("ann", "bob")]
    judged += [said(f"p{i}", r, "panic", seconds=4.0, flags=("too fast",)) for i in range(4) for r in ("ann", "bob")]
    # cy calls everything calm
    judged += [said(f"{c}{i}", "cy", "calm") for c, n in (("c", 6), ("p", 4)) for i in range(n)]
    judged += [said("x", "ann", None, seconds=100.0), said("y", "demo:vote-1", "calm")]
    first = {(a.clip_id, a.rater): a for a in judged}
    repeats = [
        (first["c0", "ann"], said("c0", "ann", "calm", 1)),
        (first["p0", "ann"], said("p0", "ann", "calm", 1)),
        (first["x", "ann"], said("x", "ann", None, 1)),
    ]
    report = raters_report(votes_of(judged, repeats, gold={"c0": "calm", "p0": "panic", "z": "panic"}))
    assert [r.rater for r in report.raters] == ["ann", "bob", "cy"] and report.no_model is None
    ann, bob, cy = report.raters
    assert (ann.judgements, ann.unclear, ann.flagged, ann.seconds) == (11, 1, 4, 2.0)
    assert (ann.consistency.value, ann.consistency.n) == (2 / 3, 3)
    assert (ann.on_gold.value, cy.on_gold.value, cy.on_gold.n) == (1.0, 0.5, 2)
    assert "no clip was repeated" in bob.consistency.reason
    assert ann.accuracy > 0.95 and 0.55 < cy.accuracy < 0.65 and cy.seconds is None
    assert abs(sum(cy.clips_of) - cy.judgements) < 1e-9 and 5.5 < cy.clips_of[0] < 6.5
    # rows are what a clip truly is: cy gives panic clips the label calm
    assert cy.confusion[1][0] > 0.9 and ann.confusion[1][1] > 0.9
    assert all(abs(sum(row) - 1) < 1e-9 for r in report.raters for row in r.confusion)


def test_what_can_not_be_said_gives_its_reason():
    anonymous = raters_report(votes_of([said("c", "demo:vote-1", "calm"), said("c", "demo:vote-2", "panic")]))
    assert anonymous.raters == () and "anonymous votes" in anonymous.no_model
    alone = raters_report(votes_of([said("c", "ann", "calm")]))
    assert alone.raters[0].accuracy is None and "it takes three" in alone.no_model
    assert "no clip whose label is known" in alone.raters[0].on_gold.reason
    assert raters_report(votes_of([])).raters == ()


def test_numbers_have_no_confusion():
    scale = Scheme("arousal", low=1, high=7)
    report = raters_report(votes_of([Annotation("1", "c", "arousal", "ann", 3.0, "2026", seconds=3.0)], scheme=scale))
    assert "numbers" in report.no_model and report.raters[0].seconds == 3.0
