// Runs actions of @roadiehq/scaffolder-backend-module-utils: a request a line, {folder, action, input}; an answer a line.
const { createRequire } = require('node:module');
const path = require('node:path');
const load = createRequire(path.join(process.env.BACKSTAGE_PY_ANCHOR, 'index.js'));
const { validate } = load('jsonschema');
const made = load('@roadiehq/scaffolder-backend-module-utils');

const actions = Object.fromEntries(
  Object.entries(made)
    .filter(([name]) => /^create.*Action$/.test(name))
    .map(([, create]) => create({}))
    .map(action => [action.id, action]),
);
const quiet = new Proxy({}, { get: () => () => quiet });

async function answer({ folder, action, input }) {
  const output = {};
  try {
    // as the scaffolder does before it calls a handler
    const checked = validate(input, actions[action].schema?.input ?? {});
    if (!checked.valid) throw new Error(`Invalid input: ${checked.errors.join(', ')}`);
    await actions[action].handler({
      input,
      workspacePath: folder,
      logger: quiet,
      logStream: { write: () => true },
      output: (name, value) => { output[name] = value; },
    });
    return { output };
  } catch (error) {
    return { error: String(error.message) };
  }
}

const lines = require('node:readline').createInterface({ input: process.stdin });
(async () => {
  for await (const line of lines) process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
})();
