"""Keys that no class of settings has a field for: old names, what one room reads by itself, Backstage's own.

They are known, so that nobody is told of a misspelling; those without an effect here say why.
"""

from collections.abc import Iterator

from backstage_py.settings import kinds
from backstage_py.settings.description import Key, below

ACTION_FILTERS = (
    Key("actions", kinds.OBJECT, "Distributed actions."),
    Key("actions.filter", kinds.OBJECT, "Which actions are offered and used; exclude is stronger."),
    *(
        Key(f"actions.filter.{name}[].{inner}", kind, about)
        for name in ("include", "exclude")
        for inner, kind, about in (
            ("id", kinds.TEXT, "Glob for the id."),
            ("attributes.destructive", kinds.SWITCH, ""),
            ("attributes.readOnly", kinds.SWITCH, ""),
            ("attributes.idempotent", kinds.SWITCH, ""),
        )
    ),
)

SCAFFOLDER = (
    Key("defaultEnvironment.parameters", kinds.OBJECT, "Read as environment.parameters."),
    Key("defaultEnvironment.secrets", kinds.OBJECT, "Read as environment.secrets."),
    Key(
        "requireScmUserCredentials",
        kinds.SWITCH,
        "Refuse the configured token of a git host: each task brings its user's own.",
    ),
    Key("defaultCommitSigningKey", kinds.TEXT, "OpenPGP or SSH private key that signs commits."),
    Key("defaultCommitSigning", kinds.SWITCH, "(ours) Sign each first commit, also where its action is not told to."),
    Key("EXPERIMENTAL_recoverTasks", kinds.SWITCH, "Old name of taskRecovery.enabled."),
    Key("EXPERIMENTAL_recoverTasksTimeout", kinds.DURATION, "Old name of taskRecovery.staleTimeout."),
    Key("EXPERIMENTAL_workspaceSerialization", kinds.SWITCH, "Old form of taskRecovery.workspaceProvider."),
    Key("EXPERIMENTAL_workspaceSerializationProvider", kinds.TEXT, "Old name of taskRecovery.workspaceProvider."),
    Key(
        "EXPERIMENTAL_gracefulShutdown",
        kinds.SWITCH,
        "Backstage's switch; this service always waits, see shutdownTimeout.",
    ),
    Key("http.allowedMethods", kinds.TEXTS, "HTTP methods that http:backstage:request may use; all by default."),
    Key("rateLimitWait", kinds.DURATION, "How long a request of an action waits for limits of git hosts; ten minutes."),
    Key("policies", kinds.ARRAY, "(ours) Policies that are asked before each action that may act outside."),
    *(
        Key(f"policies[].{name}", kind, f"(ours) {words}")
        for name, kind, words in (
            ("name", kinds.TEXT, "What messages and policy:check call it."),
            ("rego", kinds.TEXT, "Its text in Rego."),
            ("package", kinds.TEXT, "The package of `rego`; `main` by default."),
            ("opa", kinds.TEXT, "Or a package of the OPA server of `policy.opa`."),
            ("kyverno", kinds.OBJECT, "Or the admission of a cluster."),
            ("kyverno.clusterName", kinds.TEXT, "Its name in `kubernetes.clusterLocatorMethods`."),
            ("kyverno.namespace", kinds.TEXT, "Namespace of manifests that name none."),
            ("each", kinds.TEXT, "`tree` (the default), or `document` for one document after the other."),
            ("paths", kinds.TEXTS, "Globs for the files that it is about; all by default."),
            ("enforcement", kinds.TEXT, "`deny` (the default) or `warn`."),
            ("environments", kinds.OBJECT, "The same by environment."),
            ("environmentParameter", kinds.TEXT, "The form value that says the environment."),
        )
    ),
    Key("cookiecutter.allowHooks", kinds.SWITCH, "Run the hooks that a cookiecutter template brings; off by default."),
    Key("cookiecutter.extensions", kinds.TEXTS, "Jinja extensions that templates of cookiecutter may load."),
)

