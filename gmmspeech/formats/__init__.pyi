from .arpa import read_arpa as read_arpa, write_arpa as write_arpa
from .asvspoof import (
    SpoofTrial as SpoofTrial,
    read_asv_scores as read_asv_scores,
    read_cm_scores as read_cm_scores,
    read_protocol as read_protocol,
    write_cm_scores as write_cm_scores,
    write_protocol as write_protocol,
)
from .datadir import (
    DataDir as DataDir,
    load_utterance as load_utterance,
    read_data_dir as read_data_dir,
    read_list_map as read_list_map,
)
from .dictionary import cmudict_dictionary as cmudict_dictionary, read_dictionary as read_dictionary
from .espeak import espeak_languages as espeak_languages, pronounce_words as pronounce_words
from .htk import read_htk as read_htk, write_htk as write_htk
from .kaldi.alignments import (
    kaldi_alignment as kaldi_alignment,
    phones_of_kaldi_alignment as phones_of_kaldi_alignment,
    read_kaldi_alignments as read_kaldi_alignments,
    write_kaldi_alignments as write_kaldi_alignments,
)
from .kaldi.ark import write_kaldi_ark as write_kaldi_ark
from .kaldi.folder import read_kaldi_matrix as read_kaldi_matrix, write_kaldi_matrix as write_kaldi_matrix
from .kaldi.full_gmm import read_kaldi_full_gmm as read_kaldi_full_gmm, write_kaldi_full_gmm as write_kaldi_full_gmm
from .kaldi.hmm import read_kaldi_hmm as read_kaldi_hmm, write_kaldi_hmm as write_kaldi_hmm
from .kaldi.ivector import (
    read_kaldi_extractor as read_kaldi_extractor,
    read_kaldi_posteriors as read_kaldi_posteriors,
    stats_of_posteriors as stats_of_posteriors,
    write_kaldi_extractor as write_kaldi_extractor,
)
from .kaldi.models import (
    read_gselect as read_gselect,
    read_kaldi_gmm as read_kaldi_gmm,
    write_gselect as write_gselect,
    write_kaldi_gmm as write_kaldi_gmm,
)
from .kaldi.plda import (
    read_kaldi_plda as read_kaldi_plda,
    read_kaldi_vectors as read_kaldi_vectors,
    write_kaldi_plda as write_kaldi_plda,
    write_kaldi_vectors as write_kaldi_vectors,
)
from .labels.alignments import read_alignments as read_alignments, write_alignments as write_alignments
from .labels.labels import read_labels as read_labels, write_labels as write_labels
from .labels.textgrid import read_textgrid as read_textgrid, write_textgrid as write_textgrid
from .labels.tiers import read_tiers as read_tiers
from .lhotse import read_lhotse as read_lhotse
from .loading import load as load
from .mmf import read_mmf as read_mmf, write_mmf as write_mmf
from .recordings import read_recordings as read_recordings
from .trials import read_scores as read_scores, read_trials as read_trials, write_scores as write_scores
