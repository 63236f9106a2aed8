"""``platformMetrics`` (ours): what the platform's own metrics count, and for how long it is kept."""

from dataclasses import dataclass

from backstage_py.settings import kinds
from backstage_py.settings.description import key

_DAY = 86_400.0
_CHANGING = (
    "argocd:application:create",
    "argocd:create-*",
    "argocd:delete",
    "argocd:sync",
    "cnoe:kubernetes:apply",
    "crossplane:*:delete",
    "crossplane:*:request",
    "crossplane:xr:apply",
    "externalsecret:create",
    "flux:*:create",
    "kube:apply",
    "kube:delete",
    "kubernetes:apply",
    "kubernetes:create-namespace",
    "kubernetes:delete",
    "sealedsecret:create",
    "terraform:apply",
    "vault:database:role",
    "vault:policy:write",
    "vault:role:create",
)


@dataclass(frozen=True, slots=True)
class PlatformMetricsSettings:
    """``platformMetrics``."""

    retention: float = key(
        "retention",
        kinds.LASTING,
        "(ours) How long the events of the platform's metrics are kept; 400 days by default.",
        400 * _DAY,
    )
    production: tuple[str, ...] = key(
        "productionEnvironments",
        kinds.TEXTS,
        "(ours) Environments that are production, in any case; production, prod and live by default. What a host says "
        "is production counts, too.",
        ("production", "prod", "live"),
    )
    infrastructure: tuple[str, ...] = key(
        "infrastructureActions",
        kinds.TEXTS,
        "(ours) Globs for actions that make a task a change of infrastructure; those of Crossplane, Terraform, "
        "Kubernetes, GitOps and Vault that change something by default.",
        _CHANGING,
    )
    ticket_actions: tuple[str, ...] = key(
        "ticketActions",
        kinds.TEXTS,
        "(ours) Globs for actions that open a ticket; jira:*, servicenow:*, github:issues:create and "
        "gitlab:issues:create by default.",
        ("jira:*", "servicenow:*", "github:issues:create", "gitlab:issues:create"),
    )
    ticket_parameters: tuple[str, ...] = key(
        "ticketParameters",
        kinds.TEXTS,
        "(ours) Form fields that name a ticket; ticket, ticketId, ticketUrl, issue and changeRequest by default.",
        ("ticket", "ticketId", "ticketUrl", "issue", "changeRequest"),
    )
