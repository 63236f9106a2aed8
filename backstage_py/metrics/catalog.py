"""What the catalog counts."""

from backstage_py.metrics.instruments import Origin, counter, gauge, histogram, summary

_B = Origin.BACKSTAGE

PROCESSED = counter(
    "catalog_processed_entities_count",
    "Entities processed; result is unchanged, changed or errors",
    "result",
    origin=_B,
)
PROCESSING = summary(
    "catalog_processing_duration_seconds", "Time of the whole processing of what reads something", "result", origin=_B
)
PROCESSORS = summary(
    "catalog_processors_duration_seconds", "Time of the processors alone, for what reads something", "result", origin=_B
)
QUEUE_DELAY = summary(
    "catalog_processing_queue_delay_seconds",
    "From the moment at which an entity is due again to that at which it is taken up",
    origin=_B,
)
STITCHED = counter("catalog_stitched_entities_count", "Entities stitched", origin=_B)
STITCHING = histogram(
    "catalog_stitching_duration", "Time of putting together and writing a batch of entities, in seconds", origin=_B
)
SOURCE_READS = counter(
    "backstage_py_catalog_source_reads_total",
    "Locations and other entities that were read from outside, by source (the type of location, and the host) and "
    "result: ok or errors",
    "source",
    "result",
)
SOURCE_SUCCESS = gauge(
    "backstage_py_catalog_source_last_success_timestamp_seconds",
    "When something was last read from a source without an error",
    "source",
    merges="max",
)
