"""Figures hold the data they were given: what is drawn is read back from the figure."""

import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from contrast import contrast
from matplotlib.colors import to_hex, to_rgb
from matplotlib.markers import MarkerStyle
from matplotlib.text import Text

from asglib.config import Frontend
from asglib.methods import METHODS
from asglib.study import figures
from asglib.study.figures import style, views

LINEAR, MEL = Frontend(), Frontend(n_mels=64)


def ramp(bins=257, frames=80, top=0.0):
    """A spectrogram [F, T] whose cells all differ, the largest `top` (natural log of power)."""
    return (
        np.arange(bins * frames, dtype=float).reshape(bins, frames) / (bins * frames) * 20
        - 20
        + top
    )


def panels_of(figure):
    """The axes that hold a picture, without those of colour bars."""
    return [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]


@pytest.mark.parametrize("methods", [0, 40])
def test_every_system_has_a_colour_and_a_marker_of_its_own_that_show_on_white(methods, monkeypatch):
    for number in range(methods - len(METHODS)):
        monkeypatch.setitem(METHODS, f"new{number}", None)
    systems = [*METHODS, "spectrogram"]
    look = figures.looks(systems)
    marks = [MarkerStyle(look["markers"][system]) for system in systems]
    shapes = [mark.get_path().transformed(mark.get_transform()) for mark in marks]
    drawn = [shape.vertices.round(6).tobytes() for shape in shapes]
    main = [systems.index(system) for system in style.MAIN]
    assert len({drawn[number] for number in main}) == len(main) == 9
    assert len(set(drawn)) > 20, "beyond that a marker comes again, in another colour"
    assert len({to_hex(look["palette"][system]) for system in systems}) == len(systems)
    assert all(contrast("white", colour) > 2 for colour in look["palette"].values())


def test_a_row_looks_like_the_system_that_it_is_named_after():
    asg = figures.looks(["ASG"])
    for label in ("ASG, mel", "ASG - NONE", "ASG alike"):
        found = figures.looks([label])
        assert found["palette"][label] == asg["palette"]["ASG"]
        assert found["markers"][label] == asg["markers"]["ASG"]
    assert figures.look("COLA stretch, mel") == figures.look("COLA stretch") != figures.look("COLA")
    assert figures.looks(["Wav2Vec2.0"])["palette"]["Wav2Vec2.0"] == style.OTHER


def test_a_spectrogram_is_shown_in_decibels_with_low_frequencies_below():
    given = ramp()
    (axis,) = panels_of(figures.spectrograms({"a clip": given}, LINEAR))
    (image,) = axis.images
    assert np.allclose(image.get_array(), 10 * np.log10(np.exp(given)))
    assert (
        image.origin == "lower"
        and axis.get_ylim()[0] < axis.get_ylim()[1]
        and axis.get_xlim()[0] < axis.get_xlim()[1]
    )
    assert axis.get_title("left") == "a clip" and image.get_cmap().name == "viridis"


@pytest.mark.parametrize("frontend", [LINEAR, Frontend(window=256, n_fft=256)])
def test_the_centre_of_a_cell_lies_at_its_time_and_frequency(frontend):
    (axis,) = panels_of(figures.spectrograms({"x": ramp(frontend.bins, 80)}, frontend))
    left, right, bottom, top = axis.images[0].get_extent()
    bins, frames = frontend.bins, 80
    centre = lambda low, high, cell, cells: low + (cell + 0.5) * (high - low) / cells  # noqa: E731
    assert np.isclose(centre(left, right, 0, frames), 0) and np.isclose(
        centre(left, right, 79, frames), 0.79
    )  # s
    assert np.isclose(centre(bottom, top, 0, bins), 0) and np.isclose(
        centre(bottom, top, bins - 1, bins), 8
    )  # kHz


