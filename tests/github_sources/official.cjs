// Runs Backstage's providers for GitHub once: KIND CONFIG-AS-JSON gives a line with the mutations as JSON, or {error}.
const { createRequire } = require('node:module');
const path = require('node:path');
const load = createRequire(path.join(process.env.BACKSTAGE_PY_ANCHOR, 'index.js'));
const [, , kind, given] = process.argv;
const { ConfigReader } = load('@backstage/config');
const module_ = load('@backstage/plugin-catalog-backend-module-github');
const data = JSON.parse(given);
const config = new ConfigReader(data);
const logger = { child: () => logger };
const log = [];
for (const level of ['debug', 'info', 'warn', 'error']) logger[level] = text => log.push(`${level}: ${text}`);
const mutations = [];
const connection = {
  applyMutation: async mutation => { mutations.push(mutation); },
  refresh: async ({ keys }) => { mutations.push({ type: 'refresh', keys }); },
};
const once = { run: async task => task.fn(new AbortController().signal) };

function providers() {
  if (kind === 'github') return module_.GithubEntityProvider.fromConfig(config, { logger, schedule: once });
  const listed = data.catalog.providers.githubOrg;
  const all = Array.isArray(listed) ? listed : [listed];
  return all.map(one => module_.GithubMultiOrgEntityProvider.fromConfig(config, {
    ...one,
    excludeSuspendedUsers: one.excludeSuspendedUsers ?? false,
    userTransformer: module_.buildDefaultUserTransformer({
      useVerifiedEmails: one.defaultUserTransformer?.useVerifiedEmails ?? false,
    }),
    alwaysUseDefaultNamespace: all.length === 1 && one.orgs?.length === 1,
    logger,
    schedule: once,
  }));
}

(async () => {
  for (const one of providers()) await one.connect(connection);
  console.log(JSON.stringify({ mutations, log }));
})();
