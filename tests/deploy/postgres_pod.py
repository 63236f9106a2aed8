"""PostgreSQL in a pod, for a release that shall have a database in its cluster."""

import base64
import secrets
from dataclasses import dataclass

from tests.cluster import waiting
from tests.cluster.cluster import KubeCluster

SECRET = "backstage-py-database"  # as the page about the installation has it
_SCRIPT = """
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin)
if [ ! -s /data/db/PG_VERSION ]; then
  install -d -o postgres -m 700 /data/db
  printf %s "$PASSWORD" > /tmp/password
  chown postgres /tmp/password
  su postgres -c "$bin/initdb -D /data/db -U backstage_py --pwfile=/tmp/password -A scram-sha-256 -E UTF8" >/dev/null
  echo "CREATE DATABASE backstage_py;" | su postgres -c "$bin/postgres --single -D /data/db postgres" >/dev/null
  echo "host all all all scram-sha-256" >> /data/db/pg_hba.conf
fi
exec su postgres -c "exec $bin/postgres -D /data/db -k /tmp -c listen_addresses='*'"
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where it listens; ``SECRET`` has its password."""

    host: str


def start(kube: KubeCluster, namespace: str, image: str) -> Postgres:
    """Start it in a namespace, with data that outlive its container, and wait until it answers."""
    password = base64.b64encode(secrets.token_hex(16).encode()).decode()
    kube.api.post(
        f"/api/v1/namespaces/{namespace}/secrets",
        {"metadata": {"name": SECRET}, "data": {"password": password}},
    )
    probe = {"tcpSocket": {"port": 5432}, "periodSeconds": 1}
    pod = {
        "metadata": {"name": "postgres"},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "postgres",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": ["sh", "-c", _SCRIPT],
                    "securityContext": {"runAsUser": 0},
                    "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "password"}}}],
                    "readinessProbe": probe,
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }
    pods = f"/api/v1/namespaces/{namespace}/pods"
    kube.api.post(pods, pod)

    def address() -> str:
        status = kube.api.get(f"{pods}/postgres")["status"]
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
        return str(status["podIP"]) if ready else ""

    return Postgres(waiting.until(address, "PostgreSQL answers in its pod"))
