"""The built-in actions, one family per module, through the same door as a third party's.

``FAMILIES`` is what the entry point offers: a family is imported when the first of its actions is asked for, since all
together they would be a tenth of a service's memory and of its start. A family's module imports
``backstage_py.plugin``, ``plugin.formats`` and the adapters of ``backstage_py.integrations`` that ``pyproject.toml``
names, and nothing else of the service (import-linter holds it); foreign clients are imported when an action runs. One
thing is not public: these actions never block, so they run on the service's own event loop (``is_trusted_on_loop``)
and use ``plugin.brief`` there.
"""

from collections.abc import Mapping

FAMILIES: Mapping[str, frozenset[str]] = {
    "backstage_py_actions.fetch": frozenset(
        {
            "fetch:cookiecutter",
            "fetch:plain",
            "fetch:plain:file",
            "fetch:template",
            "fetch:template:file",
            "workspace:template",
            "workspace:template:file",
        }
    ),
    "backstage_py_actions.filesystem": frozenset({"fs:delete", "fs:read", "fs:readdir", "fs:rename"}),
    "backstage_py_actions.catalog": frozenset({"catalog:fetch", "catalog:register", "catalog:write"}),
    "backstage_py_actions.debug": frozenset({"debug:log", "debug:wait"}),
    "backstage_py_actions.http": frozenset({"http:backstage:request"}),
    "backstage_py_actions.github": frozenset(
        {
            "github:actions:dispatch",
            "github:autolinks:create",
            "github:branch-protection:create",
            "github:commits:compare",
            "github:deployKey:create",
            "github:environment:create",
            "github:issues:create",
            "github:issues:label",
            "github:pages:enable",
            "github:repo:create",
            "github:repo:push",
            "github:repo:rulesets:create",
            "github:webhook",
            "publish:github",
            "publish:github:pull-request",
        }
    ),
    "backstage_py_actions.gitlab": frozenset(
        {
            "gitlab:group:access",
            "gitlab:group:ensureExists",
            "gitlab:group:migrate",
            "gitlab:issue:edit",
            "gitlab:issues:create",
            "gitlab:pipeline:trigger",
            "gitlab:projectAccessToken:create",
            "gitlab:projectDeployToken:create",
            "gitlab:projectVariable:create",
            "gitlab:repo:push",
            "gitlab:user:info",
            "publish:gitlab",
            "publish:gitlab:merge-request",
        }
    ),
    "backstage_py_actions.gitea": frozenset({"publish:gitea"}),
    "backstage_py_actions.gerrit": frozenset({"publish:gerrit", "publish:gerrit:review"}),
    "backstage_py_actions.bitbucket": frozenset(
        {
            "bitbucket:pipelines:run",
            "bitbucketCloud:branchRestriction:create",
            "publish:bitbucketCloud",
            "publish:bitbucketCloud:pull-request",
            "publish:bitbucketServer",
            "publish:bitbucketServer:pull-request",
        }
    ),
    "backstage_py_actions.azure": frozenset(
        {
            "azure:pipeline:create",
            "azure:pipeline:permit",
            "azure:pipeline:run",
            "azure:pr:create",
            "azure:repo:clone",
            "azure:repo:pr",
            "azure:repo:push",
            "azure:repository:clone",
            "azure:repository:push",
            "publish:azure",
        }
    ),
    "backstage_py_actions.roadiehq": frozenset(
        {
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
        }
    ),
    "backstage_py_actions.notifications": frozenset({"notification:send"}),
    "backstage_py_actions.slack": frozenset({"slack:sendMessage:conversation", "slack:sendMessage:webhook"}),
    "backstage_py_actions.ms_teams": frozenset({"ms-teams:sendMessage"}),
    "backstage_py_actions.summary": frozenset({"notify:summary"}),
    "backstage_py_actions.kubernetes": frozenset(
        {
            "cnoe:kubernetes:apply",
            "cnoe:utils:sanitize",
            "externalsecret:create",
            "kube:apply",
            "kube:delete",
            "kube:job:wait",
            "kubernetes:apply",
            "kubernetes:create-namespace",
            "kubernetes:delete",
            "kubernetes:get",
            "kubernetes:rollout",
            "kubernetes:wait",
            "sealedsecret:create",
        }
    ),
    "backstage_py_actions.crossplane": frozenset(
        {
            "crossplane:postgres:delete",
            "crossplane:postgres:request",
            "crossplane:postgres:status",
            "crossplane:resource:delete",
            "crossplane:resource:request",
            "crossplane:resource:status",
            "crossplane:xr:apply",
            "crossplane:xr:wait",
        }
    ),
    "backstage_py_actions.argocd": frozenset(
        {"argocd:create-app", "argocd:create-resources", "cnoe:create-argocd-app"}
    ),
    "backstage_py_actions.gitops": frozenset(
        {
            "argocd:application:create",
            "argocd:delete",
            "argocd:sync",
            "argocd:wait",
            "flux:helmrelease:create",
            "flux:kustomization:create",
            "flux:wait",
        }
    ),
    "backstage_py_actions.vault": frozenset(
        {
            "vault:add-secret",
            "vault:database:role",
            "vault:kv:read",
            "vault:kv:write",
            "vault:policy:write",
            "vault:role:create",
        }
    ),
    "backstage_py_actions.score": frozenset({"score:generate"}),
    "backstage_py_actions.policy": frozenset({"policy:check"}),
    "backstage_py_actions.terraform": frozenset({"terraform:apply", "terraform:plan"}),
}
"""The ids of each module's actions, for those who must know them before it is imported."""
