"""The library as a whole: three parts, imports that point down, plain files, declared packages."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

LIBRARY = ROOT / "asglib"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LIBRARY.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
LONGEST_FILE, LONGEST_FUNCTION, WIDEST = 250, 60, 100


def imports(module, tree):
    """The modules of the library that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name in MODULES} - {module, "asglib"}


def part(module):
    """ "method", "data" or "study": where a module belongs."""
    parts = module.split(".")
    if parts[1:2] == ["__main__"]:
        return "study"
    return parts[1] if parts[1:2] in (["data"], ["study"]) else "method"


MAY = {"method": {"method"}, "data": {"method", "data"}, "study": {"method", "data", "study"}}


def forbidden(edges):
    return {(a, b) for a, b in edges if part(b) not in MAY[part(a)]}


EDGES = {(module, other) for module in MODULES for other in imports(module, TREES[module])}


def test_the_library_is_there():
    assert len(MODULES) > 60 and {"asglib.loss", "asglib.methods.asg", "asglib.data.index"} <= set(
        MODULES
    )
    assert {part(module) for module in MODULES} == {"method", "data", "study"}


def test_the_method_imports_no_data_and_no_study_and_data_no_study():
    assert len(EDGES) > 150 and ("asglib.methods.asg", "asglib.loss") in EDGES
    assert forbidden(EDGES) == set()
    planted = {("asglib.loss", "asglib.data.toy"), ("asglib.data.toy", "asglib.study.plans")}
    planted |= {("asglib.methods.asg", "asglib.study.runs")}
    assert forbidden(planted) == planted  # the check can fail


def circle(edges):
    """Modules that import each other, () when there are none."""
    graph = {module: {b for a, b in edges if a == module} for module in MODULES}
    free = set()
    while len(free) < len(graph):
        ready = {module for module in graph if module not in free and graph[module] <= free}
        if not ready:
            return tuple(sorted(set(graph) - free))
        free |= ready
    return ()


def test_there_are_no_circles():
    inner = {(a, b) for a, b in EDGES if MODULES[b].name != "__init__.py"}
    assert circle(inner) == ()
    assert circle(inner | {("asglib.loss", "asglib.methods.asg")})  # the check can fail


def test_training_and_evaluation_name_no_method_and_methods_no_data_set():
    texts = {module: ast.unparse(tree) for module, tree in TREES.items()}
    for module, text in texts.items():
        if part(module) == "method" and module not in ("asglib.methods", "asglib.config"):
            assert not re.search(r"'(NONE|ASG|Sup\.|COLA|toy|esc50)'", text), module
    assert "'NONE'" in texts["asglib.methods"]


PLAIN = (ast.Import, ast.ImportFrom)


def surplus(tree):
    """What an __init__.py holds beside docstring, imports, one literal table and __all__."""
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    rest = [node for node in body if not isinstance(node, PLAIN)]
    tables = [node for node in rest if isinstance(node, ast.Assign)]
    named = [node for node in tables if ast.unparse(node.targets[0]) != "__all__"]
    return [node for node in rest if node not in tables] + named[1:]


def test_packages_hold_no_code():
    packages = [TREES[name] for name, path in MODULES.items() if path.name == "__init__.py"]
    assert len(packages) >= 6
    assert [ast.unparse(node) for tree in packages for node in surplus(tree)] == []
    assert surplus(ast.parse("def f(): pass")) and surplus(ast.parse("A = 1\nB = 2"))


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def complaints(text):
    """What is wrong with the form of a module."""
    tree, lines = ast.parse(text), text.splitlines()
    first = (ast.get_docstring(tree) or "").split("\n")[0]
    if not first.endswith((".", ":", "?")):
        yield "the first line of the docstring is no sentence"
    if len(lines) > LONGEST_FILE:
        yield f"{len(lines)} lines"
    yield from (f"line {i} is too wide" for i, line in enumerate(lines, 1) if len(line) > WIDEST)
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield "a bare except"
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield "an import of everything"
    for function in functions(tree):
        length = function.end_lineno - function.lineno + 1
        if length > LONGEST_FUNCTION:
            yield f"{function.name} has {length} lines"


