// Runs actions of a module of Backstage: MODULE CONFIG-AS-JSON HOSTS-AS-JSON; then a request a line, an answer a line.
// HOSTS are those that a stand-in takes the place of, with its URL: modules have names of public hosts in their code.
// {folder, action, input, dry} gives {output, error, log}; {resource, token, context} gives {results, error}.
const { createRequire } = require('node:module');
const fs = require('node:fs');
const path = require('node:path');
const root = process.env.BACKSTAGE_PY_ANCHOR;
const load = createRequire(path.join(root, 'index.js'));
console.log = console.error; // answers alone go to stdout
const [, , name, given, hosts] = process.argv;
reroute(JSON.parse(hosts));
hurry();
const { ConfigReader } = load('@backstage/config');
const { ScmIntegrations } = load('@backstage/integration');
const config = new ConfigReader(JSON.parse(given));
const integrations = ScmIntegrations.fromConfig(config);
const requireScmUserCredentials = config.getOptionalBoolean('scaffolder.requireScmUserCredentials') ?? false;
const catalog = { getEntitiesByRefs: async ({ entityRefs }) => ({ items: entityRefs.map(entity) }) };
const options = { config, integrations, requireScmUserCredentials, catalog };

const actions = {};
const dist = path.join(root, 'node_modules', name, 'dist');
for (const file of fs.readdirSync(path.join(dist, 'actions')).filter(one => one.endsWith('.cjs.js'))) {
  for (const [key, make] of Object.entries(load(path.join(dist, 'actions', file)))) {
    if (!/^(create|edit).*Action$/.test(key)) continue;
    const action = make(options);
    actions[action.id] = action;
  }
}

function entity(ref) {
  const [, kind, name] = ref.match(/^(\w+):(?:\w+\/)?(.+)$/);
  return { kind: kind[0].toUpperCase() + kind.slice(1), metadata: { name } };
}

// Clients spare a host by waiting seconds between requests, and before they ask again; a stand-in needs none of it.
function hurry() {
  const { setTimeout: kept } = globalThis;
  globalThis.setTimeout = (work, after, ...more) => kept(work, after > 100 && after < 20_000 ? 10 : after, ...more);
}

function reroute(hosts) {
  const http = require('node:http');
  const https = require('node:https');
  const { fetch } = globalThis;
  globalThis.fetch = (asked, options) => {
    if (asked instanceof Request) return fetch(asked, options);
    const url = new URL(asked);
    return fetch(url.host in hosts ? hosts[url.host] + url.pathname + url.search : asked, options);
  };
  for (const [client, verb] of [[http, 'request'], [http, 'get'], [https, 'request'], [https, 'get']]) {
    const kept = client[verb];
    const plain = http[verb];
    client[verb] = (...given) => {
      const options = typeof given[0] === 'object' && !(given[0] instanceof URL) ? given[0] : new URL(given[0]);
      const host = options.port && options.port !== 443 ? `${options.hostname}:${options.port}` : options.hostname ?? options.host;
      if (!(host in hosts)) return kept(...given);
      const place = new URL(hosts[host]);
      const path = options.path ?? options.pathname + options.search;
      const more = given.slice(1).reduce((all, one) => (typeof one === 'object' ? { ...all, ...one } : all), {});
      const { headers, method } = { ...options, ...more };
      const sent = { method, headers, path, hostname: place.hostname, port: place.port, protocol: 'http:' };
      return (client === http ? kept : plain)(sent, given.find(one => typeof one === 'function'));
    };
  }
}

function logger(log) {
  const found = { child: () => found };
  for (const level of ['debug', 'info', 'warn', 'error']) found[level] = text => log.push([level, String(text)]);
  return found;
}

async function run({ folder, action, input, dry }) {
  const output = {};
  const log = [];
  try {
    await actions[action].handler({
      input,
      workspacePath: folder,
      isDryRun: Boolean(dry),
      logger: logger(log),
      output: (key, value) => { output[key] = value; },
      checkpoint: async ({ fn }) => fn(),
      task: { id: 'task' },
      step: { id: 'step' },
      getInitiatorCredentials: async () => ({}),
      createTemporaryDirectory: async () => fs.mkdtempSync(path.join(folder, '..', 'tmp-')),
    });
    return { output, log };
  } catch (error) {
    return { output, log, error: { name: error.name, message: String(error.message) } };
  }
}

async function complete({ resource, token, context }) {
  try {
    const found = load(path.join(dist, 'autocomplete', 'autocomplete.cjs.js'));
    const handle = found.handleAutocompleteRequest ?? found.createHandleAutocompleteRequest({ integrations });
    return await handle({ resource, token, context });
  } catch (error) {
    return { error: { name: error.name, message: String(error.message) } };
  }
}

function describe() {
  return Object.values(actions).map(one => ({
    id: one.id, description: one.description, examples: one.examples, schema: one.schema, dry: Boolean(one.supportsDryRun),
  }));
}

const lines = require('node:readline').createInterface({ input: process.stdin });
(async () => {
  for await (const line of lines) {
    const asked = JSON.parse(line);
    const said = asked.describe ? describe() : asked.resource ? await complete(asked) : await run(asked);
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
})();
