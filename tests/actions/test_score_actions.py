"""``score:generate``: what a workload becomes, and what is said where it cannot become that."""

from typing import Any

import pytest
import yaml

from backstage_py.errors import InputError, NotAllowedError, NotFoundError, SettingsError
from tests.actions.harness import Task

WORKLOAD = """\
apiVersion: score.dev/v1b1
metadata:
  name: shop
  annotations:
    example.org/team: checkout
service:
  ports:
    web:
      port: 80
      targetPort: 8080
    dns:
      port: 53
      protocol: UDP
containers:
  migrate:
    image: .
    command: [migrate]
    args: ["up"]
  web:
    image: .
    before:
      migrate:
        ready: complete
    variables:
      NAME: ${metadata.name}
      TEAM: ${metadata.annotations.example\\.org/team}
      HOST: ${resources.db.host}
      URL: postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}:5432/
      PLAIN: $${not.a.placeholder} $(HOME)
    files:
      /etc/shop/shop.conf:
        content: "name = ${metadata.name}"
        mode: "0640"
      /etc/shop/raw.conf:
        content: "${metadata.name}"
        noExpand: true
      /etc/shop/logo:
        binaryContent: AAH/
      /etc/shop/more.conf:
        source: conf/more.conf
      /run/secrets/password:
        content: ${resources.db.password}
    volumes:
      /var/lib/shop:
        source: ${resources.data}
        path: sub
        readOnly: true
    resources:
      requests: {cpu: 100m, memory: 64Mi}
      limits: {cpu: "1", memory: 128Mi}
    livenessProbe:
      httpGet: {path: /healthz, port: 8080, scheme: HTTP, httpHeaders: [{name: X-Probe, value: "1"}]}
    readinessProbe:
      exec: {command: ["true"]}
resources:
  db:
    type: postgres
    params: {size: small}
  data:
    type: volume
    params: {size: 2Gi}
"""


def put(task: Task, name: str, text: str | bytes) -> None:
    path = task.workspace.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


async def generate(task: Task, text: str = WORKLOAD, **given: Any) -> tuple[dict[str, Any], Any]:
    put(task, "score.yaml", text)
    put(task, "conf/more.conf", "more = ${metadata.name}")
    result = await task.run("score:generate", {"image": "example.org/shop:1", **given})
    written = yaml.safe_load_all(task.tree()[result.outputs["manifestPath"]])
    return {one["kind"]: one for one in written}, result.outputs


def small(**container: Any) -> str:
    """A workload of one container."""
    value = {
        "apiVersion": "score.dev/v1b1",
        "metadata": {"name": "shop"},
        "containers": {"web": {"image": "web:1", **container}},
        "resources": {"db": {"type": "postgres"}, "data": {"type": "volume"}},
    }
    return yaml.safe_dump(value, sort_keys=False)