def test_mel_bands_are_counted_and_named():
    figure = figures.spectrograms({"x": ramp(64)}, MEL)
    assert panels_of(figure)[0].images[0].get_extent()[2:] == [0.5, 64.5]
    assert figure.get_supylabel() == "mel band"
    assert figures.spectrograms({"x": ramp()}, LINEAR).get_supylabel() == "frequency (kHz)"


def test_compared_spectrograms_share_one_scale_with_units():
    figure = figures.spectrograms(
        {"loud": ramp(top=2), "soft": ramp(top=-3), "mean": ramp()}, LINEAR, columns=2
    )
    images = [axis.images[0] for axis in panels_of(figure) if axis.images]
    assert len(images) == 3 and len({image.get_clim() for image in images}) == 1
    low, high = images[0].get_clim()
    assert np.isclose(high, 10 * np.log10(np.exp(ramp(top=2))).max()) and high - low == views.RANGE
    (bar,) = (axis for axis in figure.axes if axis.get_label() == "<colorbar>")
    assert bar.get_ylabel() == "level (dB)" and figure.get_supxlabel() == "time (s)"
    assert [axis.axison for axis in panels_of(figure)] == [
        True,
        True,
        True,
        False,
    ]  # no empty frame


def test_curves_go_through_the_means_of_the_seeds_within_their_t_interval():
    lines = [("NONE", "SF", seed, x, y) for seed, y in enumerate((1.0, 3.0)) for x in (0, 10)]
    lines += [("ASG", "SF", 0, 0, 5.0), ("ASG", "SF", 0, 10, 7.0), ("ASG", "ST", 0, 0, 2.0)]
    table = pd.DataFrame(lines, columns=["row", "column", "seed", "x", "value"])
    figure = figures.curves(table, "shift", "similarity", zero=True)
    one, other = figure.axes
    assert [axis.get_title("left") for axis in figure.axes] == ["SF", "ST"]
    assert (one.get_xlabel(), one.get_ylabel()) == ("shift", "similarity")
    none, asg = one.lines[:2]
    assert none.get_ydata().tolist() == [2, 2] and asg.get_ydata().tolist() == [5, 7]
    assert to_rgb(none.get_color()) == figures.looks(["NONE"])["palette"]["NONE"]
    half = (
        12.7062  # the 97.5 percent point of Student's t with one degree of freedom; s / sqrt 2 = 1
    )
    band = one.collections[0].get_paths()[0].vertices[:, 1]
    assert np.allclose([np.nanmin(band), np.nanmax(band)], [2 - half, 2 + half], atol=1e-3)
    assert set(one.lines[-1].get_ydata()) == {0}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["NONE", "ASG"]
    assert "nothing is measured" in figures.curves(table[:0], "").axes[0].texts[0].get_text()


def test_many_points_have_no_markers():
    table = pd.DataFrame({"row": "ASG", "column": "loss", "x": range(100), "value": 1.0})
    few, many = (figures.curves(part, "step").axes[0].lines[0] for part in (table[:9], table))
    assert few.get_marker() not in ("", "None") and many.get_marker() in ("", "None")


def pixels(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return plt.imread(io.BytesIO(buffer.getvalue()))


def test_the_theme_holds_against_a_readers_own_settings_and_leaves_them_alone():
    def drawn():
        return pixels(figures.spectrograms({"a": ramp(9, 9)}, LINEAR))

    usual = drawn()
    theirs = {
        "savefig.transparent": True,
        "savefig.facecolor": "black",
        "font.size": 30,
        "font.family": "monospace",
        "xtick.labelsize": 30,
        "axes.unicode_minus": False,
        "axes.spines.top": True,
    }
    with matplotlib.rc_context(theirs):
        assert np.array_equal(usual, drawn())
        assert matplotlib.rcParams["font.size"] == 30
        assert matplotlib.rcParams["savefig.transparent"]
    assert (usual[..., 3] == 1).all() and usual[0, 0, :3].tolist() == [1, 1, 1]


def test_letters_can_be_read_on_a_narrow_screen():
    figure = figures.spectrograms({"a": ramp(9, 9)}, LINEAR)
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    assert min(sizes) >= 8
