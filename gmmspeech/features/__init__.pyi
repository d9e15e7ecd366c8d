from .cqcc import cqcc as cqcc
from .deltas import add_deltas as add_deltas, shifted_deltas as shifted_deltas
from .frontend import FrontEnd as FrontEnd
from .mfcc import fbank as fbank, lfcc as lfcc, mfcc as mfcc
from .normalization import cmvn as cmvn, rasta as rasta, sliding_cmvn as sliding_cmvn
from .pitch import median_pitch as median_pitch
from .plp import plp as plp
from .quality import speech_quality as speech_quality
from .stream import FrontEndStream as FrontEndStream
from .transformer import MfccTransformer as MfccTransformer
from .vad import (
    energy_vad as energy_vad,
    relative_energy_vad as relative_energy_vad,
    two_gaussian_vad as two_gaussian_vad,
)
from .warping import feature_warp as feature_warp
