"""Figures hold the data they were given: what is drawn is read back from the figure."""

import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
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


def record(method, seed=0, low=0.2):
    curve = list(np.linspace(1, low, 3))
    return {
        "method": method,
        "seed": seed,
        "shifts": [0.0, 0.1, 0.5],
        "curves": {"SF": curve, "ST": curve[::-1], "FT": [0.4], "FF": [low]},
    }


def luminance(colour):
    """Relative luminance of a colour (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot((0.2126, 0.7152, 0.0722), linear)


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
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in look["palette"].values())


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


def test_lines_are_the_given_numbers_in_the_methods_colours():
    given = {
        "loss": {"NONE": ([0, 1, 2], [3.0, 2.0, 1.5]), "ASG": ([0, 1, 2], [4.0, 2.5, 2.0])},
        "alignment": {"ASG": ([0, 2], [0.3, 0.1])},
    }
    figure = figures.lines(
        given, "epoch", ("NT-Xent", "distance"), levels={"NONE alike": 1.9}, marks=[1.5]
    )
    for axis, (title, curves), ylabel in zip(figure.axes, given.items(), ("NT-Xent", "distance")):
        assert (axis.get_title("left"), axis.get_xlabel(), axis.get_ylabel()) == (
            title,
            "epoch",
            ylabel,
        )
        for line, (method, (x, y)) in zip(axis.lines, curves.items()):
            assert (
                list(line.get_xdata()) == x
                and list(line.get_ydata()) == y
                and line.get_label() == method
            )
            assert to_rgb(line.get_color()) == figures.looks([method])["palette"][method]
        assert list(axis.lines[len(curves)].get_xdata()) == [1.5, 1.5]
    level = figure.axes[0].lines[-1]
    assert set(level.get_ydata()) == {1.9}
    assert to_rgb(level.get_color()) == figures.looks(["NONE"])["palette"]["NONE"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["NONE", "ASG"]


def test_shift_curves_show_the_mean_and_every_seed():
    records = [record("NONE", 0, 0.2), record("NONE", 1, 0.6), record("ASG", 0, 0.1)]
    figure = figures.shift_curves(records)
    along_frequency, along_time, flipped = figure.axes
    none, asg = along_frequency.lines[:2]
    assert list(none.get_xdata()) == [0, 10, 50] and np.allclose(none.get_ydata(), [1, 0.7, 0.4])
    assert np.allclose(asg.get_ydata(), [1, 0.55, 0.1])
    assert np.allclose(along_time.lines[0].get_ydata(), [0.4, 0.7, 1])
    (seeds,) = along_frequency.collections
    wanted = [(0, 1), (10, 0.6), (50, 0.2), (0, 1), (10, 0.8), (50, 0.6), (0, 1), (10, 0.55)]
    assert np.allclose(seeds.get_offsets(), [*wanted, (50, 0.1)])
    palette = figures.looks(["NONE", "ASG"])["palette"]
    colours = [palette["NONE"]] * 6 + [palette["ASG"]] * 3
    assert np.allclose(seeds.get_facecolors()[:, :3], colours)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["NONE", "ASG"]
    assert "%" in along_frequency.get_xlabel() and "similarity" in along_frequency.get_ylabel()


def test_flips_show_the_mean_and_above_and_below_it_the_seeds():
    records = [record("NONE", 0, 0.2), record("NONE", 1, 0.6), record("ASG", 0, 0.1)]
    flipped = figures.shift_curves(records).axes[2]
    assert [tick.get_text() for tick in flipped.get_xticklabels()] == ["FT", "FF"]
    none, asg = flipped.lines[:2]
    assert np.allclose(none.get_ydata(), [0.4, 0.4]) and np.allclose(asg.get_ydata(), [0.4, 0.1])
    assert np.allclose(none.get_xdata(), [-0.2, 0.8]) and np.allclose(asg.get_xdata(), [0.2, 1.2])
    spots = [spot for part in flipped.collections for spot in part.get_offsets().tolist()]
    wanted = [(-0.2, 0.4), (-0.2, 0.4), (0.8, 0.2), (0.8, 0.6), (0.2, 0.4), (1.2, 0.1)]
    assert np.allclose(sorted(spots), sorted(wanted))


def test_answers_fill_each_bar_to_the_whole():
    figure = figures.answers({"FT: direction": {"NONE": (0.5, 0.2, 0.9), "ASG": (0.75, 0.25, 1.0)}})
    (axis,) = figure.axes
    new, other, old = (list(bars) for bars in axis.containers)
    assert [bar.get_width() for bar in new] == [50, 75]
    assert np.allclose([bar.get_width() for bar in other], [30, 0])
    assert np.allclose([(bar.get_x(), bar.get_width()) for bar in old], [(80, 20), (75, 25)])
    assert axis.collections[0].get_offsets().tolist() == [[90, 0], [100, 1]]
    assert axis.get_xlim() == (0, 100)
    names = {y: text.get_text() for y, text in zip(axis.get_yticks(), axis.get_yticklabels())}
    assert [names[bar.get_y() + bar.get_height() / 2] for bar in new] == ["NONE", "ASG"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first one on top"


def test_a_histogram_counts_and_marks_its_limits():
    figure = figures.histograms({"SF": ([1, 1, 2], [0.5, 1.5, 2.5], (1, 2))}, ["length (bins)"])
    (axis,) = figure.axes
    assert [patch.get_height() for patch in axis.patches] == [2, 1]
    assert [line.get_xdata()[0] for line in axis.lines] == [1, 2]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("length (bins)", "draws")


def test_the_similarity_matrix_shows_roles_and_cosines():
    kinds = np.array([[0, 1, 3, 2], [1, 0, 2, 3], [3, 2, 0, 1], [2, 3, 1, 0]])
    cosines = np.linspace(-1, 1, 16).reshape(4, 4)
    figure = figures.batch_similarity(
        kinds, {"ASG": cosines}, ("itself", "positive", "moved", "another"), ("x", "x_p")
    )
    roles, measured = panels_of(figure)
    colours = roles.collections[0].to_rgba(kinds)
    for kind, colour in enumerate(views.CELLS):
        assert {to_hex(cell).upper() for cell in colours[kinds == kind]} == {colour}
    assert np.array_equal(measured.collections[0].get_array(), cosines)
    assert measured.collections[0].get_clim() == (-1, 1)
    assert list(measured.get_xticks()) == [1, 3], "the middles of two parts of two rows"
    assert [text.get_text() for text in measured.get_yticklabels()] == ["x", "x_p"]
    bars = [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]
    assert [text.get_text() for text in bars[0].get_xticklabels()] == [
        "itself",
        "positive",
        "moved",
        "another",
    ]
    assert bars[1].get_xlabel() == "cosine similarity"


def test_dots_stand_in_the_row_of_their_factor():
    figure = figures.dots(
        {"ASG": {"register": 0.25, "order": 0.75}},
        "same label (%)",
        {"order": 0.5, "register": 0.125},
    )
    (axis,) = figure.axes
    names = {y: text.get_text() for y, text in zip(axis.get_yticks(), axis.get_yticklabels())}
    chance, asg = ({names[y]: x for x, y in part.get_offsets()} for part in axis.collections)
    assert list(names.values()) == ["order", "register"] and axis.get_ylim()[0] > axis.get_ylim()[1]
    assert chance == {"order": 50, "register": 12.5} and asg == {"order": 75, "register": 25}
    assert axis.get_xlabel() == "same label (%)" and axis.get_xlim() == (0, 100)


def pixels(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return plt.imread(io.BytesIO(buffer.getvalue()))


def test_the_theme_holds_against_a_readers_own_settings_and_leaves_them_alone():
    def drawn():
        return pixels(figures.histograms({"a": ([1], [0, 2], (0, 2))}, ["x"]))

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
    figure = figures.histograms({"a": ([1], [0, 2], (0, 2))}, ["x"])
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    assert min(sizes) >= 8
