"""What is in the database, which all replicas share: to be taken from any of them, never to be added up."""

from backstage_py.metrics.instruments import Origin, shared

_B = Origin.BACKSTAGE

DATABASE_UP = shared("backstage_py_database_up", "Whether the database answered when it was asked for what is below")
TASKS = shared("backstage_py_tasks", "Tasks that have not ended: open ones are the queue", "status")
OLDEST_OPEN = shared("backstage_py_task_queue_oldest_seconds", "For how long the oldest open task waits; 0 without one")
TASK_LEASES = shared(
    "backstage_py_task_leases",
    "Claims of running tasks: live ones had a heartbeat within ten seconds, silent ones had none",
    "state",
)
CATALOG_LEASES = shared(
    "backstage_py_catalog_leases", "Leases of the catalog's work: held, or expired and not taken over yet", "state"
)
ENTITIES = shared("catalog_entities_count", "Total amount of entities in the catalog", "kind", origin=_B)
LOCATIONS = shared(
    "catalog_registered_locations_count", "Total amount of registered locations in the catalog", origin=_B
)
RELATIONS = shared("catalog_relations_count", "Total amount of relations between entities", origin=_B)
STITCH_QUEUE = shared(
    "catalog_stitching_queue_length", "Number of entities currently in the stitching queue", origin=_B
)
PROCESS_QUEUE = shared("backstage_py_catalog_processing_queue", "Entities that are marked to be processed")
PROCESSING_LAG = shared(
    "backstage_py_catalog_processing_lag_seconds", "For how long the entity that is due longest waits; 0 without one"
)
PROVIDER_UP = shared(
    "backstage_py_catalog_provider_up", "Whether a provider's newest reading brought what there is", "provider"
)
PROVIDER_AGE = shared(
    "backstage_py_catalog_provider_last_success_seconds", "How long ago a provider was last read in full", "provider"
)
PROVIDER_ENTITIES = shared(
    "backstage_py_catalog_provider_entities", "Entities that the catalog has of a provider", "provider"
)
PROVIDER_FAILURES = shared(
    "backstage_py_catalog_provider_failures", "Readings of a provider that failed, since ever", "provider"
)
FAILING = shared("backstage_py_catalog_entities_with_errors", "Entities whose last processing had errors")
