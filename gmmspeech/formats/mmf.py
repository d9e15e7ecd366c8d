"""HTK model files (MMF, text): diagonal mixtures, one for each state of an HMM (The HTK Book 3.4, chapter 7).

Reading supports HMMs of one stream with diagonal covariances; states, mixtures, means and variances may be shared by
macros (``~s``, ``~m``, ``~u``, ``~v``); transitions are ignored. Writing makes an HMM with one state for each mixture.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, ModelError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import is_holdable, parse_number, read_bytes
from gmmspeech.formats.htk_strings import QUOTE, escaped, split_names
from gmmspeech.gmm.mixture import DiagonalGMM

# what does not end goes on to the end of the file, so that nothing is looked at twice
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|<[^<>]*>|~\w|[^\s<"]+|<', re.DOTALL)
_BINARY_MACRO = re.compile(rb"~\w\s*(?:\"[^\"]*\"\s*)?:")
_EXPECTED = "diagonal mixtures in an MMF of HTK's, in text"
_STAY = 0.9  # the probability that the one state follows itself: where a mixture is all there is, it has no say
_UNSUPPORTED = {
    "INVCOVAR": "full covariances",
    "LLTCOVAR": "full covariances",
    "FULLC": "full covariances",
    "XFORM": "covariances with a transform",
    "STREAM": "several streams",
    "TMIX": "tied mixtures",
    "DPROB": "discrete probabilities",
}

Component = tuple[NDArray[np.float64], NDArray[np.float64]]  # mean, variance


def is_mmf(head: bytes) -> bool:
    """Say whether a file that begins with these bytes is, or means to be, a model file of HTK's."""
    return re.match(rb"\s*~[ohsmuvt]\b|\s*~[ohsmuvt]\s*[:<\"]", head) is not None


@checked
def read_mmf(path: str | os.PathLike[str]) -> dict[str, DiagonalGMM]:
    """Read the mixtures of HTK HMMs.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to DiagonalGMM
        Mixture by the name of the HMM; for several emitting states, by ``name[2]``, ``name[3]`` ..., with HTK's state
        numbers.

    Raises
    ------
    DataError
        The file is missing, truncated, binary (HTK's ``HHEd`` writes text without ``-B``), or contains anything other
        than diagonal mixtures of one stream; a macro is not defined; or a parameter is invalid. The message names the
        model and what was found.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/models.mmf"
    >>> gs.formats.write_mmf(path, {"ah": gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [0.25]])})
    >>> gs.formats.read_mmf(path)["ah"].means_
    array([[0.],
           [1.]])
    """
    name = os.fspath(path)
    content = read_bytes(path, expected=_EXPECTED)
    if b"\0" in content or _BINARY_MACRO.search(content):
        raise DataError(f"{name}: found a binary MMF, expected {_EXPECTED}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: found bytes that are no text (a binary MMF?), expected {_EXPECTED}") from error
    reader = _Reader(name, text)
    models = reader.read()
    if not models:
        raise DataError(f"{name}: found no HMM (~h), expected {_EXPECTED}")
    return models


def read_only_mixture(path: str | os.PathLike[str]) -> DiagonalGMM:
    """Read the mixture of a file that has no other."""
    models = read_mmf(path)
    if len(models) > 1:
        found = f"found {counted(len(models), 'mixture')}, expected one (read_mmf reads them all)"
        raise DataError(f"{os.fspath(path)}: {found}")
    return next(iter(models.values()))


