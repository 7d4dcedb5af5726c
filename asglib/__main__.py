"""The command line: `python -m asglib COMMAND --help` says all."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from asglib.study.profiles import PROFILES


def main(words: list[str] | None = None) -> int:
    """Runs one command; bad input is one sentence on standard error and exit status 2."""
    arguments = parser().parse_args(words)
    try:
        return arguments.command(arguments) or 0
    except (
        ValueError,
        OSError,
        RuntimeError,
    ) as error:  # what a user can mend: input, a full disk, a diverged run
        if isinstance(error, RuntimeError) and not type(error).__module__.startswith("asglib"):
            raise  # no error of ours: a defect, whose traceback must be seen
        print(f"asglib: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("python -m asglib", description="The ASG reproducibility study.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument(
        "--data", metavar="FOLDER", help="where the data sets lie (default: ASG_DATA)"
    )
    places.add_argument(
        "--runs",
        metavar="FOLDER",
        help="where runs and caches go (default: ASG_RUNS or runs/ of this clone)",
    )
    places.add_argument("--device", help="cpu, cuda or cuda:1 (default: the GPU when there is one)")
    profiled = argparse.ArgumentParser(add_help=False)
    profiled.add_argument(
        "--profile",
        default="smoke",
        metavar="NAME",
        help=f"{', '.join(PROFILES)} (default smoke); with seeds: small:0,1,2,3,4",
    )

    def add(name: str, command, text: str, *parents) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, parents=parents)
        sub.set_defaults(command=command)
        return sub

    sub = add(
        "reproduce",
        _reproduce,
        "Run the study: compute the runs, execute the notebooks, render the HTML.",
        places,
        profiled,
    )
    sub.add_argument(
        "--only", nargs="+", metavar="NN", help="these notebooks only, and the runs they need"
    )
    sub.add_argument("--seeds", metavar="0,1,2", help="other pretraining seeds than the profile's")
    sub.add_argument(
        "--set",
        nargs="+",
        metavar="NAME=VALUE",
        default=[],
        help="notebook parameters; unknown ones are refused",
    )
    sub.add_argument(
        "--found",
        action="store_true",
        help="compute nothing: render the runs that are there, name the others",
    )
    sub.add_argument(
        "--workers", type=int, help="runs at a time (default: one a core, or one on a GPU)"
    )
    sub.add_argument("--out", metavar="FOLDER", help="default reports/html/PROFILE")
    sub.add_argument(
        "--dry-run",
        action="store_true",
        help="print every run with clips, steps, hours and disk; run nothing",
    )
    sub.add_argument(
        "--views-per-second",
        type=float,
        default=1900.0,
        metavar="N",
        help="of --dry-run: 257 x 300 spectrograms a second through forward and backward (default 1900, one H100)",
    )
    sub = add(
        "pretrain",
        _pretrain,
        "One pretraining run; under torchrun all processes share its batch.",
        places,
        profiled,
    )
    sub.add_argument("--method", default="ASG")
    sub.add_argument("--seed", type=int, default=0)
    sub = add(
        "prepare",
        _prepare,
        "Check a data set: index, headers, decoding, a report of what is wrong.",
        places,
    )
    sub.add_argument("name")
    sub.add_argument("--convert", metavar="FOLDER", help="also write 16 kHz mono FLAC there, once")
    sub.add_argument(
        "--download",
        action="store_true",
        help="fetch it first, where a stable public address exists",
    )
    sub.add_argument("--workers", type=int)
    add("doctor", _doctor, "The machine and every data set at a glance.", places)
    add(
        "publish",
        _publish,
        "Copy the records of finished runs to reports/records and render README's scorecard.",
        places,
        profiled,
    )
    sub = add(
        "check",
        _check,
        "Look for what a report must not have: error cells, missing alt text, outside addresses.",
    )
    sub.add_argument("folder")
    return top


def _place(a: argparse.Namespace):
    from asglib.data.workspace import Workspace

    for name, value in (("ASG_DATA", a.data), ("ASG_RUNS", a.runs), ("ASG_DEVICE", a.device)):
        if value:  # through the environment, so that the notebooks' kernels see the same
            os.environ[name] = value if name == "ASG_DEVICE" else str(Path(value).resolve())
    if (data := os.environ.get("ASG_DATA")) and not Path(data).is_dir():
        raise FileNotFoundError(
            f"the data root {data} does not exist; give --data the folder that holds the data sets."
        )
    return Workspace.here()


def _reproduce(a: argparse.Namespace) -> int:
    from asglib.study import build as study
    from asglib.study import forecast, pool, profiles
    from asglib.study.report.display import Progress

    name = a.profile + (f":{a.seeds}" if a.seeds else "")
    profile, place = profiles.profile(name), _place(a)
    if a.found:
        os.environ["ASG_COMPUTE"] = "0"
    root = Path(__file__).parents[1]
    progress = Progress("runs", every=15.0)
    _, chosen = study.find(root / "notebooks", a.only)
    ensure = pool.Ensurer(profile, place, [path.stem for path in chosen], a.workers, progress)
    if a.dry_run:
        table = forecast.forecast(ensure.together, place, a.views_per_second)
        print(table.to_string(index=False, float_format="{:.2f}".format))
        print(forecast.summary(table))
        return 0
    parameters = dict(pair.split("=", 1) for pair in a.set if "=" in pair)
    if len(parameters) != len(a.set):
        raise ValueError(f"--set takes NAME=VALUE, got {' '.join(a.set)}.")
    parameters = {key: study.literal(value) for key, value in parameters.items()}
    out = Path(a.out) if a.out else root / "reports" / "html" / profile.name
    return study.reproduce(name, root / "notebooks", out, a.only, parameters, ensure=ensure)


def _pretrain(a: argparse.Namespace) -> None:
    from dataclasses import replace

    from asglib import config
    from asglib import processes as distributed
    from asglib.study import plans, profiles, runs

    place, world = _place(a), int(os.environ.get("WORLD_SIZE", "1"))
    run = plans.pretraining(profiles.profile(a.profile), a.method, a.seed)
    if run.batch < 2 * world:
        raise config.ConfigError(
            f"batch {run.batch} cannot be shared by {world} processes: each needs two clips, "
            f"so start at most {run.batch // 2}."
        )
    with distributed.joined(place.device) as device:
        place = replace(place, device=device)
        tell = (
            print if distributed.rank_and_world()[0] == 0 else lambda *words, **how: None
        )  # one speaks for all
        _, record = runs.trained(run, place, lambda row: tell(_step(row), flush=True))
        tell(f"{record['run']}: {record['steps']} steps, final loss {record['final_loss']}")


def _step(row: dict) -> str:
    return f"{row['run']} step {row['step']}/{row['steps']} epoch {row['epoch']:.2f} loss {row['loss']:.4f}"


def _prepare(a: argparse.Namespace) -> None:
    from asglib.data import download
    from asglib.data.prepare import prepare

    place = _place(a)
    if place.data is None:
        raise FileNotFoundError("no data root is given; pass --data FOLDER or set ASG_DATA.")
    if a.download:
        download.download(a.name, place.data)
    prepare(a.name, place.data, place.cache, a.workers, Path(a.convert) if a.convert else None)


def _doctor(a: argparse.Namespace) -> None:
    from asglib.data.doctor import doctor
    from asglib.study import forecast, plans, profiles

    place, paper = _place(a), profiles.profile("paper")
    doctor(place.data, place.cache)
    tables = {number: forecast.forecast(plan(paper), place) for number, plan in plans.PLANS.items()}
    whole = forecast.forecast(plans.everything(paper), place)
    print(
        f"What the paper profile would run with these data, by notebook:\n{forecast.states(tables | {'all': whole})}"
    )
    print(forecast.summary(whole).splitlines()[0])


def _publish(a: argparse.Namespace) -> None:
    from asglib.study import profiles, questions, scorecard

    root, profile = Path(__file__).parents[1], profiles.profile(a.profile)
    folder = root / "reports" / "records" / profile.name
    place = _place(a)
    print(f"{scorecard.publish(profile, place, folder)} records in {folder}")
    scorecard.write_readme(root / "README.md", folder)
    picture = questions.four_moves(place)
    picture.savefig(root / "reports" / "four_moves.png", dpi=80, bbox_inches="tight")


def _check(a: argparse.Namespace) -> int:
    from asglib.study import report

    problems = report.check(Path(a.folder))
    print("\n".join(problems) or f"{a.folder}: nothing wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
