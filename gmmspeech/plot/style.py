"""Shared parts of plots: colors, style, and Axes to draw on.

matplotlib is an optional extra and is loaded by the first plot. Every plot takes the Axes to draw on and returns them.
By default it makes a pyplot figure, shown by a notebook at the end of the cell, or by ``plt.show()``. A
`matplotlib.figure.Figure` of your own, unknown to pyplot, gets the size of the plot.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import told
from gmmspeech.errors import ConfigError, GmmSpeechWarning, counted, shown
from gmmspeech.files.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors, which people with any kind of color vision can tell apart. In gray print some are alike, so
# that curves differ by their dashes too, and components by their numbers.
INK, MUTED, TARGETS, NONTARGETS, THIRD = "#1f2328", "#80868f", "#0072b2", "#d55e00", "#009e73"
MORE = ("#cc79a7", "#e69f00", "#56b4e9")
DASHED, DOTTED, DASH_DOTTED = (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))
MAP = "cividis"  # of matrices: as bright as its values are large, for everyone

BELOW = 0.52  # inches from Axes to their legend, with room for the numbers and the name of the axis
NARROW = 4.2  # inches of room under which letters are small
SMALL = 8.0  # points
DRAWN_POINTS = 600  # across a picture; a curve is not drawn finer than this

_STYLE = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "font.size": 10.0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


# For the scripts that matplotlib's own font lacks, where they are installed.
_MORE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei", "MS Gothic", "Malgun Gothic"),
    *("PingFang SC", "Hiragino Sans", "Noto Sans Devanagari", "Lohit Devanagari", "Nirmala UI", "Kohinoor Devanagari"),
    *("Noto Sans", "Arial Unicode MS", "FreeSans", "Unifont"),
)


@contextmanager
def drawing(**settings: object) -> Iterator[None]:
    """Set matplotlib to the look of our pictures, whatever the user's own settings are."""
    _check_installed()
    import matplotlib.style

    with matplotlib.style.context(["default", {**_STYLE, "font.family": _fonts(), **settings}]):
        yield


@functools.cache
def _fonts() -> list[str]:
    """Families of fonts, in which characters are looked for in turn."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return ["sans-serif", *(name for name in _MORE_FONTS if name in installed)]


def _warn_of_boxes(figure: Figure) -> None:
    """Warn of characters that no font has."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.text import Text

    own = [get_font(findfont(FontProperties(family=[name]))) for name in _fonts()]
    texts = "".join(text.get_text() for text in figure.findobj(Text))
    lacking = [c for c in dict.fromkeys(texts) if c.isprintable() and not any(f.get_char_index(ord(c)) for f in own)]
    if lacking:
        found = f"{counted(len(lacking), 'character')} that no font has, drawn as boxes: {shown(' '.join(lacking))}"
        warnings.warn(f"picture: found {found}; expected a font of theirs, such as Noto Sans", GmmSpeechWarning)


def _check_installed() -> None:
    try:
        import matplotlib.style  # noqa: F401
    except ImportError as error:
        raise ConfigError("found no matplotlib, which pictures need: pip install 'gmmspeech[plot]'") from error


@contextmanager
def drawing_on(ax: Axes | Figure | None, width: float, height: float) -> Iterator[Axes]:
    """Give the Axes to draw on, in our look: those given, one on a given empty figure, or one on a new figure.

    Width and height, in inches, are those of a figure that has no other Axes.
    """
    _check_installed()
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    opened = None
    if ax is None:  # not within our settings: a notebook's first figure sets some to stay
        from matplotlib import pyplot  # takes a while, and opens what only people look at

        ax = opened = pyplot.figure()
        opened.set_facecolor("white")
    size = SMALL if isinstance(ax, Axes) and room(ax) < NARROW else None
    with drawing(**({"font.size": size} if size else {})):
        if isinstance(ax, Axes):
            found = ax
        elif isinstance(ax, Figure) and not ax.axes:
            ax.set_size_inches(width, height)
            ax.set_layout_engine("constrained")
            found = ax.add_subplot()
        else:
            raise ConfigError(f"ax: found {told(ax)}, expected Axes of matplotlib, an empty Figure, or None")
        _dress(found, size)
        try:
            yield found
        except BaseException:
            if opened is not None:  # a notebook would show what there is of it
                pyplot.close(opened)
            raise


