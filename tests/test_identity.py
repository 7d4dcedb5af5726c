"""A run's name follows what decides its result and nothing else: tried on copies of the library."""

import ast
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from asglib.data import index
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.study import identity, plans
from asglib.study.names import run_name
from asglib.study.profiles import SMOKE

PRETRAINING = ("asglib.training", "asglib.methods.asg", "asglib.data.clips")
SUPERVISED = ("asglib.training", "asglib.methods.supervised", "asglib.data.clips")
EVALUATION = ("asglib.evaluation", "asglib.data.clips")
FINE_TUNING = ("asglib.fine_tuning", "asglib.data.clips")
SENSITIVITY = ("asglib.sensitivity", "asglib.data.clips")
DECIDES = [  # file, function, entry whose version must change
    ("audio", "crop", PRETRAINING),
    ("audio", "segments", EVALUATION),
    ("audio", "read", EVALUATION),
    ("audio", "pad", EVALUATION),
    ("data/clips", "crop", PRETRAINING),
    ("frontend", "power", PRETRAINING),
    ("frontend", "mel_filters", EVALUATION),
    ("adversaries", "flip_time", PRETRAINING),
    ("adversaries", "flip_frequency", PRETRAINING),
    ("adversaries", "scroll_frequency", PRETRAINING),
    ("adversaries", "draw", PRETRAINING),
    ("adversaries", "move", SENSITIVITY),
    ("positives", "convolve", PRETRAINING),
    ("loss", "nt_xent", PRETRAINING),
    ("batches", "epoch_order", PRETRAINING),
    ("batches", "balanced", SUPERVISED),
    ("training", "learning_rate", PRETRAINING),
    ("training", "optimizer", PRETRAINING),
    ("training", "statistics_waves", PRETRAINING),
    ("methods/supervised", "mixup", SUPERVISED),
    ("methods/supervised", "spec_augment", SUPERVISED),
    ("methods/asg", "scroll", PRETRAINING),
    ("encoder", "embed", PRETRAINING),
    ("encoder", "standardise", PRETRAINING),
    ("networks", "tiny", PRETRAINING),
    ("config", "frames", EVALUATION),
    ("config", "lr", PRETRAINING),
    ("evaluation", "embed", EVALUATION),
    ("evaluation", "train_linear", EVALUATION),
    ("evaluation", "rate", EVALUATION),
    ("evaluation", "clip_scores", EVALUATION),
    ("evaluation", "parts", EVALUATION),
    ("evaluation", "folds", EVALUATION),
    ("evaluation", "pooled", EVALUATION),
    ("fine_tuning", "fine_tuned", FINE_TUNING),
    ("fine_tuning", "logits", FINE_TUNING),
    ("training", "optimise", FINE_TUNING),
    ("evaluation", "clip_scores", FINE_TUNING),
    ("metrics", "per_clip", EVALUATION),
    ("metrics", "outcome", EVALUATION),
    ("sensitivity", "similarity_to_moved", SENSITIVITY),
]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library that identity reads instead."""
    copy = tmp_path / "asglib"
    shutil.copytree(ROOT / "asglib", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(identity, "LIBRARY", copy)
    identity.code_version.cache_clear()
    yield copy
    identity.code_version.cache_clear()


def version(*entry):
    identity.code_version.cache_clear()
    return identity.code_version(*entry)


def change(path, name, before="x = 1"):
    """A statement more at the beginning of a function."""
    tree = ast.parse(path.read_text())
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name]
    found = [n for n in found if len(n.body) > bool(ast.get_docstring(n))]  # no mere contract
    assert found, f"{path.name} has no {name}"
    line = found[-1].body[0].lineno - 1
    if isinstance(found[-1].body[0], ast.Expr) and ast.get_docstring(found[-1]):
        line = found[-1].body[1].lineno - 1
    lines = path.read_text().splitlines()
    indent = re.match(r" *", lines[line])[0]
    lines.insert(line, f"{indent}{before}")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("file", "function", "entry"), DECIDES)
def test_a_changed_line_that_decides_a_result_changes_the_version(library, file, function, entry):
    before = version(*entry)
    assert version(*entry) == before
    change(library / f"{file}.py", function)
    assert version(*entry) != before


def test_comments_docstrings_and_the_words_of_errors_change_nothing(library):
    before = [version(*entry) for entry in (PRETRAINING, SUPERVISED, EVALUATION, SENSITIVITY)]
    for path in [*library.glob("*.py"), *library.glob("methods/*.py"), library / "data/clips.py"]:
        text = path.read_text()
        text = re.sub(r'^"""', '"""Other words. ', text, count=1)
        path.write_text(text + "\n# a comment\n")
    training = library / "training.py"
    text = training.read_text()
    assert "lower the learning rate" in text
    training.write_text(text.replace("lower the learning rate", "try another rate"))
    batches = library / "batches.py"
    batches.write_text(batches.read_text().replace("use a smaller batch", "take fewer clips"))
    config = library / "config.py"
    words = config.read_text().replace("it was pretrained with", "of its training")
    assert 'between("batch"' in words
    config.write_text(words.replace('between("batch"', 'between("clips of a batch"'))
    after = [version(*entry) for entry in (PRETRAINING, SUPERVISED, EVALUATION, SENSITIVITY)]
    assert after == before


def test_figures_tables_builders_and_titles_change_nothing(library):
    before = [version(*entry) for entry in (PRETRAINING, EVALUATION)]
    outside = [*library.glob("study/**/*.py"), *library.glob("data/**/*.py")]
    for path in outside:
        if path != library / "data/clips.py":
            path.write_text(path.read_text() + "\nOTHER = 1\n")
    toml = library / "data/sets.toml"
    toml.write_text(toml.read_text().replace("title = ", "title= "))
    assert [version(*entry) for entry in (PRETRAINING, EVALUATION)] == before


def test_one_methods_code_is_no_others(library):
    asg, supervised = version(*PRETRAINING), version(*SUPERVISED)
    change(library / "methods/supervised.py", "mixup")
    assert version(*PRETRAINING) == asg and version(*SUPERVISED) != supervised
    change(library / "loss.py", "nt_xent")
    assert version(*PRETRAINING) != asg


SOURCE = '''
class A(B):
    """Words."""

    def f(self, x: int = 1, *, y) -> str:
        return f"{x:.2f} {[*y]}" or g()
'''
AS_PYTHON_3_11_WRITES_IT = (
    "Module(body=[ClassDef(name='A', bases=[Name(id='B', ctx=Load())], keywords=[], body=["
    "FunctionDef(name='f', args=arguments(posonlyargs=[], args=[arg(arg='self'), arg(arg='x', "
    "annotation=Name(id='int', ctx=Load()))], kwonlyargs=[arg(arg='y')], kw_defaults=[None], "
    "defaults=[Constant(value=1)]), body=[Return(value=BoolOp(op=Or(), values=[JoinedStr(values=["
    "FormattedValue(value=Name(id='x', ctx=Load()), conversion=-1, format_spec=JoinedStr(values=["
    "Constant(value='.2f')])), Constant(value=' '), FormattedValue(value=List(elts=[Starred("
    "value=Name(id='y', ctx=Load()), ctx=Load())], ctx=Load()), conversion=-1)]), Call("
    "func=Name(id='g', ctx=Load()), args=[], keywords=[])]))], decorator_list=[], "
    "returns=Name(id='str', ctx=Load()))], decorator_list=[])], type_ignores=[])"
)


def test_every_python_writes_a_tree_as_3_11_does():
    """Or the published records would be lost on another version; true on whichever runs this."""
    assert identity.written(identity.skeleton(SOURCE)) == AS_PYTHON_3_11_WRITES_IT


def test_what_newer_pythons_add_to_a_tree_is_not_written(monkeypatch):
    """Since 3.12 functions and classes list their type parameters, of which there are none here;
    since 3.13 ast.dump leaves out every empty list, unless it is asked for them."""
    tree = identity.skeleton(SOURCE)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.type_params = []
    for kind in (ast.FunctionDef, ast.ClassDef):
        fields = [name for name in kind._fields if name != "type_params"]
        monkeypatch.setattr(kind, "_fields", (*fields, "type_params"))
    dump, asked = ast.dump, []
    monkeypatch.setattr(ast, "dump", lambda tree, **how: asked.append(how) or dump(tree))
    for version in ((3, 12), (3, 13)):
        monkeypatch.setattr(identity.sys, "version_info", version)
        assert "type_params" not in identity.written(tree)
    assert asked == [{}, {"show_empty": True}]


def test_the_closure_is_what_imports_reach_and_holds_nothing_of_the_study():
    found = identity.closure(PRETRAINING)
    assert {"asglib.loss", "asglib.adversaries", "asglib.positives", "asglib.config"} <= set(found)
    assert not any(name.startswith(("asglib.study", "asglib.data.index")) for name in found)
    assert all(Path(path).is_file() for path in found.values())
    assert "asglib.loss" not in identity.closure(SENSITIVITY)


# --- what enters through the data ----------------------------------------------------------------


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return load("toy-a", Workspace(None, tmp_path_factory.mktemp("runs")))


def prints(corpus, rows=None):
    rows = corpus.rows if rows is None else rows
    return corpus.fingerprint(rows, corpus.labels(rows, "toy-a", "direction"))


def test_label_ids_the_other_way_round_change_the_name(toy, monkeypatch):
    before = prints(toy)
    original = index.label_ids

    def inverted(rows, task):
        ids, classes = original(rows, task)
        return len(classes) - 1 - ids, classes

    monkeypatch.setattr(index, "label_ids", inverted)
    assert prints(toy) != before


def test_splits_draws_and_joint_labels_change_the_name(toy):
    before = prints(toy)
    other = toy.rows.assign(split=toy.rows.split.map({"train": "test", "test": "train"}))
    assert prints(toy, other) != before
    few = toy.drawn(20)
    assert prints(few) != before and len(few.rows) == 40
    train = toy.rows[toy.rows.split == "train"]
    labels, classes = toy.joint_labels(train)
    assert toy.fingerprint(train, (labels, classes)) != toy.fingerprint(train)
    shifted = (torch.roll(labels, 1), classes)
    assert toy.fingerprint(train, shifted) != toy.fingerprint(train, (labels, classes))


def test_a_test_file_more_or_less_is_no_other_pretraining(toy):
    train = toy.rows[toy.rows.split == "train"]
    before = toy.fingerprint(train)
    less = toy.only(toy.rows.index != toy.rows.index[toy.rows.split == "test"][0])
    assert len(less.rows) == len(toy.rows) - 1
    assert toy.fingerprint(less.rows[less.rows.split == "train"]) == before
    assert less.fingerprint(less.rows) != toy.fingerprint(toy.rows)


def test_on_gpus_the_number_of_processes_counts_where_negatives_are_of_one(tmp_path):
    """Those of CPC and of the triplet; NT-Xent gathers, and its run keeps its name (D16)."""
    for method, alike in (("ASG", True), ("COLA", True), ("CPC", False), ("Triplet", False)):
        run = replace(plans.pretraining(SMOKE, method, 0), corpus="toy-a")
        one = Workspace(None, tmp_path, device="cuda")
        names = {run_name(run, replace(one, processes=n)) for n in (1, 2)}
        assert (len(names) == 1) == alike, method
        names = {run_name(run, replace(one, device="cpu", processes=n)) for n in (1, 2)}
        assert len(names) == 2
