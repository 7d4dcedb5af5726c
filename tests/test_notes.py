"""Notes: each defect once, in a sentence, and nothing where nothing is wrong."""

from made_records import record, study

from asglib.study.notes import notes


def test_each_defect_once():
    counts = {
        "absent_from_test": ["seven"],
        "skipped": [{"path": "a.wav", "reason": "NaN"}],
        "missing": 3,
    }
    records = [
        *(record("ASG", 0.8, seed=s, counts=counts) for s in (0, 1)),
        record("NONE", None, seed=0, undefined="no positives", counts=counts),
        record("NONE", 0.7, seed=1, data="d1", epochs=3),
        record("untrained", 0.3, seed=1, epochs=0),
        record("spectrogram", 0.3, seed=1, encoder="", epochs=0, batch=0, precision="fp32"),
        record("ST", 30, seed=1),
    ]
    assert notes(records) == [
        "NONE (linear, frozen, pretrained on esc50) on fsdd/digit, seed 0, has no accuracy: "
        "no positives.",
        "fsdd/digit: no test clip of class seven: accuracy is of the others.",
        "fsdd: 1 skipped clip, the first a.wav (NaN).",
        "fsdd: 3 clips missing or empty.",
        "fsdd/digit (linear, frozen, esc50): data differs: "
        "d0 (NONE, ST, ASG, untrained, spectrogram); d1 (NONE).",
        "fsdd/digit (linear, frozen, esc50): epochs differs: 6 (NONE, ST, ASG); 3 (NONE).",
    ]


def test_a_part_of_a_releases_classes_is_told_once():
    ten = {"classes": [f"c{i}" for i in range(10)]}
    records = [record(m, 0.8, "esc50/sound", **ten) for m in ("ASG", "NONE")]
    assert notes(records) == ["esc50/sound has 10 of the release's 50 classes here."]
    whole = {"classes": [f"c{i}" for i in range(50)]}
    assert notes([record("ASG", 0.8, "esc50/sound", **whole)]) == []


def test_nothing_wrong_and_nothing_there():
    assert notes(study(ASG=[0.8, 0.9])) == []
    assert notes([]) == ["No run is there, so nothing is measured."]


def pretraining(**changes):
    base = {"kind": "pretraining", "run": "p", "method": "Sup.", "frontend": "linear"}
    return base | {"corpus": "esc50", "seed": 2, "classes": 32, "final_loss": 3.2} | changes


def test_failed_encoders_are_named():
    def told(**changes):
        return notes([*study(ASG=[0.8]), pretraining(**changes)])

    # guessing among 32 classes: ln 32 = 3.4657, and nine tenths of it are 3.1192
    assert told() == [
        "Sup. (linear, esc50), seed 2, is near chance: its loss ends at 3.20, "
        "guessing among 32 classes gives 3.47."
    ]
    assert len(told(final_loss=3.12)) == 1 and told(final_loss=3.11) == []
    assert told(method="ASG") == [] and told(final_loss=None) == []
    assert told(method="ASG", collapsed=True) == [
        "ASG (linear, esc50), seed 2, collapsed: its encoder gives all clips nearly one embedding."
    ]


def test_a_collapse_and_clips_too_short_are_named():
    base = {"kind": "pretraining", "frontend": "waves", "corpus": "toy", "seed": 0}
    base |= {"method": "CPC", "collapsed": True}
    told = notes([*study(ASG=[0.8, 0.9]), base | {"seen": {"ranked": 0.34}}])
    assert told == [
        "CPC (waves, toy), seed 0, collapsed: it ranks 34% of the positives first, chance a third."
    ]
    both = notes([*study(ASG=[0.8, 0.9]), *(base | {"seed": seed} for seed in (0, 2, 0))])
    assert both == [
        "CPC (waves, toy), seed 0, 2, collapsed: its encoder gives all clips nearly one embedding."
    ]
    flat = base | {"too_short": 7}
    (_, one) = notes([*study(ASG=[0.8, 0.9]), flat | {"too_short": 1}])
    assert one.endswith("left out 1 clip too short for its task.")
    assert notes([*study(ASG=[0.8, 0.9]), flat]) == [
        "CPC (waves, toy), seed 0, collapsed: its encoder gives all clips nearly one embedding.",
        "CPC (waves, toy), seed 0, left out 7 clips too short for its task.",
    ]


def test_compared_systems_may_have_encoders_of_their_own():
    mixed = [record("COLA", 0.5, seed=0, encoder="efficientnet_b0", rir=""), *study(ASG=[0.8])]
    assert notes(mixed) == []