@pytest.mark.parametrize("module", MODULES)
def test_style(module):
    assert list(complaints(MODULES[module].read_text())) == []


def test_style_can_be_failed():
    long = "def f():\n" + "    x = 1\n" * 300
    bad = f'"""No sentence"""\nfrom os import *\ntry:\n    {"x" * 100}\nexcept:\n    pass\n{long}'
    assert len(list(complaints(bad))) == 6


GLOBAL = "seed rand randn randint choice shuffle permutation normal uniform RandomState".split()


def draws(tree):
    """Calls that draw from a global stream."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if node.func.attr in GLOBAL and owner in ("np.random", "numpy.random", "random"):
                yield ast.unparse(node)
            given = any(k.arg in ("generator", None) for k in node.keywords)
            if node.func.attr in GLOBAL and owner == "torch" and not given:
                yield ast.unparse(node)


def test_randomness_takes_a_generator_or_a_seeded_fork():
    found = {module: list(draws(tree)) for module, tree in TREES.items()}
    found = {module: calls for module, calls in found.items() if calls}
    # a parameter's start, in a fork of the global stream that is seeded first
    assert found == {"asglib.methods.cola": ["torch.randn(settings.head, settings.head)"]}
    assert list(draws(ast.parse("np.random.rand(3)\ntorch.randn(2)\ntorch.rand(1, generator=g)")))


def test_the_examples_hold():
    runner, found = doctest.DocTestRunner(), {}
    for module in MODULES:
        if not module.endswith("__main__"):
            tests = doctest.DocTestFinder().find(importlib.import_module(module))
            found[module] = sum(len(test.examples) for test in tests)
            for test in tests:
                runner.run(test)
    assert runner.failures == 0
    assert sum(count > 0 for count in found.values()) >= 8 and sum(found.values()) >= 12


NAMED = {  # import name: package, where they differ
    "sklearn": "scikit-learn", "bs4": "beautifulsoup4", "IPython": "ipython",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "torch_audiomentations": "torch-audiomentations",
}  # fmt: skip


def third_party(text):
    """The packages that a module imports from outside."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return {NAMED.get(name, name) for name in found - sys.stdlib_module_names - {"asglib"}}


def imported(paths):
    return set().union(*(third_party(path.read_text()) for path in paths))


def test_every_package_that_is_imported_is_declared():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    declared = {line.split("==")[0] for line in lines if "==" in line}
    used = imported(LIBRARY.rglob("*.py"))
    assert len(used) > 15 and used - declared == set()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    peers = {line.split("==")[0] for line in extras["optional-dependencies"]["peers"]}
    ours = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    for folder, more in (("benchmarks", peers), ("tests", ours)):
        local = {path.stem for path in (ROOT / folder).glob("*.py")}
        assert imported((ROOT / folder).glob("*.py")) - declared - local - more == set()
    assert third_party("import tqdm.auto\nfrom os import path") == {"tqdm"}


@pytest.mark.parametrize("how", [["check", "--quiet"], ["format", "--check", "--quiet"]])
def test_ruff_has_nothing_to_say(how):
    command = [sys.executable, "-m", "ruff", *how, "asglib", "tests", "benchmarks", "notebooks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_ruff_would_say_something(tmp_path):
    bad = Path(tmp_path) / "bad.py"
    bad.write_text("import os\nx  =  1\n")
    for how in ("check", "format"):
        words = [how] if how == "check" else [how, "--check"]
        command = [sys.executable, "-m", "ruff", *words, str(bad)]
        assert subprocess.run(command, capture_output=True).returncode == 1


def test_everything_beside_the_modules_is_installed_with_them():
    """An installation that is no clone has the table of recipes and the pages' templates too."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    files = [path for path in LIBRARY.rglob("*") if path.is_file() and path.suffix != ".py"]
    files = [path.relative_to(LIBRARY) for path in files if path.parent.name != "__pycache__"]
    lost = [f for f in files if not any(f.match(p) for p in told["package-data"]["asglib"])]
    assert len(files) >= 6 and lost == []
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert packages == set(told["packages"])
