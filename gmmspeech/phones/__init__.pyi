from .decoding.alignment import align as align
from .decoding.partly_labeled import train_phone_hmm_on_some_labels as train_phone_hmm_on_some_labels
from .decoding.recognition import decode as decode
from .gmm.phone_gmm import PhoneGMM as PhoneGMM
from .hmm.ladder import train_ladder as train_ladder
from .hmm.model import PhoneHMM as PhoneHMM
from .hmm.training import train_phone_hmm as train_phone_hmm, train_phone_hmm_on_labels as train_phone_hmm_on_labels
from .hmm.triphones import train_triphone_hmm as train_triphone_hmm
from .labels.labels import Label as Label, frame_labels as frame_labels
from .labels.ngram import NGram as NGram, train_ngram as train_ngram
from .shipped import english_model as english_model
