"""One file a method; METHODS is the order of the result tables."""

from asglib.methods import asg, supervised
from asglib.methods.contract import table

METHODS = table(
    ("NONE", asg.Settings(moves=())),
    ("ST", asg.Settings(moves=("ST",))),
    ("FT", asg.Settings(moves=("FT",))),
    ("SF", asg.Settings(moves=("SF",))),
    ("FF", asg.Settings(moves=("FF",))),
    ("ASG", asg.Settings(moves=("FT", "FF", "SF"))),
    ("Sup.", supervised.Settings()),
    ("untrained", asg.Settings(moves=())),  # a run of 0 epochs
)
