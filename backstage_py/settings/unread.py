"""Keys of Backstage and of what is often installed beside it that this service does not read, each with the reason.

Either another program of the same configuration reads them (``owner``), or they have no effect here
(``without_effect``). A key that some class describes is read, whatever stands here; so a key is taken out of this
table when it is read from then on, or simply left.
"""

from collections.abc import Iterator

from backstage_py.settings.description import Key

_AUTH = "the auth backend that signs users in"
_FRONTEND = "the frontend"
_NODE = "it sets up Node.js' server, and this service has its own bounds in backend.server"
_BOOT = "here nothing starts in part: what cannot be opened ends the start"


def _of(owner: str, *paths: str) -> Iterator[Key]:
    return (Key(path, owner=owner) for path in paths)


def _idle(reason: str, *paths: str) -> Iterator[Key]:
    return (Key(path, without_effect=reason) for path in paths)


_BACKEND = (
    *_idle("nothing here keeps a cache outside of the process and its database", "backend.cache"),
    *_idle("plugins in Python are found by their entry points", "backend.packages"),
    *_idle(_BOOT, "backend.startup"),
    *_idle("requests are answered as soon as the service listens", "backend.lifecycle.startupRequestPauseTimeout"),
    *_idle(_NODE, "backend.server.timeout", "backend.server.maxHeadersCount", "backend.server.maxRequestsPerSocket"),
    *_idle(
        "plugins prove themselves with the keys of auth.keyFile, or with those of the database",
        "backend.auth.pluginKeyStore",
    ),
    *_idle("the service answers a preflight itself, with 204", "backend.cors.preflightContinue"),
    *_idle("the service answers a preflight itself, with 204", "backend.cors.optionsSuccessStatus"),
    *_idle("Referrer-Policy is always no-referrer", "backend.referrer"),
    *_idle("log lines carry what structlog binds", "backend.logger.meta"),
    *_idle("there is one level, backend.logger.level", "backend.logger.overrides"),
    *_idle("meters are named by OpenTelemetry's own variables", "backend.metrics.plugin"),
    *_idle("tracing is set up by OpenTelemetry's own variables", "backend.tracing"),
    *_idle("connections are watched and opened again by themselves", "backend.database.keepalive"),
)

_SIGN_IN = (
    Key("auth.providers.*", owner=_AUTH),
    *_of(
        _AUTH,
        "auth.session",
        "auth.staticClients",
        "auth.clientIdMetadataDocuments",
        "auth.experimentalClientIdMetadataDocuments",
        "auth.experimentalDynamicClientRegistration",
        "auth.experimentalExtraAllowedOrigins",
        "auth.experimentalRefreshToken",
        "auth.autologout",
    ),
    *_idle("keys are in the database, or in the file of auth.keyFile", "auth.keyStore"),
    *_idle("our tokens are signed with ES256, those of others are taken as they are", "auth.identityTokenAlgorithm"),
    *_idle("our tokens last an hour", "auth.backstageTokenExpiration"),
)

_WEBHOOK = ("Url", "Secret")
_ENTRA = ("clientCertificate", "clientCertificatePath")
_HOSTS = (
    *_idle("such hosts are not read", "integrations.googleGcs", "integrations.azureBlobStorage"),
    *_idle("buckets of the catalog are not read; scaffolder.workspaceProviders has its own", "integrations.awsS3"),
    *_idle("such hosts are not read", "integrations.awsCodeCommit", "integrations.bitbucket"),
    *_idle("how long is waited for limits stands in scaffolder.rateLimitWait", "integrations.gitlab[].retry"),
    *_idle("AWS' own variables and files give credentials", "aws"),
    *_idle(
        "a token of an installation needs the App's number and its private key alone",
        *(f"integrations.github[].apps[].{name}" for name in ("clientId", "clientSecret", "publicAccess")),
    ),
    *_of("the receiver of GitHub's events", *(f"integrations.github[].apps[].webhook{name}" for name in _WEBHOOK)),
    *_idle(
        "service principals sign in with a secret or as an identity",
        *(f"integrations.azure[].credentials[].{name}" for name in _ENTRA),
    ),
    *_idle("no action or reader uses Harness", "integrations.harness[].apiKey"),
)

