"""Records for tests, made up: what they say is written out where they are asked for."""

from types import SimpleNamespace

from asglib.study import profiles
from asglib.study.records import write_records
from asglib.study.systems import MOST

TASKS = ["fsdd/digit", "fsdd/speaker"]
SPEAKERS = [f"speaker {i // 5}" for i in range(40)]
SMALL = SimpleNamespace(
    name="small",
    evidence=True,
    pretraining=SimpleNamespace(corpus="esc50"),
    corpora=("first", "second"),
    recipes={},
    variants={},
    compared=MOST,
)


def record(method="ASG", value=0.8, key="fsdd/digit", seed=0, **changes):
    """An evaluation record; a number of correct clips as value also fills in its 40 clips."""
    data_set, task = key.split("/")
    counts = {"train": 100, "test": 40, "skipped": [], "absent_from_test": [], "missing": 0}
    base = {
        "kind": "evaluation",
        "profile": "small",
        "method": method,
        "frontend": "linear",
        "corpus": "esc50",
        "data_set": data_set,
        "task": task,
        "setting": "frozen",
        "seed": seed,
        "metric": "accuracy",
        "value": value,
        "undefined": None,
        "clips": [],
        "groups": [],
        "labels": [],
        "predictions": [],
        "correct": [],
        "counts": counts,
        "encoder": "tiny",
        "epochs": 6,
        "batch": 64,
        "rir": "simulated bank",
        "code": "c0",
        "data": "d0",
        "precision": "fp32",
        "device": "CPU",
        "threads": 1,
        "commit": "abc",
        "versions": {"torch": "2.11.0", "numpy": "2.4.6"},
    } | changes
    made = [method, key, base["setting"], base["frontend"], base["corpus"], str(seed)]
    base.setdefault("run", "-".join(made))
    if isinstance(value, int) and not isinstance(value, bool):
        clips = [f"{i}.wav" for i in range(40)]
        base |= {"clips": clips, "groups": SPEAKERS, "correct": [1] * value + [0] * (40 - value)}
        base["value"] = value / 40
    return base


def study(keys=TASKS, **values):
    """NONE=[0.7, 0.72] means that NONE has these on every task, with seeds 0 and 1."""
    return [
        record(method, value, key, seed)
        for method, row in values.items()
        for key in keys
        for seed, value in enumerate(row)
    ]


CORPUS = profiles.profile("small").pretraining.corpus
BETTER = {"NONE": [0.70, 0.71, 0.72], "FT": [0.75, 0.765, 0.765], "ST": [0.70, 0.72, 0.71]}


def small_records(**changes):
    """Of the small profile's main corpus: ft-none can be judged on two tasks and three seeds."""
    return [r | {"corpus": CORPUS} | changes for r in study(**BETTER)]


def table(path, found=None):
    """The path of a table of records, `small_records` by default."""
    write_records(small_records() if found is None else found, path)
    return path