@checked
def write_mmf(path: str | os.PathLike[str], models: Mapping[str, DiagonalGMM], *, kind: str = "USER") -> None:
    """Write mixtures as an HTK MMF, each as an HMM with one emitting state, atomically.

    Parameters
    ----------
    path : path-like
    models : mapping of str to DiagonalGMM
        Mixture by name, all of one dimension. Components of weight 0 are left out, as in HTK.
    kind : str
        Parameter kind, such as ``"MFCC_0_D_A"``; see `gmmspeech.formats.htk.write_htk`.

    Raises
    ------
    DataError
        There are no mixtures, dimensions differ, a name is empty or not text, or the file can't be written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/models.mmf"
    >>> gs.formats.write_mmf(path, {"ah": gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])})
    >>> "<NUMSTATES>" in open(path).read().upper()
    True
    """
    name = os.fspath(path)
    dims = sorted({gmm.parameters()[1].shape[1] for gmm in models.values()})
    if len(dims) != 1:
        raise DataError(f"{name}: found mixtures of {dims or 'no'} dimensions, expected one or more of one dimension")
    lines = ["~o", f"<STREAMINFO> 1 {dims[0]}", f"<VECSIZE> {dims[0]}<NULLD><{kind}><DIAGC>"]
    for model, gmm in models.items():
        if not model or not is_holdable(model):
            raise DataError(f"{name}: can't hold the name {shown(repr(model))}, expected text that is not empty")
        lines += [f"~h {escaped(model, QUOTE)}", "<BEGINHMM>", "<NUMSTATES> 3", "<STATE> 2", *_mixture_lines(gmm)]
        lines += ["<TRANSP> 3", " 0 1 0", f" 0 {_STAY} {1 - _STAY:.1f}", " 0 0 0", "<ENDHMM>"]
    write_lines(path, lines)


def _mixture_lines(gmm: DiagonalGMM) -> list[str]:
    weights, means, variances = gmm.parameters()
    dim = means.shape[1]
    lines = [f"<NUMMIXES> {len(weights)}"]
    for k in np.flatnonzero(weights > 0):
        constant = dim * np.log(2 * np.pi) + np.log(variances[k]).sum()
        lines += [f"<MIXTURE> {k + 1} {weights[k]:.9g}"]
        lines += [f"<MEAN> {dim}", " " + " ".join(f"{x:.9g}" for x in means[k])]
        lines += [f"<VARIANCE> {dim}", " " + " ".join(f"{x:.9g}" for x in variances[k]), f"<GCONST> {constant:.9g}"]
    return lines


