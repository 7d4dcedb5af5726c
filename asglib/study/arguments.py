"""What may be said on the command line: every other value is refused in one sentence."""

from __future__ import annotations

import argparse
import ast
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asglib.counting import counted

TYPES = {"bool": {bool}, "int": {int}, "float": {int, float}, "str": {str}, "tuple": {tuple, list}}


class Refused(argparse.ArgumentTypeError, ValueError):
    """A value that no command can work with, in one sentence."""


class Parser(argparse.ArgumentParser):
    def parse_args(self, *given):
        """The options; an empty value, of a variable that a shell does not know, is refused."""
        options = super().parse_args(*given)
        for name, value in vars(options).items():
            words = value if isinstance(value, list) else [value]
            if any(isinstance(word, str) and not word.strip() for word in words):
                self.error(f"{name} is empty: give it a value or leave it out")
        return options

    def error(self, message: str):
        self.exit(2, f"asglib: {message.rstrip('.')}; see {self.prog} --help.\n")


def whole_from(least: int):
    def whole(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
            raise Refused(f"{text!r} is no whole number from {least} on.")
        return int(text)

    return whole


def folder(text: str) -> str:
    """The absolute path of what is a folder or can become one."""
    path = Path(text).absolute()
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    if not text.strip() or not nearest.is_dir():
        raise Refused(f"{text!r} cannot be a folder: {nearest if text.strip() else 'it'} is none.")
    return str(path)


def device(text: str) -> str:
    import torch

    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", text):
        raise Refused(f"device {text!r} is unknown; use cpu, cuda or cuda:1.")
    number, there = int(text.partition(":")[2] or 0), torch.cuda.device_count()
    if text != "cpu" and number >= there:
        raise Refused(
            f"device {text!r} is not there: torch finds {counted(there, 'GPU')}; use cpu."
        )
    return text


def method(text: str) -> str:
    from asglib.methods import METHODS

    if text not in METHODS:
        raise Refused(f"method {text!r} is unknown; the study has {', '.join(METHODS)}.")
    return text


def address(text: str) -> str:
    found = re.fullmatch(r"(tcp|tls)://\S+:(\d{1,5})", text)
    if not found or not 0 < int(found[2]) < 2**16:
        raise Refused(f"{text!r} is no address of a scheduler; give one like tcp://HOST:8786.")
    return text


def assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise Refused(f"{text!r} is no NAME=VALUE.")
    return name, literal(value)


def literal(text: str) -> Any:
    """A parameter's value as Python writes it; what is no literal is text.

    >>> literal("3"), literal("smoke")
    (3, 'smoke')
    """
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def check_parameters(notebook: Path, values: Mapping[str, Any]) -> None:
    """Compare values with the types and comments of a notebook's parameters cell.

    A comment like "0 to 383: the clip that is shown" states the limits.
    """
    from papermill import inspect_notebook

    for name, known in inspect_notebook(str(notebook)).items():
        kind, value = known["inferred_type_name"], values.get(name)
        limits = re.search(r"(-?\d+) to (-?\d+)", known["help"] or "")
        what = f"{notebook.name}: {name}={value!r}"
        if name in values and type(value) not in TYPES.get(kind, {type(value)}):
            raise Refused(f"{what} is no {kind}; the notebook has {known['default']}.")
        if type(value) is int and limits and not int(limits[1]) <= value <= int(limits[2]):
            raise Refused(f"{what} is out of range; give {limits[0]}.")


def workspace_of(options: argparse.Namespace):
    """The workspace; the environment tells the kernels of notebooks the same."""
    from asglib.data.workspace import Workspace

    for name, value, check in (
        ("ASG_DATA", options.data, folder),
        ("ASG_RUNS", options.runs, folder),
        ("ASG_DEVICE", options.device, device),
        ("ASG_PROCESSES", getattr(options, "processes", None), whole_from(1)),
        ("ASG_LOADERS", None, whole_from(0)),
        ("ASG_WORKERS", None, whole_from(1)),
        ("ASG_COMPILE", getattr(options, "compile", None), whole_from(0)),
        ("ASG_COMPUTE", "0" if getattr(options, "found", False) else None, whole_from(0)),
    ):
        if value := value or os.environ.get(name):
            os.environ[name] = str(check(str(value)))
    if (data := os.environ.get("ASG_DATA")) and not Path(data).is_dir():
        raise FileNotFoundError(
            f"the data root {data} does not exist; give --data the folder that holds the data sets."
        )
    return Workspace.here()


def seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text):
        raise Refused(f"{text!r} is no number of seconds such as 3 or 0.96.")
    return float(text)


