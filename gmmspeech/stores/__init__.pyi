from .features import (
    FeatureStore as FeatureStore,
)
from .features import (
    write_store as write_store,
)
from .joined_frames import write_index as write_index
from .statistics import (
    StatisticsStore as StatisticsStore,
)
from .statistics import (
    write_statistics as write_statistics,
)
