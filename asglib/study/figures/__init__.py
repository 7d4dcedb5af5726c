"""All figures: functions of arrays and tables that return a matplotlib Figure."""

from asglib.study.figures.heat import heat_maps
from asglib.study.figures.results import claims_chart, dot_intervals
from asglib.study.figures.style import look, looks, theme
from asglib.study.figures.views import curves, decibels, spectrograms