_AS_BACKSTAGE = "Backstage knows it no more either"
CATALOG = (
    Key(
        "disableDefaultProcessors",
        kinds.SWITCH,
        "Switch off the processors that read files and URLs and add the source annotations.",
    ),
    Key("providers", kinds.OBJECT, "Sources of entities; those of plugins, too."),
    Key("providers.*", kinds.ANY, "Options of a provider that a plugin brings."),
    Key("processors", kinds.OBJECT, "Options of processors that plugins bring, by their names."),
    Key("processors.*", kinds.ANY, "Options of a processor that a plugin brings."),
    Key("providerOptions", kinds.OBJECT, "By the name of a provider."),
    Key("providerOptions.*.disabled", kinds.SWITCH, "Leave the provider out."),
    Key("processorOptions", kinds.OBJECT, "By the name of a processor."),
    Key("processorOptions.*.disabled", kinds.SWITCH, "Leave the processor out."),
    Key(
        "processorOptions.*.priority",
        kinds.NUMBER,
        "Processors of plugins with lower numbers run first; 20 without it.",
    ),
    Key("import", kinds.OBJECT, "Of the frontend."),
    Key(
        "stitchingStrategy.pollingInterval",
        kinds.LASTING,
        without_effect="stitching is woken by each change and does not poll",
    ),
    Key(
        "stitchingStrategy.stitchTimeout",
        kinds.LASTING,
        without_effect="a stitching that is broken off is found again at once, not after a time",
    ),
    Key("stitchingStrategy.mode", kinds.TEXT, without_effect=_AS_BACKSTAGE),
    Key(
        "scmEvents",
        without_effect="events of git hosts are for the providers that read them, see events.modules; other "
        "locations are read again every catalog.processingInterval",
    ),
    Key("actions", kinds.OBJECT),
    Key(
        "actions.experimentalCatalogLayersDescriptions",
        without_effect="the action get-catalog-model-description has one form",
    ),
    Key("enableYamlMerge", without_effect=f"{_AS_BACKSTAGE}, and << is an ordinary key in entities"),
    Key("useUrlReadersSearch", without_effect=f"{_AS_BACKSTAGE}; patterns in URLs are always searched for"),
    Key("disableRelationsCompatibility", without_effect=f"{_AS_BACKSTAGE}; relations have a targetRef only"),
)

GIT_HOSTS = ("github", "gitlab", "azure", "bitbucketCloud", "bitbucketServer", "gitea", "gerrit", "harness")
HOST_KEYS = (
    Key("host", kinds.TEXT, "The host as in URLs, with its port if it has one."),
    Key("title", kinds.TEXT, "Shown to people."),
    Key("apiBaseUrl", kinds.URL, "Root of the API."),
    Key("rawBaseUrl", kinds.URL, "Root of raw files."),
    Key("token", kinds.TEXT, "Token for requests and pushes."),
)
_MORE_HOST_KEYS = (
    Key("baseUrl", kinds.URL, "Root of the pages."),
    Key("commitSigningKey", kinds.TEXT, "OpenPGP or SSH private key that signs commits for this host."),
)

INTEGRATIONS = (
    Key(
        "integrations",
        kinds.OBJECT,
        "Git hosts; github.com, gitlab.com, dev.azure.com and bitbucket.org are known without configuration.",
    ),
    *(one for name in GIT_HOSTS for one in below(f"integrations.{name}[]", (*HOST_KEYS, *_MORE_HOST_KEYS))),
    Key("integrations.github[].apps", kinds.ARRAY, "GitHub Apps."),
    Key("integrations.github[].apps[].appId", kinds.whole(), "Number of the App."),
    Key("integrations.github[].apps[].privateKey", kinds.TEXT, "Its key in PEM."),
    Key(
        "integrations.github[].apps[].allowedInstallationOwners",
        kinds.TEXTS,
        "Whose installations are used; all by default.",
    ),
    Key("integrations.azure[].credentials", kinds.ARRAY, "Credentials, one for all organizations or for some."),
    *below(
        "integrations.azure[].credentials[]",
        (
            Key("organizations", kinds.TEXTS, "The organizations that it is for; all others without."),
            Key("personalAccessToken", kinds.TEXT, "A personal access token."),
            Key("tenantId", kinds.TEXT, "Tenant of a service principal."),
            Key("clientId", kinds.TEXT, "Client of a service principal; alone a managed identity or system-assigned."),
            Key("clientSecret", kinds.TEXT, "Secret of a service principal."),
            Key("managedIdentityClientId", kinds.TEXT, "Managed identity that stands for the service principal."),
        ),
    ),
    Key("integrations.bitbucketCloud[].username", kinds.TEXT, "Goes with a token or an app password."),
    Key("integrations.bitbucketCloud[].appPassword", kinds.TEXT, "An app password."),
    Key("integrations.bitbucketCloud[].clientId", kinds.TEXT, "An OAuth consumer."),
    Key("integrations.bitbucketCloud[].clientSecret", kinds.TEXT, "Secret of the OAuth consumer."),
    Key("integrations.bitbucketServer[].username", kinds.TEXT, "Goes with a password."),
    Key("integrations.bitbucketServer[].password", kinds.TEXT, "Used without a token."),
    Key("integrations.gitea[].username", kinds.TEXT, "Goes with a password."),
    Key("integrations.gitea[].password", kinds.TEXT, "Used without a token."),
    Key("integrations.gerrit[].gitilesBaseUrl", kinds.URL, "Root of Gitiles, as in URLs of files; it must be there."),
    Key("integrations.gerrit[].cloneUrl", kinds.URL, "Root of what git clones and pushes to; `baseUrl` without it."),
    Key("integrations.gerrit[].username", kinds.TEXT, "Goes with a password."),
    Key("integrations.gerrit[].password", kinds.TEXT, "HTTP password, made in Gerrit's settings of the user."),
    Key("integrations.gerrit[].disableEditUrl", kinds.SWITCH, "Give entities no link to Gerrit's editor."),
)