def folders(add) -> None:
    add("--data", type=folder, metavar="FOLDER", help="of the data sets (default: ASG_DATA)")
    runs = "of runs and caches (default: ASG_RUNS, or runs/ of this clone)"
    add("--runs", type=folder, metavar="FOLDER", help=runs)
    add("--device", type=device, help="cpu, cuda or cuda:1 (default: the GPU when there is one)")


def profiled(add) -> None:
    from asglib.study.profiles import PROFILES  # takes seconds

    names = f"{', '.join(PROFILES)} (default smoke); with seeds: small:0,1,2,3,4"
    add("--profile", default="smoke", metavar="NAME", help=names)


def several(add) -> None:
    many = "runs or files at a time (default: one a core, or one a GPU)"
    add("--workers", type=whole_from(1), metavar="N", help=many)


def shared(add) -> None:
    share = "that share one pretraining, each with a GPU or core of its own (default 1)"
    add("--processes", type=whole_from(1), metavar="N", help=share)


def compiling(add) -> None:
    blocks = "pretrain with torch.compile: faster on a GPU, rounded otherwise, so runs of their own"
    add("--compile", action="store_const", const=1, help=blocks)


def batch(add) -> None:
    more = {"nargs": "+", "action": "extend"}  # given twice, both count
    add("--only", metavar="NN", help="these notebooks only, and the runs they need", **more)
    add("--seeds", metavar="0,1,2", help="other pretraining seeds than the profile's")
    values = "notebook parameters; unknown ones are refused"
    add("--set", type=assignment, default=[], metavar="NAME=VALUE", help=values, **more)
    found = "compute nothing: render the runs that are there, name the others"
    add("--found", action="store_true", help=found)
    again = "execute the notebooks whose pages are up to date, too"
    add("--again", action="store_true", help=again)
    add("--out", type=folder, metavar="FOLDER", help="default reports/html/PROFILE")
    where = "of dask, whose workers compute the runs (default: this machine's processes)"
    add("--scheduler", type=address, metavar="ADDRESS", help=where)
    plan = "print every run with clips, steps, hours and disk; run nothing"
    add("--dry-run", action="store_true", help=plan)
    speed = "of --dry-run: 257 x 300 spectrograms a second, both ways (default 1900, one H100)"
    add("--views-per-second", type=whole_from(1), default=1900, metavar="N", help=speed)


def of_scheduler(add) -> None:
    add("scheduler", type=address, metavar="ADDRESS", help="of dask's scheduler: tcp://HOST:8786")


def one_run(add) -> None:
    add("--method", type=method, default="ASG", metavar="NAME")
    add("--seed", type=whole_from(0), default=0, metavar="N")
    corpus = "a folder of sounds, or sets of the study joined by + (default: the profile's)"
    add("--corpus", metavar="FOLDER", help=corpus)


def set_name(text: str) -> str:
    """The name of a set or of a folder, which shells complete with a slash."""
    return text.rstrip("/")


def one_set(add) -> None:
    add("name", type=set_name)
    convert = "also write 16 kHz mono FLAC there, once"
    add("--convert", type=folder, metavar="FOLDER", help=convert)
    fetch = "fetch it first, where a stable public address exists"
    add("--download", action="store_true", help=fetch)


def reports(add) -> None:
    add("folder")


def recordings(add) -> None:
    add("files", nargs="+", metavar="FILE", help="sounds of any rate, and folders of them")
    encoder = "an encoder.safetensors, a run's folder, or its name"
    add("--encoder", required=True, metavar="RUN", help=encoder)
    add("--out", required=True, metavar="TABLE", help="a parquet file; bad files: TABLE.bad.csv")
    add("--segments", action="store_true", help="one row a segment instead of a clip")
    add("--seconds", type=seconds, default=3.0, metavar="S", help="of a segment (default: 3)")


def exported(add) -> None:
    add("encoder", help="an encoder.safetensors, a run's folder, or its name")
    add("--out", required=True, metavar="FILE", help="model.onnx")


def carded(add) -> None:
    add("--method", type=method, default="ASG", metavar="NAME")
    add("--out", metavar="FILE", help="a Markdown file (default: print it)")
