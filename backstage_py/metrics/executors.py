"""What executors of actions count."""

from backstage_py.metrics.instruments import WAITS, counter, gauge, histogram

PODS_PENDING = gauge("backstage_py_executor_pods_pending", "Steps of this replica that wait for their pod to begin")
PODS_RUNNING = gauge("backstage_py_executor_pods_running", "Steps of this replica that run in a pod")
PODS_WARM = gauge("backstage_py_executor_pods_warm", "Pods of this replica that wait for a step")
POD_START = histogram(
    "backstage_py_executor_pod_start_seconds",
    "From the moment a step is given to Kubernetes to its pod's first word, cold (a Job made for it) or warm",
    "kind",
    buckets=WAITS,
)
POD_FAILURES = counter(
    "backstage_py_executor_pod_failures_total",
    "Pods that did not end a step by themselves, by why: evicted, node_lost, deleted, silent, begun_twice, "
    "start_failed, image_missing, not_started, out_of_memory, killed, deadline, ended_without_a_word, "
    "namespace_missing, refused or never_began",
    "reason",
)
POD_RETRIES = counter("backstage_py_executor_pods_replaced_total", "Pods that were lost and replaced by another one")
WORKSPACE_BYTES = counter(
    "backstage_py_executor_workspace_bytes_total",
    "Bytes of workspaces that this replica sent for pods (down) and took back (up), by way: http (with the pod) or s3 "
    "(with the bucket)",
    "direction",
    "way",
)
REFUSED_CALLS = counter(
    "backstage_py_execution_api_refused_total", "Requests of the execution API that were refused, by status", "status"
)
CLUSTER_ANSWERS = gauge(
    "backstage_py_executor_cluster_up", "1 while the cluster for steps is being watched, 0 while it does not answer"
)