_ENDPOINT = {"type": "object", "additionalProperties": False, "required": ["target", "plugins"]}
SHARED = (
    Key(
        "auth.providers.guest",
        kinds.either({"type": "null"}, kinds.OBJECT_SCHEMA),
        "Sign-in without password, for development.",
    ),
    Key("discovery", kinds.OBJECT, "Where plugins are that are not served here."),
    Key("discovery.endpoints", kinds.array_of(_ENDPOINT)),
    Key(
        "discovery.endpoints[].target",
        kinds.either(kinds.TEXT_SCHEMA, kinds.CLOSED_SCHEMA),
        "Base URL; {{pluginId}} stands for the plugin.",
    ),
    Key("discovery.endpoints[].target.internal", kinds.URL, "For services."),
    Key("discovery.endpoints[].target.external", kinds.URL, "For browsers."),
    Key("discovery.endpoints[].plugins", kinds.TEXTS, "Plugin ids, or * for all."),
)


def _texts(folder: str, **about: str) -> Iterator[Key]:
    return (Key(f"{folder}.{name}", kinds.TEXT, words) for name, words in about.items())


_CLUSTER_RULES = (
    Key(
        "allow",
        kinds.ARRAY,
        "(ours) Rules that lend the cluster's credentials to templates; without one they are lent to nobody.",
    ),
    Key("allow[].owners", kinds.TEXTS, "Globs for the template's owners, as the catalog knows them; all by default."),
    Key("allow[].sources", kinds.TEXTS, "Globs for the URL that the template was read from; all by default."),
    Key("allow[].namespaces", kinds.TEXTS, "Globs for namespaces that may be used."),
    Key("allow[].kinds", kinds.TEXTS, "Globs for kinds with a namespace, such as `Deployment.apps` and `ConfigMap`."),
    Key("allow[].clusterKinds", kinds.TEXTS, "Globs for kinds without a namespace."),
)

_SIZES = "Values by the size's name and the provider's: `small: {aws: {class: db.t4g.micro, storageGb: 20}}`."
_OFFER = "crossplane.resources.*"
_ARGO = "argocd.appLocatorMethods[].instances[]"
_PLACE = f"{_OFFER}.environments.*"


def _delivery(folder: str) -> Iterator[Key]:
    yield from _texts(
        f"{folder}.delivery",
        mode="`direct` (the default) applies it, `commit` and `pull-request` write it to the deployed repository.",
        repository="URL of that repository on GitHub.",
        branch="Its branch that is deployed; `main` by default.",
        path="An object's file there; `{environment}/{namespace}/{name}.yaml`, where `{resource}` may stand, too.",
        mergeMethod="`squash` (the default), `merge` or `rebase`.",
    )
    yield Key(f"{folder}.delivery.autoMerge", kinds.SWITCH, "Merge as soon as the repository's rules let it.")


