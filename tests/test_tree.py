"""The library as a whole: imports point down, nothing is a stub, everything says what it is, and the examples hold."""

import ast
import doctest
import importlib

import pytest
from conftest import ROOT

LIBRARY = ROOT / "asglib"
FLOORS = [
    "config files batch audio frontend positives adversaries encoder loss",
    "toy datasets rirs provenance measures distributed results figures report",
    "methods training evaluation prepare",
    "plans corpus runs experiment pool probing",
    "study forecast scorecard __main__",
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
SHARED = {"config", "files", "batch"}  # the rooms of the ground floor that others on it may use
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LIBRARY.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def room(module):
    return (module.split(".") + [""])[1]


def imports(module):
    """The rooms that a module imports, wherever in it; its own room's modules are its own business."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {
                room(alias.name) for alias in node.names if alias.name.split(".")[0] == "asglib"
            }
        if isinstance(node, ast.ImportFrom) and node.module == "asglib":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asglib."):
            found.add(room(node.module))
    return found - {room(module), ""}


def functions(module):
    return [
        node
        for node in ast.walk(TREES[module])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def test_the_library_is_there():
    assert len(MODULES) > 30 and {"asglib.loss", "asglib.methods.asg", "asglib.datasets"} <= set(
        MODULES
    )
    assert {room(m) for m in MODULES} - {""} <= set(FLOOR), "a new room needs a floor in FLOORS"


def upwards(floor_of, edges):
    """Imports that do not point down: to a higher floor, or on the ground floor to another room."""
    return [
        (a, b)
        for a, b in edges
        if floor_of[b] > floor_of[a] or (floor_of[a] == 0 and b not in SHARED)
    ]


def test_imports_point_down():
    edges = {(room(m), other) for m in MODULES if room(m) for other in imports(m)}
    assert len(edges) > 40 and ("training", "loss") not in edges and ("methods", "loss") in edges
    assert not upwards(FLOOR, edges)
    assert upwards(FLOOR, {("loss", "methods")}) and upwards(
        FLOOR, {("loss", "encoder")}
    )  # the check can fail


def test_there_are_no_circles():
    graph = {r: {other for m in MODULES if room(m) == r for other in imports(m)} for r in FLOOR}
    free = []
    while len(free) < len(graph):
        ready = [r for r in graph if r not in free and graph[r] <= set(free)]
        assert ready, f"import each other: {sorted(set(graph) - set(free))}"
        free += ready


def test_the_rooms_keep_to_their_trade():
    """Training knows no method's name, methods know no data set's, figures run no model."""
    assert not {"methods", "datasets", "adversaries", "loss"} & imports("asglib.training")
    assert not any(
        {"datasets", "toy", "training"} & imports(m) for m in MODULES if room(m) == "methods"
    )
    assert not {"encoder", "methods", "training", "evaluation", "experiment"} & imports(
        "asglib.figures"
    )
    texts = {m: ast.unparse(TREES[m]) for m in MODULES}
    names = [m for m in MODULES if "'NONE'" in texts[m] or "'ASG'" in texts[m]]
    assert "asglib.methods" in names and "asglib.training" not in names


@pytest.mark.parametrize("module", MODULES)
def test_style(module):
    tree, lines = TREES[module], MODULES[module].read_text().splitlines()
    first = (ast.get_docstring(tree) or "").split("\n")[0]
    assert first.endswith((".", ":", "?")), "the first line of the docstring is a sentence"
    assert len(lines) <= 300
    for node in ast.walk(tree):
        assert not (
            isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        )
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), "a bare except"
        assert not (isinstance(node, ast.Name) and node.id == "NotImplementedError"), "a stub"
    for function in functions(module):
        length = function.end_lineno - function.lineno + 1
        assert length <= 60, f"{function.name} has {length} lines"
        body = function.body[1:] if ast.get_docstring(function) else function.body
        nothing = [
            isinstance(node, ast.Pass)
            or isinstance(getattr(node, "value", None), ast.Constant)
            and isinstance(node, ast.Expr)
            for node in body
        ]
        assert not all(nothing), f"{function.name} does nothing"


def test_no_name_is_left_to_chance():
    """All randomness takes a generator: nothing draws from or seeds a global stream outside of a fork."""
    forbidden = {
        "seed",
        "rand",
        "randn",
        "randint",
        "choice",
        "shuffle",
        "permutation",
        "normal",
        "uniform",
        "RandomState",
    }
    found = []
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in forbidden
            ):
                owner = ast.unparse(node.func.value)
                if owner in ("np.random", "numpy.random", "random"):
                    found.append((module, ast.unparse(node)))
                if owner == "torch" and not any(k.arg == "generator" for k in node.keywords):
                    found.append((module, ast.unparse(node)))
    assert not found


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