async def test_containers_become_a_deployment(task: Task) -> None:
    made, _ = await generate(task, namespace="shop")
    pod = made["Deployment"]["spec"]["template"]
    assert made["Deployment"]["metadata"]["namespace"] == "shop"
    assert made["Deployment"]["metadata"]["annotations"] == {"example.org/team": "checkout"}
    assert pod["metadata"]["annotations"]["example.org/team"] == "checkout"
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["migrate"]
    assert pod["spec"]["initContainers"][0]["args"] == ["up"]
    web = pod["spec"]["containers"][0]
    assert web["image"] == "example.org/shop:1"
    assert web["resources"]["limits"] == {"cpu": "1", "memory": "128Mi"}
    assert web["livenessProbe"]["httpGet"]["httpHeaders"] == [{"name": "X-Probe", "value": "1"}]
    assert web["readinessProbe"] == {"exec": {"command": ["true"]}}
    assert made["Deployment"]["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


async def test_ports_become_a_service(task: Task) -> None:
    made, _ = await generate(task)
    assert made["Service"]["spec"]["ports"] == [
        {"name": "web", "port": 80, "protocol": "TCP", "targetPort": 8080},
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
    ]
    assert made["Service"]["spec"]["selector"] == made["Deployment"]["spec"]["selector"]["matchLabels"]


async def test_secrets_are_only_referred_to(task: Task) -> None:
    made, outputs = await generate(task)
    env = {one["name"]: one for one in made["Deployment"]["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["NAME"]["value"] == "shop"
    assert env["TEAM"]["value"] == "checkout"
    assert env["HOST"]["valueFrom"] == {"secretKeyRef": {"name": "shop-db", "key": "endpoint"}}
    assert env["PLAIN"]["value"] == "${not.a.placeholder} $$(HOME)"
    assert env["URL"]["value"] == (
        "postgres://$(SCORE_SHOP_DB_USERNAME):$(SCORE_SHOP_DB_PASSWORD)@$(SCORE_SHOP_DB_ENDPOINT):5432/"
    )
    assert env["SCORE_SHOP_DB_PASSWORD"]["valueFrom"] == {"secretKeyRef": {"name": "shop-db", "key": "password"}}
    assert list(env).index("SCORE_SHOP_DB_PASSWORD") < list(env).index("URL")
    assert outputs["resources"][0] == {
        "resource": "db",
        "type": "postgres",
        "class": "default",
        "name": "shop-db",
        "params": {"size": "small"},
        "secret": "shop-db",
    }


async def test_files_and_volumes_are_mounted(task: Task) -> None:
    made, _ = await generate(task)
    spec = made["Deployment"]["spec"]["template"]["spec"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    mounts = {one["mountPath"]: one for one in spec["containers"][0]["volumeMounts"]}

    def content(target: str) -> Any:
        mount = mounts[target]
        item = volumes[mount["name"]]["configMap"]["items"][0]
        assert item["path"] == mount["subPath"]
        files = made["ConfigMap"].get("data", {}) | made["ConfigMap"].get("binaryData", {})
        return files[item["key"]], item.get("mode")

    assert content("/etc/shop/shop.conf") == ("name = shop", 0o640)
    assert content("/etc/shop/raw.conf") == ("${metadata.name}", None)
    assert content("/etc/shop/more.conf") == ("more = shop", None)
    assert content("/etc/shop/logo")[0] == "AAH/"
    secret = volumes[mounts["/run/secrets/password"]["name"]]["secret"]
    assert (secret["secretName"], secret["items"][0]["key"]) == ("shop-db", "password")
    assert mounts["/var/lib/shop"] == {
        "name": mounts["/var/lib/shop"]["name"],
        "mountPath": "/var/lib/shop",
        "subPath": "sub",
        "readOnly": True,
    }
    claim = volumes[mounts["/var/lib/shop"]["name"]]["persistentVolumeClaim"]["claimName"]
    assert claim == made["PersistentVolumeClaim"]["metadata"]["name"]
    assert made["PersistentVolumeClaim"]["spec"]["resources"]["requests"]["storage"] == "2Gi"


async def test_a_changed_file_starts_new_pods(task: Task) -> None:
    def annotations(made: dict[str, Any]) -> Any:
        return made["Deployment"]["spec"]["template"]["metadata"]["annotations"]

    before, _ = await generate(task)
    same, _ = await generate(task)
    after, _ = await generate(task, WORKLOAD.replace("name = ", "called = "))
    assert annotations(before) == annotations(same)
    assert annotations(before) != annotations(after)


async def test_the_operator_says_what_a_resource_is(task: Task) -> None:
    composite = {
        "apiVersion": "platform.example.org/v1",
        "kind": "Postgres",
        "metadata": {"name": "{name}"},
        "spec": {
            "size": "{params.size|small}",
            "replicas": "{params.replicas|1}",
            "writeConnectionSecretToRef": {"name": "{name}-conn"},
        },
    }
    task.configured(
        score={
            "resources": [
                {
                    "type": "postgres",
                    "secret": "{name}-conn",
                    "outputs": {"host": {"secretKey": "endpoint"}, "mode": "require"},
                    "manifests": [composite],
                },
                {"type": "cache", "class": "large", "outputs": {"host": "{name}.{namespace}.svc"}},
            ]
        }
    )
    text = small(variables={"HOST": "${resources.db.host}", "MODE": "${resources.db.mode}"})
    text += "  cache: {type: cache, class: large, id: shared.cache}\n"
    text = text.replace("type: postgres", "type: postgres\n    params: {replicas: 3}")
    made, outputs = await generate(task, text, namespace="shop")
    assert made["Postgres"]["spec"] == {
        "size": "small",
        "replicas": 3,
        "writeConnectionSecretToRef": {"name": "shop-db-conn"},
    }
    env = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env[0]["valueFrom"]["secretKeyRef"] == {"name": "shop-db-conn", "key": "endpoint"}
    assert env[1] == {"name": "MODE", "value": "require"}
    assert outputs["resources"][2]["name"] == "shared-cache"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port: 80\n", "port: http\n", r"score\.yaml:9:13: service\.ports\.web\.port is not of a type\(s\) integer"),
        ("image: .\n    command", "img: .\n    command", "score.yaml:16:5: containers.migrate requires property"),
        (
            "apiVersion: score.dev/v1b1",
            "apiVersion: score.dev/v2",
            "score.yaml:1:13: apiVersion does not match",
        ),
        (
            "${resources.db.host}\n",
            "${resources.dbs.host}\n",
            "score.yaml:27:13: .*names no resource .*: db, data",
        ),
        (
            "${resources.db.host}\n",
            "${resources.db.hots}\n",
            "score.yaml:27:13: .*names no output .*: host, port",
        ),
        ("${metadata.name}\n      TEAM", "${env.HOME}\n      TEAM", "score.yaml:25:13: .*names nothing"),
        ("ready: complete", "ready: healthy", "score.yaml:23:9: .*cannot wait until a container is healthy"),
        ("      migrate:\n        ready", "      other:\n        ready", "names no container of the workload"),
        ("/var/lib/shop:", "lib:", "score.yaml:45:9: .*needs a target path that begins with '/'"),
        ("source: conf/more.conf", "source: conf/none.conf", "score.yaml:40:17: .*no file 'conf/none.conf'"),
        ("binaryContent: AAH/", "binaryContent: '*'", "score.yaml:38:24: .*is no base64"),
        ("type: volume", "type: queue", "score.yaml:6.:11: resources.data.type is 'queue'.*it knows: postgres, volume"),
        ('content: "name = ${metadata.name}"', "content: p=${resources.db.password}", "takes no secret"),
        ("TEAM:", "A B:", "has a name that Kubernetes does not take"),
    ],
)
async def test_what_cannot_be_is_said_with_its_line(task: Task, old: str, new: str, said: str) -> None:
    assert old in WORKLOAD
    with pytest.raises((InputError, NotFoundError), match=said):
        await generate(task, WORKLOAD.replace(old, new, 1))
    assert "manifests.yaml" not in task.tree()


async def test_a_workload_reads_no_file_outside_of_the_workspace(task: Task) -> None:
    (task.folder / "outside").write_text("secret")
    with pytest.raises(NotAllowedError):
        await generate(task, small(files={"/a": {"source": "../outside"}}))
    with pytest.raises(NotAllowedError):
        await generate(task, path="../outside")


async def test_an_image_that_is_built_has_to_be_given(task: Task) -> None:
    put(task, "score.yaml", small().replace("web:1", "."))
    with pytest.raises(InputError, match=r"score\.yaml:6:12: containers\.web\.image is '\.', the image that is built"):
        await task.run("score:generate", {})


async def test_a_wrong_configuration_is_named(task: Task) -> None:
    task.configured(score={"resources": [{"type": "postgres", "output": {}}]})
    with pytest.raises(SettingsError, match=r"score\.resources\[0\]"):
        await generate(task)


async def test_a_stateful_set_is_asked_for_by_annotation(task: Task) -> None:
    text = WORKLOAD.replace(
        "    example.org/team: checkout", "    example.org/team: checkout\n    k8s.score.dev/kind: StatefulSet"
    )
    made, _ = await generate(task, text)
    assert made["StatefulSet"]["spec"]["serviceName"] == "shop"
    assert "k8s.score.dev/kind" not in made["StatefulSet"]["metadata"]["annotations"]
