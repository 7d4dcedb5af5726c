"""The command line: `python -m asglib COMMAND --help` says all."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from asglib.counting import counted
from asglib.study import arguments as words
from asglib.study.children import stoppable

ROOT = Path(__file__).parents[1]


def main(given: list[str] | None = None) -> int:
    """Run one command; bad input is one sentence on standard error and exit status 2."""
    try:
        options = parser().parse_args(given)
        return options.command(options) or 0
    except (ValueError, OSError) as error:  # what a user can mend: input, a full disk
        told = error
    except RuntimeError as error:
        if not type(error).__module__.startswith("asglib"):
            raise  # no error of ours: a defect, whose traceback must be seen
        told = error
    print(f"asglib: {told}", file=sys.stderr)
    return 2


def parser() -> words.Parser:
    top = words.Parser("python -m asglib", description="The ASG reproducibility study.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for command, groups in COMMANDS.items():
        text = command.__doc__
        sub = commands.add_parser(command.__name__, help=text, description=text)
        sub.set_defaults(command=command)
        for group in groups:
            group(sub.add_argument)
    return top


def reproduce(options: argparse.Namespace) -> int:
    """Run the study: compute the runs, execute the notebooks, render the HTML."""
    from asglib.study import build, forecast, needed, profiles
    from asglib.study.records import load_records

    name = options.profile + (f":{options.seeds}" if options.seeds else "")
    chosen_profile, workspace = profiles.profile(name), words.workspace_of(options)
    _, chosen = build.find(ROOT / "notebooks", options.only)
    values = dict(options.set)
    for notebook in chosen if values else []:
        words.check_parameters(notebook, values)
    if options.dry_run:
        runs = needed.needs(chosen, chosen_profile)
        records = records_of(chosen_profile.name)
        published = load_records(records) if records.exists() else []
        table = forecast.forecast(runs, workspace, options.views_per_second, published)
        print(table.to_string(index=False, float_format="{:.2f}".format, na_rep="–"))
        print(forecast.summary(table))
        print(forecast.memory_of(runs))
        return 0
    if options.scheduler:
        os.environ["ASG_SCHEDULER"] = options.scheduler  # the kernels of notebooks hear it too
    out = Path(options.out or ROOT / "reports" / "html" / chosen_profile.name)
    many = options.workers, print, options.again
    return build.reproduce(name, ROOT / "notebooks", out, options.only, values, workspace, *many)


def work(options: argparse.Namespace) -> None:
    """Compute the runs of commands on other machines: a process a GPU or core of this one."""
    import tempfile

    from asglib.study import cluster

    with tempfile.TemporaryDirectory() as folder:
        here = words.workspace_of(options)
        many = options.workers, Path(folder), here.processes
        cluster.work(options.scheduler, here.device, *many)


def pretrain(options: argparse.Namespace) -> None:
    """One pretraining run; under torchrun all processes share its batch."""
    from dataclasses import replace

    from asglib import processes
    from asglib.data import index
    from asglib.study import notes, plans, profiles, runs

    workspace, world = words.workspace_of(options), int(os.environ.get("WORLD_SIZE", "1"))
    corpus = options.corpus
    if corpus and corpus not in index.DATASETS and Path(corpus).is_dir():
        corpus, root = index.of_folder(Path(corpus))
        workspace = replace(workspace, data=root)
    profile = profiles.profile(options.profile)
    run = plans.pretraining(profile, options.method, options.seed, corpus=corpus)
    runs.check_shares(run, world)
    with processes.joined(workspace.device) as own:
        workspace = replace(workspace, device=own)
        speaks = processes.rank_and_world()[0] == 0  # one speaks for all

        def tell(row: dict) -> None:
            if speaks:
                where = f"step {row['step']}/{row['steps']} epoch {row['epoch']:.2f}"
                print(f"{row['run']} {where} loss {row['loss']:.4f}", flush=True)

        _, record = runs.trained(run, workspace, tell)
        if speaks:
            for sentence in notes.left_out(record["corpus"], record):
                print(sentence)
            print(f"{record['run']}: {record['steps']} steps, final loss {record['final_loss']}")


def prepare(options: argparse.Namespace) -> None:
    """Check a data set: index, headers, decoding, a report of what is wrong."""
    from asglib.data import download
    from asglib.data import prepare as sets

    workspace = words.workspace_of(options)
    if workspace.data is None:
        raise FileNotFoundError("no data root is given; pass --data FOLDER or set ASG_DATA.")
    if options.download:
        download.download(options.name, workspace.data)
    convert = Path(options.convert) if options.convert else None
    sets.prepare(options.name, workspace.data, workspace.cache, options.workers, convert)


def doctor(options: argparse.Namespace) -> None:
    """The machine and every data set at a glance."""
    from asglib.data import doctor as machine
    from asglib.study import forecast, profiles
    from asglib.study.plans import PLANS

    workspace, paper = words.workspace_of(options), profiles.profile("paper")
    machine.doctor(workspace.data, workspace.cache)
    tables = {name: forecast.forecast(plan(paper), workspace) for name, plan in PLANS.items()}
    print("What the paper profile would run with these data, by notebook:")
    print(forecast.states(tables))
    print(forecast.summary(tables["all"]).splitlines()[0])


def records_of(profile: str) -> Path:
    """The table of a profile's published records."""
    return ROOT / "reports" / "records" / f"{profile}.parquet"


