// Runs providers of entities of Backstage's modules, a request a line, an answer a line:
// {module, provider, config, events, hosts} gives {mutations, errors}; after each event, {type: 'event', topic}.
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

// Public hosts in whose place a stand-in is: what begins with a URL goes to another one.
let hosts = {};
const redirected = url => {
  const found = Object.keys(hosts).find(one => url.startsWith(one));
  return found ? hosts[found] + url.slice(found.length) : url;
};
const crossFetch = load.resolve('cross-fetch');
require.cache[crossFetch] = {
  id: crossFetch, filename: crossFetch, loaded: true, children: [],
  exports: {
    Request: globalThis.Request,
    default: (request, options) => fetch(redirected(request.url), { method: request.method, ...options }),
  },
};

// What the catalog has after the mutations so far, for providers that ask it.
function catalogOf(mutations) {
  const ref = one => [one.kind, one.metadata.namespace || 'default', one.metadata.name].join('/').toLowerCase();
  const items = () => {
    const found = new Map();
    for (const one of mutations) {
      if (one.type === 'full') found.clear();
      for (const gone of one.removed || []) found.delete(ref(gone.entity));
      for (const made of one.entities || one.added || []) found.set(ref(made.entity), made.entity);
    }
    return [...found.values()];
  };
  const fits = (entity, filter) => Object.entries(filter).every(([key, value]) => {
    const annotation = key.startsWith('metadata.annotations.') && key.slice('metadata.annotations.'.length);
    return annotation ? (entity.metadata.annotations || {})[annotation] === value : entity[key] === value;
  });
  return { getEntities: async ({ filter }) => ({ items: items().filter(one => fits(one, filter)) }) };
}

function logger(errors) {
  const found = { child: () => found, debug() {}, info() {}, warn() {} };
  found.error = (text, error) => errors.push(String((error && error.message) || text));
  return found;
}

async function run({ module, provider, config, events, hosts: given }) {
  hosts = given || {};
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
      auth: { getOwnServiceCredentials: async () => ({}) },
      catalog: catalogOf(mutations),
      catalogApi: catalogOf(mutations),
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
