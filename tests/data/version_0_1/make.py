"""How the files beside this script were made: ``python make.py FOLDER``, with gmmspeech 0.1.0 installed.

One tiny file of every kind that version 0.1 could write, from seeded random numbers.
"""

import sys
from pathlib import Path

import numpy as np
from gmmspeech.io.accumulators import SummedStats
from gmmspeech.io.ivectors import save_ivectors
from gmmspeech.io.phone_classifiers import save_phone_classifier
from gmmspeech.io.phone_models import save_adapted_system, save_training_state
from gmmspeech.phones.classification import FullSystem, OneModel, train_full_system
from gmmspeech.phones.hmm_adaptation import SplicedTransform
from gmmspeech.phones.segments import label_utterances
from gmmspeech.phones.system import AdaptedSystem
from gmmspeech.phones.transforms.fmllr import FMLLRStats

import gmmspeech as gs
from gmmspeech.phones.labels import Label

folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
FRONT_END = gs.FrontEnd().to_json()

frames = (rng.normal(size=(60, 2)) + rng.choice([-2, 2], (60, 1))).astype(np.float32)
ubm = gs.DiagonalGMM(2, random_state=0, max_iter=3).fit(frames)
ubm.front_end_ = FRONT_END
ubm.save(folder / "mixture.h5")
gs.GMMClassifier(1, random_state=0).fit(frames, np.array(["ah", "ü"])[np.arange(60) % 2]).save(folder / "classifier.h5")
for scoring in ("frames", "symmetric"):
    verifier = gs.SpeakerVerifier(ubm, relevance_factor=7.5, update="mv", scoring=scoring)
    verifier.enroll("zoe", frames[:9])
    verifier.enroll("ann", frames[20:28])
    verifier.save(folder / f"verifier-{scoring}.h5")
SummedStats(ubm.accumulate(frames), "ab" * 32, "cd" * 32, 2, 3, FRONT_END).save(folder / "statistics.h5")

utterances = [rng.normal(rng.normal(), 1, (12, 2)) for _ in range(16)]
stats = [ubm.accumulate(x) for x in utterances]
extractor = gs.train_ivector_extractor(ubm, stats, 2, max_iter=2)
extractor.save(folder / "extractor.h5")
vectors, speakers = rng.normal(size=(24, 3)), np.arange(24) % 6
save_ivectors(folder / "ivectors.h5", ["u1", "ü2"], extractor.extract(stats[:2]), extractor_digest=extractor.digest)
backend = gs.train_backend(vectors, speakers, steps=("whiten", "length", "lda"), lda_dim=2, plda_rank=1, max_iter=2)
backend.save(folder / "backend.h5")
backend.plda.save(folder / "plda.h5")
gs.ISV(ubm, rng.normal(size=(2, 2, 1)), 5.5).save(folder / "isv.h5")
gs.JFA(ubm, rng.normal(size=(2, 2, 1)), rng.normal(size=(2, 2, 1)), rng.normal(size=(2, 2))).save(folder / "jfa.h5")

scores = rng.normal(1, 1, 20), rng.normal(0, 1, 20)
gs.fit_calibration(*scores).save(folder / "calibration.h5")
gs.fit_pav(*scores).save(folder / "calibration-pav.h5")

ranges = np.arange(0, 60, 6)[:, None] + [0, 6]
phone_gmm = gs.PhoneGMM(1, parts=2, duration=True, scale=0.3, random_state=0).fit(frames, ranges, ["AA", "S"] * 5)
phone_gmm.front_end_ = FRONT_END
phone_gmm.save(folder / "phone-mixtures.h5")
lengths = {f"u{i}": rng.integers(4, 9, 12) for i in range(4)}
spoken = {name: rng.normal(size=(n.sum(), 2)) + np.repeat([-1.0, 1.0] * 6, n)[:, None] for name, n in lengths.items()}
labels = {
    name: [
        Label((end - n) / 100, end / 100, "AS"[i % 2]) for i, (n, end) in enumerate(zip(own, own.cumsum(), strict=True))
    ]
    for name, own in lengths.items()
}
data = label_utterances(spoken, labels, {name: name for name in spoken})
one = OneModel(n_components=1, parts=1, dim=1, context=1, max_iter=2)
options = FullSystem(one, edges=((0, 1),), adapter_components=1, segment_components=1, passes=0)
full = train_full_system(data, data, options, silence="SIL").with_front_end(FRONT_END)
save_phone_classifier(folder / "phone-classifier.h5", full.one)
save_phone_classifier(folder / "phone-classifier-adapted.h5", full)

hmm = gs.PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(2), variance=np.ones(2), num_states=2, front_end=FRONT_END)
hmm.save(folder / "phone-hmms.h5")
prior = FMLLRStats(5.0, rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 3)))
system = AdaptedSystem(SplicedTransform(1, rng.normal(size=(2, 6))), hmm, hmm, prior, 100.0)
save_adapted_system(folder / "phone-hmms-adapted.h5", system)
states = []
gs.train_phone_hmm(spoken, {name: ["A"] for name in spoken}, {"A": [["AA"]]}, num_iter=2, callback=states.append)
save_training_state(folder / "phone-training.h5", states[-1])
gs.train_ubm(frames, 2, max_iter=2, checkpoint=gs.Checkpoint(folder / "checkpoint.h5"))