CROSSPLANE = (
    Key("crossplane.resources", kinds.OBJECT, "(ours) What `/api/crossplane/<name>` and the actions offer, by name."),
    *_texts(
        _OFFER,
        group="API group of the kind that is applied.",
        kind="That kind: a claim's, or a composite's of version 2.",
        version="Its version; the one that its definition prefers by default.",
        provider="Which part of a size counts, such as `aws`.",
        namespace="Where it is made, with {team} in it; `{team}` by default.",
        owner="The group that owns it, with {team} in it; `group:default/{team}` by default.",
        at="Path in `spec` below which values are laid; `parameters` by default.",
        composition="The Composition to use.",
        connectionSecret="Name of the Secret with the connection, with {name}; `{name}-connection`.",  # words
        entityType="`spec.type` of the Resource in the catalog.",
        link="Where the catalog leads to, with {cluster}, {environment}, {kind}, {namespace} and {name}.",
    ),
    Key(f"{_OFFER}.fields", kinds.OBJECT, "Where values go in `spec`, by their names; null leaves one out."),
    Key(f"{_OFFER}.values", kinds.OBJECT, "Values for all environments, over the secure defaults."),
    Key(f"{_OFFER}.sizes", kinds.OBJECT, _SIZES),
    Key(f"{_OFFER}.options", kinds.TEXTS, "Values that callers may choose."),
    *_texts(f"{_OFFER}.definition", crossplane="`v1` or `v2`: how it is written where the cluster cannot be asked."),
    Key(f"{_OFFER}.definition.schema", kinds.OBJECT, "OpenAPI of the object there; anything goes by default."),
    *_delivery(_OFFER),
    Key(f"{_OFFER}.environments", kinds.OBJECT, "Where it is made, by name, such as `staging` and `prod`."),
    *_texts(
        _PLACE,
        cluster="Name of a cluster of `kubernetes.clusterLocatorMethods`.",
        provider="Another provider than the resource's.",
        composition="Another Composition than the resource's.",
    ),
    *_delivery(_PLACE),
    Key(f"{_PLACE}.production", kinds.SWITCH, "Several zones, protection, 30 days of backups; true for `prod…`."),
    Key(f"{_PLACE}.values", kinds.OBJECT, "Values for this environment, over those of a size."),
    Key(f"{_PLACE}.sizes", kinds.OBJECT, _SIZES),
)

