"""The releases whose recorded calls are replayed, and what may be answered otherwise: reviewed, each with its reason.

``BACKSTAGE_RELEASE=1.55.0`` replays the calls of that release in place of the newest.
"""

import os
from collections.abc import Mapping

NEWEST = "1.57.1"
RELEASE = os.environ.get("BACKSTAGE_RELEASE", NEWEST)

OTHERWISE: Mapping[str, Mapping[str, str]] = {
    NEWEST: {},
    "1.55.0": {
        "auth-openid-config": "1.56 lists no ways for a client to sign in, and S256 alone",
        "scaffolder-openapi": "tags, and `when` of pages, are of 1.57",
        "catalog-actions-registry": "since 1.57 plain values are predicates below $contains only",
        "byquery-post-bad": "since 1.57 plain values are predicates below $contains only",
        "byrefs": "since 1.57 references are taken in any case",
    },
}
"""Calls that are answered otherwise than the release did, by release."""

OWN_WORDS = frozenset(
    {
        "actions",
        "cors-get",
        "scaffolder-openapi",
        "catalog-openapi",
        "scaffolder-actions-registry",
        "catalog-actions-registry",
    }
)
"""Calls whose answer describes this service: its titles, descriptions and examples are our own words."""

OWN_ACTIONS = frozenset(
    {
        "argocd:application:create",
        "argocd:create-app",
        "argocd:create-resources",
        "argocd:delete",
        "argocd:sync",
        "argocd:wait",
        "azure:repo:clone",
        "azure:repo:pr",
        "azure:repo:push",
        "cnoe:create-argocd-app",
        "cnoe:kubernetes:apply",
        "cnoe:utils:sanitize",
        "crossplane:postgres:delete",
        "crossplane:postgres:request",
        "crossplane:postgres:status",
        "crossplane:resource:delete",
        "crossplane:resource:request",
        "crossplane:resource:status",
        "crossplane:xr:apply",
        "crossplane:xr:wait",
        "externalsecret:create",
        "fetch:cookiecutter",
        "flux:helmrelease:create",
        "flux:kustomization:create",
        "flux:wait",
        "fs:read",
        "github:commits:compare",
        "http:backstage:request",
        "kube:apply",
        "kube:delete",
        "kube:job:wait",
        "kubernetes:apply",
        "kubernetes:create-namespace",
        "kubernetes:delete",
        "kubernetes:get",
        "kubernetes:rollout",
        "kubernetes:wait",
        "ms-teams:sendMessage",
        "notification:send",
        "notify:summary",
        "policy:check",
        "roadiehq:utils:fs:append",
        "roadiehq:utils:fs:parse",
        "roadiehq:utils:fs:replace",
        "roadiehq:utils:fs:write",
        "roadiehq:utils:json:merge",
        "roadiehq:utils:jsonata",
        "roadiehq:utils:jsonata:json:transform",
        "roadiehq:utils:jsonata:yaml:transform",
        "roadiehq:utils:merge",
        "roadiehq:utils:serialize:json",
        "roadiehq:utils:serialize:yaml",
        "roadiehq:utils:sleep",
        "roadiehq:utils:zip",
        "score:generate",
        "sealedsecret:create",
        "slack:sendMessage:conversation",
        "slack:sendMessage:webhook",
        "terraform:apply",
        "terraform:plan",
        "vault:add-secret",
        "vault:database:role",
        "vault:kv:read",
        "vault:kv:write",
        "vault:policy:write",
        "vault:role:create",
        "workspace:template",
        "workspace:template:file",
    }
)
"""Actions that the recorded Backstage had not: of its other modules, of the community, of a stock app, and our own."""

LATER_ACTIONS: Mapping[str, frozenset[str]] = {
    NEWEST: frozenset(),
    "1.55.0": frozenset({"github:repo:rulesets:create"}),
}
"""Actions of Backstage that came after a release."""
