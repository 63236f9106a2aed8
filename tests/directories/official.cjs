// Runs providers of entities of Backstage's modules, a request a line, an answer a line:
// {module, provider, config, events, options} gives {mutations, errors}.
const { createRequire } = require('node:module');
const path = require('node:path');
const load = createRequire(path.join(process.env.BACKSTAGE_PY_ANCHOR, 'index.js'));
const { ConfigReader } = load('@backstage/config');

// Tokens of Entra ID come over https from hosts of Microsoft, which a stand-in is not.
const identity = load.resolve('@azure/identity');
const credential = class { async getToken(scope) { return { token: `for:${scope}` }; } };
require.cache[identity] = {
  id: identity, filename: identity, loaded: true, children: [],
  exports: { ClientSecretCredential: credential, DefaultAzureCredential: credential },
};

function logger(errors) {
  const found = { child: () => found, debug() {}, info() {}, warn() {} };
  found.error = (text, error) => errors.push(String((error && error.message) || text));
  return found;
}

async function run({ module, provider, config, events, more }) {
  const errors = [];
  const mutations = [];
  const rounds = [];
  const topics = {};
  const connection = {
    applyMutation: async one => mutations.push(one),
    refresh: async one => mutations.push({ type: 'refresh', ...one }),
  };
  try {
    const made = load(module)[provider].fromConfig(new ConfigReader(config), {
      logger: logger(errors),
      schedule: { run: async task => rounds.push(task.fn) },
      events: {
        subscribe: async ({ topics: names, onEvent }) => names.forEach(name => { topics[name] = onEvent; }),
      },
      ...more,
    });
    for (const one of [made].flat()) await one.connect(connection);
    for (const one of rounds) await one(new AbortController().signal);
    for (const one of events || []) {
      mutations.push({ type: 'event', topic: one.topic });
      if (topics[one.topic]) await topics[one.topic](one);
    }
  } catch (error) {
    errors.push(String(error.message));
  }
  return { mutations, errors };
}

const lines = require('node:readline').createInterface({ input: process.stdin });
(async () => {
  for await (const line of lines) process.stdout.write(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
})();
