"""Which records are the rows of a table: those of one system, or of two that are subtracted."""

from collections.abc import Callable, Mapping

import pandas as pd

from asglib.study import plans, systems
from asglib.study.profiles import Profile
from asglib.study.records import of_variants


def system(profile: Profile, method: str) -> dict:
    """How the records of one method are chosen: by front end, encoder and corpus of its own.

    >>> from asglib.study.profiles import SMOKE
    >>> system(SMOKE, "SG")
    {'method': 'SG', 'frontend': 'mel', 'encoder': 'audio2vec', 'corpus': 'toy-scenes'}
    """
    if method == "spectrogram":
        own = {"frontend": plans.front_end(profile, False).name, "encoder": "", "corpus": ""}
        return {"method": method} | own
    made = plans.pretraining(profile, method, 0)
    frontend = "waves" if method in systems.ON_WAVES else made.frontend.name
    own = {"frontend": frontend, "encoder": made.encoder, "corpus": made.corpus}
    return {"method": method} | own


def variant_of(profile: Profile, paper: str) -> Callable[[Mapping], str | None]:
    """A row of a table -> the name of the paper's variant that it is of; "": its systems as they
    are; None: evaluated in another paper's way, or another paper's variant."""
    known = {"": systems.Variant(())} | profile.variants.get(paper, {})
    every = [one for by_name in profile.variants.values() for one in by_name.values()]
    special = {item for one in every for item in one.pretraining.items()}

    def name_of(row: Mapping) -> str | None:
        own = {(name, row[name]) for name in ("corpus", "encoder")} & special
        for name, one in known.items():
            how = profile.downstream(row["key"], row["setting"], paper, one.training)
            same = own == set(one.pretraining.items())
            if same and row["protocol"] == systems.protocol(how):
                return name
        return None

    return name_of


def in_the_way_of(table: pd.DataFrame, profile: Profile, paper: str = "") -> pd.DataFrame:
    """The evaluations made in a paper's way ("": in ASG's), its variants named."""
    return of_variants(table, variant_of(profile, paper))


def systems_of(profile: Profile, paper: str = "") -> dict[str, dict]:
    """The systems of a table by label: of one paper, or ("") one of each kind; controls first.

    A label names the corpus where it is not the profile's.
    """
    own = profile.compared[paper] if paper else systems.SYSTEMS
    methods = [*plans.CONTROLS, *systems.controls(own), *own, "NONE", "ASG"]
    found = {}
    for method in dict.fromkeys(methods):
        made = system(profile, method)
        usual = made["corpus"] in ("", profile.pretraining.corpus)
        found[method if usual else f"{method}, {made['corpus']}"] = made
    return found


def above_control(profile: Profile, paper: str) -> dict[str, tuple[dict, dict]]:
    """{"method - control": both systems}: what training added to random weights."""
    found = {}
    for method in (*profile.compared[paper], "NONE", "ASG"):
        control = systems.control(method)
        found[f"{method} - {control}"] = system(profile, method), system(profile, control)
    return found


def above_first(profile: Profile, paper: str) -> dict[str, tuple[dict, dict]]:
    """{"method - the plain system": both}: what a paper's changes of its first system add."""
    first, *others = profile.compared[paper]
    plain = system(profile, first)
    return {f"{method} - {first}": (system(profile, method), plain) for method in others}


def varied(profile: Profile, paper: str, name: str) -> dict[str, tuple[dict, dict]]:
    """{"method, name - method": both systems}: what a variant changes; {} without that variant."""
    one, found = profile.variants.get(paper, {}).get(name), {}
    for method in one.methods if one else ():
        own = system(profile, method)
        changed = own | one.pretraining | {"variant": name, "setting": one.setting}
        found[f"{method}, {name} - {method}"] = changed, own
    return found


def retrained(profile: Profile, paper: str) -> dict[str, dict]:
    """{label: system}: an encoder as it is, with its last layers trained on each task, and trained
    on that alone; {} without such variants."""
    found = {}
    for name, one in profile.variants.get(paper, {}).items():
        for method in one.methods if "last" in one.training else ():
            changed, own = varied(profile, paper, name)[f"{method}, {name} - {method}"]
            found |= {f"{method}, none": own, f"{method}, {name}": changed}
    if found:
        (name,) = systems.controls(profile.compared[paper])
        control = system(profile, name)
        found["all, from scratch"] = control | {"setting": "fine-tuned"}
    return found


def usual(profile: Profile, paper: str, records: list[dict]) -> list[dict]:
    """The pretrainings of a paper's systems, without those of its variants."""
    changes = [one.pretraining.items() for one in profile.variants.get(paper, {}).values()]
    return [one for one in records if not any(c and c <= one.items() for c in changes)]