class _Reader:
    """Walks over the tokens of an MMF, keeping the macros it meets."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.model = ""
        self.macros: dict[tuple[str, str], Any] = {}
        self.text = text
        self.tokens = _TOKEN.finditer(text)
        self.at = 0  # where the token before this one began
        self.found = next(self.tokens, None)

    @property
    def token(self) -> str:
        """The token to be read next, "" at the end of the file."""
        return self.found[0] if self.found else ""

    def read(self) -> dict[str, DiagonalGMM]:
        models: dict[str, DiagonalGMM] = {}
        seen = set()
        while self.token:
            token = self.next()
            if token == "~h":
                self.model = self.quoted()
                if self.model in seen:
                    raise self.error("the same HMM again", "each once")
                seen.add(self.model)
                models |= self.hmm()
                self.model = ""
            elif token in _MACROS:
                label = self.quoted()
                self.macros[token, label] = _MACROS[token](self)
            elif token == "~o" or self.model == "":
                self.skip()
        return models

    def hmm(self) -> dict[str, DiagonalGMM]:
        self.expect("BEGINHMM")
        states: dict[int, DiagonalGMM] = {}
        while (keyword := self.keyword(transitions=True)) != "ENDHMM":
            if keyword == "STATE":
                number = self.integer()
                weights, components = self.shared("~s", _Reader.state)
                states[number] = self.gmm(weights, components)
            else:
                self.check(keyword)
                self.skip()
        if not states:
            raise self.error("no <STATE>", "one or more")
        if len(states) == 1:
            return {self.model: next(iter(states.values()))}
        return {f"{self.model}[{number}]": gmm for number, gmm in states.items()}

    def gmm(self, weights: list[float], components: list[Component]) -> DiagonalGMM:
        dims = sorted({len(part) for component in components for part in component})
        if len(dims) != 1:
            raise self.error(f"means and variances of {dims} numbers", "one dimension")
        try:
            return DiagonalGMM.from_parameters(weights, [m for m, _ in components], [v for _, v in components])
        except ModelError as error:
            raise DataError(f"{self.where}: {error}") from error

    def state(self) -> tuple[list[float], list[Component]]:
        count = 1
        if self.peek("NUMMIXES"):
            self.keyword()
            count = self.integer()
        while self.peek("SWEIGHTS"):
            self.keyword()
            if self.integer() != 1:
                raise self.error("several streams", "one")
            self.number()
        if not self.peek("MIXTURE"):
            return [1.0], [self.shared("~m", _Reader.component)]
        weights, components = [], []
        while self.peek("MIXTURE"):
            self.keyword()
            if not 1 <= self.integer() <= count:
                raise self.error("the number of a component", f"1 to {count} as <NUMMIXES> says")
            weights.append(self.number())
            components.append(self.shared("~m", _Reader.component))
        total = sum(weights)  # HTK leaves out the lightest components, and 6 digits of weights are what it writes
        return ([w / total for w in weights] if abs(total - 1) < 1e-3 else weights), components

    def component(self) -> Component:
        mean = self.shared("~u", _Reader.mean)
        variance = self.shared("~v", _Reader.variance)
        if self.peek("GCONST"):  # which follows from the variance
            self.keyword()
            self.number()
        return mean, variance

    def mean(self) -> NDArray[np.float64]:
        return self.vector("MEAN")

    def variance(self) -> NDArray[np.float64]:
        return self.vector("VARIANCE")

    def vector(self, keyword: str) -> NDArray[np.float64]:
        self.expect(keyword)
        return np.array([self.number() for _ in range(self.integer())])

    def shared(self, macro: str, read: Callable[[_Reader], Any]) -> Any:
        """Read what stands here, or take what a macro of that kind stands for."""
        if self.token == macro:
            self.next()
            label = self.quoted()
            if (macro, label) not in self.macros:
                raise self.error(f'{macro} "{label}"', "a macro that was defined before")
            return self.macros[macro, label]
        return read(self)

    def skip(self) -> None:
        """Go on to the next keyword of interest."""
        while self.token and not re.match(r"~|<(STATE|ENDHMM)>", self.token, re.IGNORECASE):
            token = self.next()
            if token.startswith("<"):
                self.check(token.strip("<>").upper())

    def check(self, keyword: str) -> None:
        if keyword in _UNSUPPORTED:
            raise self.error(f"<{keyword}> ({_UNSUPPORTED[keyword]})", "diagonal mixtures of one stream")

    def peek(self, keyword: str) -> bool:
        return self.token.upper() == f"<{keyword}>"

    def keyword(self, *, transitions: bool = False) -> str:
        token = self.next()
        if transitions and token == "~t":
            self.quoted()
            return self.keyword(transitions=True)
        if not token.startswith("<"):
            raise self.error(token, "a keyword in < >")
        keyword = token[1:-1].upper()
        self.check(keyword)
        return keyword

    def expect(self, keyword: str) -> None:
        found = self.next()
        if found.upper() != f"<{keyword}>":
            self.check(found.strip("<>").upper())
            raise self.error(found, f"<{keyword}>")

    def quoted(self) -> str:
        token = self.next()
        try:
            (name,) = split_names(token)
        except ValueError:
            raise self.error(token, 'a name in " "') from None
        return name

    def integer(self) -> int:
        number = self.number()
        if number != int(number) or number < 1:
            raise self.error(f"{number:g}", "a whole number above 0")
        return int(number)

    def number(self) -> float:
        token = self.next()
        try:
            return parse_number(token)
        except ValueError:
            raise self.error(token, "a number") from None

    def next(self) -> str:
        if self.found is None:
            raise DataError(f"{self.where}: found the end of the file, expected more (is it cut short?)")
        self.at, token = self.found.start(), self.found[0]
        self.found = next(self.tokens, None)
        return token

    @property
    def where(self) -> str:
        line = self.text.count("\n", 0, self.at) + 1
        return f"{self.name}:{line}" + (f": HMM {shown(self.model)}" if self.model else "")

    def error(self, found: str, expected: str) -> DataError:
        return DataError(f"{self.where}: found {shown(' '.join(found[:200].split()), 60)}, expected {expected}")


_MACROS: dict[str, Callable[[_Reader], Any]] = {
    "~s": _Reader.state,
    "~m": _Reader.component,
    "~u": _Reader.mean,
    "~v": _Reader.variance,
}
