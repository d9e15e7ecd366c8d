from .features import FeatureStore as FeatureStore, write_store as write_store
from .joined_frames import write_index as write_index
from .statistics import StatisticsStore as StatisticsStore, write_statistics as write_statistics
