"""Confidences of words in lattices, beside the published algorithm written out number by number."""

import itertools

import numpy as np
import pytest

from gmmspeech.phones.decoding.lattices import best_sequences, word_confidences, word_lattice

kaldifst = pytest.importorskip("kaldifst")


def lattice_of(rows, final):
    """Lattice of lines (from, to, word, cost) through a decoder's form, one arc a word."""
    lines = [f"{a} {b} 1 {word} {cost / 4},{3 * cost / 4}" for a, b, word, cost in rows]
    lines += [f"{state} {cost / 4},{3 * cost / 4}" for state, cost in final.items()]

    class Raw:
        def to_str(self, show_weight_one):
            return "\n".join(lines)

    return word_lattice(Raw())


def random_rows(rng, states=5):
    rows = [
        (a, b, int(rng.integers(0, 4)), float(rng.uniform(0, 3)))
        for a, b in itertools.combinations(range(states), 2)
        if b == a + 1 or rng.random() < 0.6
    ]
    return rows, {states - 1: 0.5, states - 2: 1.0}


def all_sequences(rows, final):
    """Each sequence of words with its lowest cost."""
    found = {}

    def walk(state, words, cost):
        if state in final:
            found[words] = min(found.get(words, np.inf), cost + final[state])
        for a, b, word, more in rows:
            if a == state:
                walk(b, (*words, word) if word else words, cost + more)

    walk(0, (), 0.0)
    return found


def published(lattice, words):
    """Xu, Povey, Mangu and Zhu (2011), algorithms 4 and 5, with the edit distance as loss."""
    last = len(lattice.final)
    links = [*lattice.links, *((s, last, 0, c) for s, c in enumerate(lattice.final) if np.isfinite(c))]
    alpha = [0.0] + [-np.inf] * last
    for a, b, _, cost in sorted(links):
        alpha[b] = np.logaddexp(alpha[b], alpha[a] - cost)
    size = len(words)

    def loss(a, b):
        return float(a != b)

    edits = np.zeros((last + 1, size + 1))
    edits[0] = [sum(loss(0, w) for w in words[:q]) for q in range(size + 1)]

    def of_arc(a, word):
        row, choice = np.zeros(size + 1), [0] * (size + 1)
        for q in range(size + 1):
            options = [
                edits[a, q - 1] + loss(word, words[q - 1]) if q and word else np.inf,
                edits[a, q] + loss(word, 0),
                row[q - 1] + loss(0, words[q - 1]) if q else np.inf,
            ]
            choice[q] = int(np.argmin(np.array(options) - [1e-9, 0, -1e-9]))
            row[q] = min(options)
        return row, choice

    for n in range(1, last + 1):
        for a, b, word, cost in links:
            if b == n:
                edits[n] += np.exp(alpha[a] - cost - alpha[n]) * of_arc(a, word)[0]
    beta = np.zeros((last + 1, size + 1))
    beta[last, size] = 1.0
    gamma = np.zeros(size)
    for n in range(last, 0, -1):
        for a, b, word, cost in links:
            if b == n:
                _, choice = of_arc(a, word)
                own = np.exp(alpha[a] - cost - alpha[n]) * beta[n].copy()
                for q in range(size, -1, -1):
                    if choice[q] == 0:
                        beta[a, q - 1] += own[q]
                        gamma[q - 1] += own[q] * (word == words[q - 1])
                    elif choice[q] == 1:
                        beta[a, q] += own[q]
                    else:
                        own[q - 1] += own[q]
    return gamma


@pytest.mark.parametrize("seed", range(30))
def test_confidences_and_sequences_of_random_lattices(seed):
    rng = np.random.default_rng(seed)
    rows, final = random_rows(rng)
    lattice = lattice_of(rows, final)
    found, expected = best_sequences(lattice, 1000), all_sequences(rows, final)
    total = -np.logaddexp.reduce([-cost for cost in expected.values()])
    assert len(found) == len(expected)
    for words, probability in found:
        assert probability == pytest.approx(np.exp(total - expected[tuple(words)]), abs=2e-3)
    best = found[0][0]
    np.testing.assert_allclose(word_confidences(lattice, best), published(lattice, best), atol=1e-6)


def test_confidences_in_a_row_of_choices_are_their_shares():
    rows = [(0, 1, 1, 0.0), (0, 1, 2, np.log(3)), (1, 2, 3, 0.0), (2, 3, 4, np.log(2)), (2, 3, 5, np.log(2))]
    lattice = lattice_of(rows, {3: 0.0})
    np.testing.assert_allclose(word_confidences(lattice, [1, 3, 4]), [0.75, 1.0, 0.5], atol=1e-3)
    assert word_confidences(lattice, []).shape == (0,)
