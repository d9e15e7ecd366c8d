"""Display of objects in a console and in a notebook."""

from __future__ import annotations

from html import escape

MOST_LETTERS = 100  # of a line in a console


class Described:
    """Base of classes whose objects tell, in a few lines of a method `describe`, what a person asks first.

    The first line tells what the object is, the others have a name, a colon and a value.

    Examples
    --------
    >>> from gmmspeech.described import Described
    >>> class Voices(Described):
    ...     def describe(self):
    ...         return ["voices: 24 speakers", "language: English & German"]
    >>> Voices()
    <Voices: 24 speakers; language: English & German>
    >>> Voices()._repr_html_()
    '<b>Voices</b>: 24 speakers<table><tr><th>language</th><td>English &amp; German</td></tr></table>'
    """

    def _lines(self) -> list[str]:
        """Give the lines; a class may choose other ones than it has for people who look at a file."""
        lines: list[str] = self.describe()  # type: ignore[attr-defined]
        return lines

    def __repr__(self) -> str:
        title, *lines = self._lines()
        told = [_value(title), *lines]
        short = (line if len(line) <= MOST_LETTERS else f"{line[: MOST_LETTERS - 2]} …" for line in told)
        return f"<{type(self).__name__}: {'; '.join(short)}>"

    def __str__(self) -> str:  # that of a base that tells all
        return repr(self)

    def _repr_html_(self) -> str:
        title, *lines = self._lines()
        rows = (line.partition(": ") for line in lines)
        table = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, _, value in rows)
        return f"<b>{type(self).__name__}</b>: {escape(_value(title))}" + (f"<table>{table}</table>" if table else "")


def _value(title: str) -> str:
    """What a first line says after the kind of object, which its class tells."""
    return title.partition(": ")[2] or title