def publish(options: argparse.Namespace) -> None:
    """Copy the records of finished runs to reports/records and render README's scorecard."""
    from asglib.study import profiles, questions, report, scorecard
    from asglib.study import publish as publishing

    named, workspace = profiles.profile(options.profile), words.workspace_of(options)
    records = records_of(named.name)
    print(f"{counted(publishing.publish(named, workspace, records), 'record')} in {records}")
    if named.evidence:
        scorecard.write_readme(ROOT / "README.md", records)
    else:
        print(f"README's scorecard stays: {named.name} is no evidence")
    report.site(ROOT / "reports" / "html")
    picture = questions.four_moves(workspace)
    picture.savefig(ROOT / "reports" / "four_moves.png", dpi=80, bbox_inches="tight")


def restore(options: argparse.Namespace) -> None:
    """Copy published records into the folder of runs, from where a study goes on."""
    from asglib.study import profiles
    from asglib.study import publish as publishing

    named, workspace = profiles.profile(options.profile), words.workspace_of(options)
    records = records_of(named.name)
    written, there = publishing.restore(named, workspace, records)
    told = f"{counted(written, 'record')} written to {workspace.runs}"
    print(f"{told}, which has {there:,} of {records} now")


def check(options: argparse.Namespace) -> int:
    """Look for what a report must not have: error cells, missing alt text, outside addresses."""
    from asglib.study import report

    found = report.check(Path(options.folder))
    print("\n".join(found) or f"{options.folder}: nothing wrong")
    return 1 if found else 0


def embed(options: argparse.Namespace) -> int:
    """Embeddings of sound files as a table; status 1 when some cannot be decoded."""
    from asglib import embedding

    workspace = words.workspace_of(options)
    table = embedding.embed(
        options.files,
        embedding.encoder_file(options.encoder, workspace.runs),
        options.out,
        options.seconds,
        options.segments,
        workspace.device,
    )
    print(embedding.summary(table, options.out))
    return 1 if table.attrs["bad"] else 0


def export(options: argparse.Namespace) -> None:
    """Write a saved encoder as ONNX: waves in, embeddings out."""
    from asglib import embedding, exporting, load

    named = embedding.encoder_file(options.encoder, words.workspace_of(options).runs)
    exporting.export(load(named), options.out)


def card(options: argparse.Namespace) -> None:
    """The model card of a method's encoder, from the published records."""
    from asglib.files import write_atomically
    from asglib.study import card as cards
    from asglib.study import profiles
    from asglib.study.records import load_records

    records = records_of(profiles.profile(options.profile).name)
    text = cards.card(load_records(records), options.method)
    if options.out:
        write_atomically(Path(options.out), lambda out: out.write_text(text, encoding="utf-8"))
    else:
        print(text, end="")


COMMANDS = {
    reproduce: (
        words.folders,
        words.profiled,
        words.several,
        words.shared,
        words.compiling,
        words.batch,
    ),
    work: (words.folders, words.several, words.shared, words.of_scheduler),
    pretrain: (words.folders, words.profiled, words.compiling, words.one_run),
    prepare: (words.folders, words.several, words.one_set),
    doctor: (words.folders,),
    publish: (words.folders, words.profiled, words.compiling),
    restore: (words.folders, words.profiled, words.compiling),
    check: (words.reports,),
    embed: (words.folders, words.recordings),
    export: (words.folders, words.exported),
    card: (words.profiled, words.carded),
}


if __name__ == "__main__":
    sys.exit(stoppable(main))
