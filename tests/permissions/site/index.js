// A Backstage backend whose users sign in by saying their name, and whose policy is the table beside this file.
const { createBackend } = require('@backstage/backend-defaults');
const { createBackendModule } = require('@backstage/backend-plugin-api');
const { authProvidersExtensionPoint, createProxyAuthenticator, createProxyAuthProviderFactory } = require('@backstage/plugin-auth-node');
const { policyExtensionPoint } = require('@backstage/plugin-permission-node/alpha');
const table = require('./policy.json');

const filled = (value, user) => JSON.parse(JSON.stringify(value).replaceAll('$user', user));
const withType = (value, resourceType) =>
  value.rule
    ? { resourceType, ...value }
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [
      key, Array.isArray(inner) ? inner.map(one => withType(one, resourceType)) : withType(inner, resourceType)]));

const policy = {
  async handle({ permission }, user) {
    const name = user?.info.userEntityRef;
    const rows = table[name] ?? { '*': 'DENY' };
    const found = rows[permission.name] ?? rows['*'] ?? 'ALLOW';
    if (typeof found === 'string') return { result: found };
    return {
      result: 'CONDITIONAL',
      pluginId: permission.name.split('.')[0],
      resourceType: permission.resourceType,
      conditions: withType(filled(found, name), permission.resourceType),
    };
  },
};
const named = createProxyAuthenticator({
  defaultProfileTransform: async () => ({ profile: {} }),
  initialize: () => undefined,
  authenticate: async ({ req }) => ({ result: { name: req.header('x-user') } }),
});

const backend = createBackend();
backend.add(createBackendModule({
  pluginId: 'permission', moduleId: 'table',
  register(reg) {
    reg.registerInit({ deps: { policies: policyExtensionPoint }, init: async ({ policies }) => policies.setPolicy(policy) });
  },
}));
backend.add(createBackendModule({
  pluginId: 'auth', moduleId: 'named',
  register(reg) {
    reg.registerInit({
      deps: { providers: authProvidersExtensionPoint },
      init: async ({ providers }) => providers.registerProvider({
        providerId: 'named',
        factory: createProxyAuthProviderFactory({
          authenticator: named,
          signInResolver: async (info, ctx) => ctx.issueToken({ claims: { sub: info.result.name, ent: [info.result.name] } }),
        }),
      }),
    });
  },
}));
for (const name of [
  'auth-backend', 'catalog-backend', 'catalog-backend-module-scaffolder-entity-model', 'permission-backend', 'scaffolder-backend',
]) {
  const loaded = require(`@backstage/plugin-${name}`);
  backend.add(loaded.default ?? loaded);
}
backend.start();