ACTIONS = (
    Key("kubernetes.clusterLocatorMethods", kinds.ARRAY, "Clusters that actions apply manifests to."),
    *_texts(
        "kubernetes.clusterLocatorMethods[]",
        type="`config`, `localKubectlProxy` for one at http://localhost:8001, or ours `inCluster` and `kubeconfig`; "
        "others are passed over.",
        name="(ours) What templates call the cluster of `inCluster`.",
        path="(ours) The file of `kubeconfig`.",
    ),
    Key("kubernetes.clusterLocatorMethods[].contexts", kinds.TEXTS, "(ours) Contexts of `kubeconfig`; all by default."),
    Key(
        "kubernetes.clusterLocatorMethods[].allowExec",
        kinds.SWITCH,
        "(ours) Run the programs with which a kubeconfig gets credentials; refused by default.",
    ),
    *(
        one
        for place in ("kubernetes.clusterLocatorMethods[]", "kubernetes.clusterLocatorMethods[].clusters[]")
        for one in below(place, _CLUSTER_RULES)
    ),
    *_texts(
        "kubernetes.clusterLocatorMethods[].clusters[]",
        name="What templates call it.",
        url="URL of its API server.",
        authProvider="`serviceAccount`, or ours `clientCertificate`; with another one, templates give the token.",
        serviceAccountToken="Token of a service account; that of our own pod by default.",  # words
        caData="Certificate of its authority, PEM in base64.",
        caFile="The same as a file in PEM.",
        certData="(ours) Client certificate for `clientCertificate`, PEM in base64.",
        certFile="(ours) The same as a file in PEM.",
        keyData="(ours) Its key, PEM in base64.",
        keyFile="(ours) The same as a file in PEM.",
    ),
    Key("kubernetes.clusterLocatorMethods[].clusters[].skipTLSVerify", kinds.SWITCH, "Do not check its certificate."),
    *CROSSPLANE,
    *_texts(
        "argocd",
        username="Name for instances without their own.",
        password="Password for instances without their own.",  # noqa: S106  # words
    ),
    Key(
        "argocd.projectSettings.clusterResourceBlacklist",
        kinds.ARRAY,
        "Cluster-wide kinds that new projects may not deploy.",
    ),
    Key("argocd.projectSettings.clusterResourceWhitelist", kinds.ARRAY, "Cluster-wide kinds that they may."),
    Key("argocd.projectSettings.namespaceResourceBlacklist", kinds.ARRAY, "Namespaced kinds that they may not."),
    Key("argocd.projectSettings.namespaceResourceWhitelist", kinds.ARRAY, "Namespaced kinds that they may."),
    Key("argocd.appLocatorMethods", kinds.ARRAY, "Argo CDs that actions create applications in."),
    *_texts("argocd.appLocatorMethods[]", type="`config`; others are passed over."),
    *_texts(
        "argocd.appLocatorMethods[].instances[]",
        name="What templates call it.",
        url="Its URL.",
        token="Token to call it with.",  # noqa: S106  # words
        username="In place of a token.",
        password="In place of a token.",  # noqa: S106  # words
    ),
    Key(f"{_ARGO}.allow", kinds.ARRAY, "(ours) Which templates use which projects; none by default, but creates."),
    Key(f"{_ARGO}.allow[].owners", kinds.TEXTS, "Globs for the template's owners; all by default."),
    Key(f"{_ARGO}.allow[].sources", kinds.TEXTS, "Globs for the URL that the template was read from; all by default."),
    Key(f"{_ARGO}.allow[].projects", kinds.TEXTS, "Globs for projects of Argo CD."),
    Key(f"{_ARGO}.allow[].namespaces", kinds.TEXTS, "Globs for namespaces that are deployed to; all by default."),
    Key("sealedSecrets.certificates", kinds.OBJECT, "(ours) Certificates of Sealed Secrets controllers, by cluster."),
    *_texts("vault", baseUrl="URL of Vault or OpenBao."),
    Key(
        "vault.token",
        kinds.either(kinds.TEXT_SCHEMA, kinds.OBJECT_SCHEMA),
        "Token to call it with, or what `auth` takes.",
    ),
    *_texts(
        "vault.auth",
        type="`static`, `kubernetes` or `appRole`.",
        secret="The token, for `static`.",  # noqa: S106  # words
        role="The role to sign in as, for `kubernetes`.",
        roleId="(ours) The role to sign in as, for `appRole`.",
        secretId="(ours) Its secret id.",  # words
        secretIdPath="(ours) A file with the secret id, in place of it.",  # words
        authPath="Mount of the auth method; `kubernetes` or `approle` by default.",
        serviceAccountTokenPath="The pod's token; where Kubernetes puts it by default.",  # words
    ),
    Key("vault.allow", kinds.ARRAY, "(ours) What templates may read and change; nothing without it."),
    *(
        Key(f"vault.allow[].{name}", kinds.TEXTS, words)
        for name, words in {
            "owners": "(ours) Owners of templates, as the catalog knows them; all without it.",
            "sources": "(ours) URLs from which the catalog read the templates; all without it.",
            "read": "(ours) Paths `<mount>/<path>` that they may read.",
            "write": "(ours) Paths of key-value engines that they may write.",
            "policies": "(ours) Names of policies that they may write and give to roles.",
            "policyPaths": "(ours) Paths of Vault's API that these policies may open.",
            "roles": "(ours) Roles of Kubernetes auth methods that they may make, `<mount>/<role>`.",
            "namespaces": "(ours) Namespaces whose service accounts these roles may bind.",
            "databases": "(ours) Roles of databases that they may make, `<mount>/<role>`.",
        }.items()
    ),
    Key("vault.databases", kinds.OBJECT, "(ours) Databases for which templates make roles, by the name they use."),
    Key("vault.kvVersion", kinds.whole(), "Version of key-value engines that the token may not look at; 2 by default."),
    Key("policy.opa.url", kinds.URL, "(ours) URL of an OPA server, for policies."),
    Key("policy.opa.token", kinds.TEXT, "(ours) Token to call it with."),
    Key("score.resources", kinds.ARRAY, "(ours) What resources of Score workloads are, by type and class."),
    *_texts(
        "score.resources[]",
        type="(ours) The type that workloads name.",
        secret="(ours) Name of the Secret that its outputs are in.",  # noqa: S106  # words
        **{"class": "(ours) The class that it is about; all by default."},
    ),
    Key("score.resources[].outputs", kinds.OBJECT, "(ours) Texts, or `secretKey` and perhaps `secret`, by name."),
    Key("score.resources[].manifests", kinds.ARRAY, "(ours) Objects that ask for it."),
    *_texts(
        "terraform",
        binary="(ours) The program; `terraform` by default, `tofu` for OpenTofu.",
        mirror="(ours) A folder of providers, in place of registries.",
        planKey="(ours) Seals plans, so that another replica applies them; one that the service keeps by default.",
    ),
    Key("terraform.allow.providers", kinds.TEXTS, "(ours) Addresses of providers that templates may use."),
    Key("terraform.allow.modules", kinds.TEXTS, "(ours) Globs for sources of modules that are no folder of theirs."),
    Key("terraform.environment", kinds.OBJECT, "(ours) The program's environment: credentials; no other is inherited."),
    Key("terraform.backend.type", kinds.TEXT, "(ours) Where states are kept; a file of the workspace by default."),
    Key("terraform.backend.config", kinds.OBJECT, "(ours) Its configuration; `{state}` is what the step names."),
    *_texts(
        "slack",
        token="Token of the app; it goes before a template's.",  # noqa: S106  # words
        conversationId="Where every message goes, whatever a template says.",
        conversationName="The same by name.",
        webhookUrl="The webhook that every message goes to.",
        apiUrl="(ours) URL of the API of another Slack, such as GovSlack's.",
    ),
    *_texts("ms-teams", webhookUrl="The webhook that every message goes to."),
)
