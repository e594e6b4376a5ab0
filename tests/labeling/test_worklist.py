from affexion_core.labeling.votes import Votes
from affexion_core.labeling.worklist import WORK, worklist
from affexion_core.types import Annotation, Clip, Decision, Scheme

MOOD = Scheme("mood", ("calm", "panic"))


def said(clip: str, rater: str, value: str | None, comment: str | None = None) -> Annotation:
    what = {"value": value} if value else {"value": None, "unclear": "noise"}
    return Annotation(f"{clip}-{rater}", clip, "mood", rater, created="2026", comment=comment, **what)


def test_each_clip_stands_where_it_belongs():
    judged = (
        *(said("half", r, v) for r, v in (("ann", "calm"), ("bob", "panic"))),
        *(said("third", r, v) for r, v in (("ann", "calm"), ("bob", "calm"), ("cy", "panic"))),
        *(said("alike", r, "calm") for r in ("ann", "bob")),
        said("alone", "ann", "panic", "she laughs"),
        *(said("noisy", r, v) for r, v in (("ann", None), ("bob", "panic"))),
        said("lost", "ann", None),
    )
    clips = {a.clip_id: Clip(a.clip_id, "a.wav", "0" * 64, "real", "demo", 1.0, 16000) for a in judged}
    clips["nobody"] = clips["half"]
    decisions = {
        id: Decision(id, id, "mood", "calm", "ada", "why", created) for id, created in (("half", "1"), ("alike", "2"))
    }
    found = worklist(Votes("round", "project", MOOD, clips, judged, decisions=decisions))
    assert tuple(found) == WORK
    assert found["differ"] == ("half", "third")
    assert found["unclear"] == ("lost", "noisy")
    assert found["commented"] == ("alone",)
    assert found["decided"] == ("alike", "half")
    assert found["all"] == ("alike", "alone", "half", "lost", "noisy", "third")


def test_nothing_judged_is_nothing_to_do():
    assert set(worklist(Votes("round", "project", MOOD, {}, ())).values()) == {()}
