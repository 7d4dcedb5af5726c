"""One file a method; METHODS is the order of the result tables."""

from asglib.methods import (
    asg,
    audio2vec,
    autoencoder,
    byol_a,
    cola,
    cpc,
    multi_head,
    supervised,
    temporal_gap,
    triplet,
)
from asglib.methods.contract import table

METHODS = table(
    ("NONE", asg.Settings(moves=())),
    ("ST", asg.Settings(moves=("ST",))),
    ("FT", asg.Settings(moves=("FT",))),
    ("SF", asg.Settings(moves=("SF",))),
    ("FF", asg.Settings(moves=("FF",))),
    ("ASG", asg.Settings(moves=("FT", "FF", "SF"))),
    ("Sup.", supervised.Settings()),
    ("NONE x2", asg.Settings(moves=())),  # trained for twice the epochs: as much work as ASG
    ("COLA", cola.Settings()),
    ("COLA stretch", cola.Settings(("stretch",))),
    ("COLA rir", cola.Settings(("rir",))),
    ("COLA mask", cola.Settings(("mask",))),
    ("COLA stretch+mask", cola.Settings(("stretch", "mask"))),
    ("BYOL-A", byol_a.Settings()),
    ("CPC", cpc.Settings()),
    ("CPC local", cpc.Settings(negatives="local")),
    ("CPC exclusive", cpc.Settings(negatives="exclusive")),
    ("CPC dot", cpc.Settings(similarity="dot", temperature=1.0)),
    ("CPC gauss", cpc.Settings(noise_db=-55.0)),
    ("CPC adv-75", cpc.Settings(epsilon_db=-75.0)),
    ("CPC adv-65", cpc.Settings(epsilon_db=-65.0)),
    ("CPC adv-55", cpc.Settings(epsilon_db=-55.0)),
    ("CPC adv-45", cpc.Settings(epsilon_db=-45.0)),
    ("CPC adv-35", cpc.Settings(epsilon_db=-35.0)),
    ("CBoW", audio2vec.Settings("cbow")),
    ("SG", audio2vec.Settings("skip-gram")),
    ("TemporalGap", temporal_gap.Settings()),
    ("Triplet", triplet.Settings()),
    ("AutoEncoder", autoencoder.Settings()),
    ("MultiHead", multi_head.Settings()),
    ("untrained COLA", cola.Settings()),  # runs of 0 epochs, one an encoder
    ("untrained BYOL-A", byol_a.Settings()),
    ("untrained CPC", cpc.Settings()),
    ("untrained A2V", autoencoder.Settings()),
    ("untrained", asg.Settings(moves=())),
)
