"""``scaffolder.executor.kubernetes`` (ours): steps that run in pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backstage_py.model.json import Json
from backstage_py.settings import kinds
from backstage_py.settings.description import Each, Section, key
from backstage_py.settings.sections.backend import ReadingRule


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """An entry of ``images``: what must fit, and the image."""

    image: str = key("image", kinds.TEXT, "(ours) The image.", example="registry.example/terraform:1.9")
    action: str | None = key("action", kinds.TEXT, "(ours) Pattern of the actions that get it, as terraform:*.", None)
    template: str | None = key("template", kinds.TEXT, "(ours) Pattern of the templates whose steps get it.", None)


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """``workspace.s3``: where workspaces lie between the service and its pods.

    Attributes:
        links: seconds for which a pod may use the URL of an object.
    """

    bucket: str = key("bucket", kinds.TEXT, "(ours) Over which workspaces travel to pods and back.", example="steps")
    prefix: str = key(
        "prefix",
        kinds.TEXT,
        "(ours) How keys begin, for this database alone; 'scaffolder-steps/'.",
        "scaffolder-steps/",
    )
    region: str | None = key("region", kinds.TEXT, "(ours) By default as AWS' own programs have it.", None)
    endpoint: str | None = key("endpoint", kinds.URL, "(ours) Of a server that is not Amazon's.", None)
    pod_endpoint: str | None = key(
        "podEndpoint", kinds.URL, "(ours) The same as pods reach it, where that differs.", None
    )
    access_key_id: str | None = key(
        "accessKeyId", kinds.TEXT, "(ours) By default as AWS' own programs find credentials.", None
    )
    secret_access_key: str | None = key("secretAccessKey", kinds.TEXT, "(ours) As accessKeyId.", None, is_shown=False)
    links: float = key(
        "linkLifetime", kinds.LASTING, "(ours) How long a pod may use the URL of an object; 5 minutes.", 300.0
    )


@dataclass(frozen=True, slots=True)
class KubernetesExecutorSettings:
    """The section.

    Attributes:
        url: of this process as pods reach it; made of ``POD_IP`` and the port when None.
        deadline: seconds that a pod may run.
        pending: seconds for which a pod may be on its way.
        silence: seconds without a word of a pod that runs, after which it counts as lost.
        lost: how often a step begins anew in another pod when it lost one.
    """

    namespace: str = key("namespace", kinds.TEXT, "(ours) Where Jobs are made; 'default' by default.", "default")
    cluster: str | None = key(
        "cluster",
        kinds.TEXT,
        "(ours) A name of kubernetes.clusterLocatorMethods; without it the only one, or the cluster we run in.",
        None,
    )
    image: str | None = key("image", kinds.TEXT, "(ours) The image of pods, with backstage-py in it.", None)
    images: Sequence[ImageSettings] | None = key(
        "images", Each(ImageSettings), "(ours) Images of certain actions or templates; the first that fits.", None
    )
    image_pull_policy: str = key(
        "imagePullPolicy", kinds.choice("IfNotPresent", "Always", "Never"), "(ours) As in pods.", "IfNotPresent"
    )
    image_pull_secrets: Sequence[str] | None = key(
        "imagePullSecrets", kinds.TEXTS, "(ours) Names of secrets of the namespace.", None
    )
    runtime_class: str | None = key("runtimeClassName", kinds.TEXT, "(ours) As gvisor or kata.", None)
    resources: Mapping[str, Json] | None = key("resources", kinds.OBJECT, "(ours) As in pods.", None)
    pod_template: Mapping[str, Json] = key("podTemplate", kinds.OBJECT, "(ours) Merged over ours.", dict)
    queue: str | None = key("queue", kinds.TEXT, "(ours) The LocalQueue of Kueue that admits the Jobs.", None)
    ttl: float = key("ttl", kinds.DURATION, "(ours) How long an ended Job is kept to be looked at; 5 minutes.", 300.0)
    deadline: float = key("deadline", kinds.DURATION, "(ours) How long a pod may run; 1 hour.", 3600.0)
    pending: float = key(
        "pendingTimeout", kinds.DURATION, "(ours) How long a step waits for its pod to begin; 1 hour.", 3600.0
    )
    silence: float = key(
        "silenceTimeout", kinds.DURATION, "(ours) Without a word for this long a pod is lost; 1 minute.", 60.0
    )
    lost: int = key(
        "lostPods", kinds.whole(), "(ours) How often a step begins again in another pod when it lost one; 2.", 2
    )
    listen_host: str = key("listen.host", kinds.TEXT, "(ours) Where pods call this process; all addresses.", "0.0.0.0")  # noqa: S104  # pods call from elsewhere
    listen_port: int = key(
        "listen.port", kinds.PORT, "(ours) The port for it; each further process takes the next.", 7010
    )
    url: str | None = key(
        "url", kinds.TEXT, "(ours) This process as pods reach it; by default http://$POD_IP and the port.", None
    )
    warm: int = key(
        "warmPods",
        kinds.whole(most=100),
        "(ours) Pods of 'image' that wait for steps, for each process that runs tasks; none by default.",
        0,
    )
    bucket: BucketSettings | None = key(
        "workspace.s3",
        Section(BucketSettings, is_optional=True),
        "(ours) A bucket of S3 over which workspaces travel; without it they go to pods and back over HTTP.",
        None,
    )
    owner: str = key(
        "instance", kinds.TEXT, "(ours) Tells our Jobs from those of another service in the namespace.", "backstage-py"
    )
    config: Sequence[str] | None = key(
        "config", kinds.TEXTS, "(ours) Keys of this configuration that pods see; none by default.", None
    )
    reads: tuple[ReadingRule, ...] = key(
        "reads",
        Each(ReadingRule),
        "(ours) What the service reads by URL for any pod, beside hosts that its step's input names and the template's "
        "own repository.",
        (),
    )
