from .cqcc import cqcc as cqcc
from .deltas import (
    add_deltas as add_deltas,
)
from .deltas import (
    shifted_deltas as shifted_deltas,
)
from .frontend import FrontEnd as FrontEnd
from .mfcc import (
    fbank as fbank,
)
from .mfcc import (
    lfcc as lfcc,
)
from .mfcc import (
    mfcc as mfcc,
)
from .normalization import (
    cmvn as cmvn,
)
from .normalization import (
    rasta as rasta,
)
from .normalization import (
    sliding_cmvn as sliding_cmvn,
)
from .pitch import median_pitch as median_pitch
from .plp import plp as plp
from .quality import speech_quality as speech_quality
from .stream import FrontEndStream as FrontEndStream
from .transformer import MfccTransformer as MfccTransformer
from .vad import (
    energy_vad as energy_vad,
)
from .vad import (
    relative_energy_vad as relative_energy_vad,
)
from .vad import (
    two_gaussian_vad as two_gaussian_vad,
)
from .warping import feature_warp as feature_warp