def figure_of(picture: Callable[..., Axes], *arguments: Any, **options: Any) -> Figure:
    """Draw a picture on a figure of its own, of which pyplot knows nothing: nothing opens, nothing is to be closed."""
    with drawing():
        from matplotlib.figure import Figure
    figure = Figure()
    picture(*arguments, **options, ax=figure)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write a picture in the format that its suffix says, atomically."""
    suffix, known = os.path.splitext(path)[1].lower(), figure.canvas.get_supported_filetypes()
    if suffix.removeprefix(".") not in known:
        expected = ", ".join(f".{name}" for name in known)
        raise ConfigError(f"{os.fspath(path)}: found suffix {shown(repr(suffix))}, expected one of {expected}")
    with drawing(), atomic_path(path) as temporary, warnings.catch_warnings():
        _warn_of_boxes(figure)
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(temporary, dpi=dpi)


def _dress(ax: Axes, size: float | None = None) -> None:
    """Give Axes our look for good: ticks are made when they are drawn, with the settings of then."""
    ax.tick_params(color=MUTED, labelcolor=INK)
    if size is not None:
        ax.tick_params(labelsize=size)
        ax.xaxis.label.set_fontsize(size)
        ax.yaxis.label.set_fontsize(size)
    for spine in ax.spines.values():
        spine.set_color(MUTED)


def rule(ax: Axes, axis: str = "both") -> None:
    """Draw the lines of a grid."""
    ax.grid(axis=axis, color=MUTED, alpha=0.3, linewidth=0.6)  # type: ignore[arg-type]


def legend(ax: Axes, columns: int = 2) -> None:
    """Tell what is drawn, beneath the Axes: no curve and no title is ever in its way."""
    from matplotlib.transforms import ScaledTranslation

    below = ax.transAxes + ScaledTranslation(0, -BELOW, ax.figure.dpi_scale_trans)
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "bbox_transform": below}
    for number in range(columns, 0, -1):  # as many as there is room for: a wider one would leave none to the Axes
        made = ax.legend(**place, ncols=number, handlelength=2.6, columnspacing=1.6, borderpad=0.0)
        if made.get_window_extent().width < ax.figure.dpi * room(ax):
            return


def room(ax: Axes) -> float:
    """Give the width, in inches, of the part of a figure that is for Axes and what is told around them."""
    spec = ax.get_subplotspec()
    share = ax.get_position().width if spec is None else len(spec.colspan) / spec.get_gridspec().ncols
    return float(share * ax.figure.bbox.width / ax.figure.dpi)


def stacked(ax: Axes, heights: Sequence[float], *, share: bool = True, gap: float = 0.0) -> list[Axes]:
    """Divide Axes into parts, from the top to the bottom; with `share` all have its time.

    Heights are relative, the gap between two parts is a share of all.
    """
    ax.set(yticks=[], facecolor="none")
    ax.spines[["left", "right", "top"]].set_visible(False)
    if not share:
        ax.axis("off")
    total = sum(heights) / (1 - gap * (len(heights) - 1))
    top, parts = 1.0, []
    for height in heights:
        top -= height / total
        part = ax.inset_axes((0.0, top, 1.0, height / total), sharex=ax if share else None)
        top -= gap
        _dress(part)
        part.patch.set_visible(False)  # which would hide the lower edge of the part above
        if share:
            part.tick_params(bottom=False, labelbottom=False)
        parts.append(part)
    return parts


def plain(text: str) -> str:
    """Keep matplotlib from reading formulas in a name."""
    return text.replace("$", r"\$")


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Drop points too near to the one before to be seen apart."""
    cells = np.round(np.column_stack([x, y]) * (DRAWN_POINTS / max(np.ptp(x), np.ptp(y)))).astype(int)
    keep = np.append(True, np.any(cells[1:] != cells[:-1], axis=1))
    keep[-1] = True
    return x[keep], y[keep]