_KUBERNETES = _of(
    "the Kubernetes plugin",
    "kubernetes.serviceLocatorMethod",
    "kubernetes.customResources",
    "kubernetes.objectTypes",
    "kubernetes.apiVersionOverrides",
    "kubernetes.frontend",
    "kubernetes.proxy",
    "kubernetes.auth",
    "kubernetes.clusterLocatorContinueOnError",
    "kubernetes.googleServiceAccountCredentials",
    *(
        f"kubernetes.clusterLocatorMethods[].{name}"
        for name in ("authProvider", "endpointType", "dangerouslyAllowClusterUrls", "dangerouslyAllowSkipTLSVerify")
    ),
    "kubernetes.clusterLocatorMethods[].clusters[].assumeRole",
    "kubernetes.clusterLocatorMethods[].clusters[].externalId",
    "kubernetes.clusterLocatorMethods[].region",
    "kubernetes.clusterLocatorMethods[].projectId",
    "kubernetes.clusterLocatorMethods[].skipTLSVerify",
    "kubernetes.clusterLocatorMethods[].skipMetricsLookup",
    "kubernetes.clusterLocatorMethods[].exposeDashboard",
    "kubernetes.clusterLocatorMethods[].clusters[].title",
    "kubernetes.clusterLocatorMethods[].clusters[].dashboardUrl",
    "kubernetes.clusterLocatorMethods[].clusters[].dashboardApp",
    "kubernetes.clusterLocatorMethods[].clusters[].dashboardParameters",
    "kubernetes.clusterLocatorMethods[].clusters[].skipMetricsLookup",
    "kubernetes.clusterLocatorMethods[].clusters[].oidcTokenProvider",
    "kubernetes.clusterLocatorMethods[].clusters[].customResources",
    "kubernetes.clusterLocatorMethods[].clusters[].authMetadata",
)

_PLUGINS = {
    "techdocs": "the TechDocs plugin",
    "proxy": "the proxy plugin",
    "search": "the search plugin",
    "notifications": "the notifications plugin",
    "signals": "the signals plugin",
    "scheduler": "the scheduler of Backstage",
    "userSettings": "the user settings plugin",
    "home": "the home plugin",
    "homepage": "the home plugin",
    "explore": "the explore plugin",
    "costInsights": "the Cost Insights plugin",
    "lighthouse": "the Lighthouse plugin",
    "jenkins": "the Jenkins plugin",
    "sonarqube": "the SonarQube plugin",
    "pagerDuty": "the PagerDuty plugin",
    "opsgenie": "the Opsgenie plugin",
    "sentry": "the Sentry plugin",
    "newrelic": "the New Relic plugin",
    "newRelicDashboard": "the New Relic plugin",
    "rollbar": "the Rollbar plugin",
    "airbrake": "the Airbrake plugin",
    "ilert": "the iLert plugin",
    "fossa": "the FOSSA plugin",
    "jira": "the Jira plugin",
    "azureDevOps": "the Azure DevOps plugin",
    "azureSites": "the Azure Sites plugin",
    "gcp": "the Google Cloud plugins",
    "gitlab": "the GitLab plugin",
    "dynatrace": "the Dynatrace plugin",
    "bitrise": "the Bitrise plugin",
    "circleci": "the CircleCI plugin",
    "linguist": "the Linguist plugin",
    "devTools": "the DevTools plugin",
    "todo": "the TODO plugin",
    "mcpActions": "the MCP actions plugin",
    "argocdPlugin": "the Argo CD plugin",
    "nexusRepositoryManager": "the Nexus plugin",
    "jfrogArtifactory": "the Artifactory plugin",
    "quay": "the Quay plugin",
    "acr": "the Azure Container Registry plugin",
    "ocm": "the Open Cluster Management plugin",
    "topology": "the Topology plugin",
    "orchestrator": "the Orchestrator plugin",
    "lightspeed": "the Lightspeed plugin",
    "bulkImport": "the bulk import plugin",
    "adoptionInsights": "the Adoption Insights plugin",
    "globalHeader": "the global header of Red Hat Developer Hub",
    "licensedUsers": "the licensed users plugin",
    "notificationsTester": "the notifications plugin",
    "developerHub": "Red Hat Developer Hub",
    "includeTransitiveGroupOwnership": "the backend of Red Hat Developer Hub that signs users in",
    "signInPage": "the frontend of Red Hat Developer Hub",
    "dynamicPlugins": "Red Hat Developer Hub's loader of plugins",
    "enabled": "Red Hat Developer Hub's backend",
    "upstream": "the chart of Red Hat Developer Hub",
    "buildInfo": "the frontend of Red Hat Developer Hub",
    "i18n": "the frontend of Red Hat Developer Hub",
    "customization": "the frontend of Red Hat Developer Hub",
    "extensions": "the extensions plugin of Red Hat Developer Hub",
}
"""By the section that they read."""

_EVENTS = _idle(
    "events are told within the database of this service; no bus of Backstage is asked",
    "events.useEventBus",
    "events.notifyTimeoutMs",
)

_DIRECTORIES = _idle("which directory is read stands in catalog.providers.ldapOrg", "ldap")

_REST = (
    Key("app.*", owner=_FRONTEND),
    Key("organization.*", owner=_FRONTEND),
    *(Key(section, owner=owner) for section, owner in _PLUGINS.items()),
    *_of("the permission backend", "permission.rbac", "permission.EXPERIMENTAL_enableBatchedRequests"),
    *_of("the Argo CD plugin", "argocd.revisionsToLoad", "argocd.localDevelopment", "argocd.namespacedApps"),
)

UNREAD: tuple[Key, ...] = (*_BACKEND, *_SIGN_IN, *_HOSTS, *_KUBERNETES, *_EVENTS, *_DIRECTORIES, *_REST)
