"""Which records are the rows of a table: those of one system, or of two that are subtracted."""

from asglib.study import plans, systems
from asglib.study.profiles import ABLATION, Profile


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


def systems_of(profile: Profile, paper: str = "") -> dict[str, dict]:
    """The systems of a table by label: of one paper, or ("") one of each kind; controls first.

    A label names the corpus where it is not the profile's.
    """
    methods = [*plans.CONTROLS, "untrained CPC", "untrained A2V", *systems.SYSTEMS]
    if paper:
        methods = [*plans.CONTROLS, systems.CONTROL[paper], *profile.compared[paper]]
    found = {}
    for method in dict.fromkeys([*methods, "NONE", "ASG"]):
        made = system(profile, method)
        usual = made["corpus"] in ("", profile.pretraining.corpus)
        found[method if usual else f"{method}, {made['corpus']}"] = made
    return found


def above_control(profile: Profile, paper: str) -> dict[str, tuple[dict, dict]]:
    """{"method - control": both systems}: what training added to random weights."""
    found = {}
    for method in (*profile.compared[paper], "NONE", "ASG"):
        control = "untrained" if method in ABLATION else systems.CONTROL[paper]
        found[f"{method} - {control}"] = system(profile, method), system(profile, control)
    return found


def corpora_apart(profile: Profile, paper: str) -> dict[str, tuple[dict, dict]]:
    """{"method - method, second corpus": both systems}, where the profile has a second corpus."""
    second, found = profile.compared_corpora.get(paper), {}
    for method in systems.SECOND_CORPUS.get(paper, ()) if second else ():
        own = system(profile, method)
        found[f"{method} - {method}, {second}"] = own, own | {"corpus": second}
    return found
