// `nunjitsu` with the filters and globals that Backstage gives it. Lines in and out are those of
// `python -m backstage_py.templating --jsonl`; beside them
//   {"id", "op": "bench", "files": [{"source", "options"?}], "context", "rounds"} -> {"id", "milliseconds": [...]}
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.BACKSTAGE_PY_ORACLE}/package.json`);
const { createTemplateRenderer } = require('nunjitsu');
const { parseEntityRef } = require('@backstage/catalog-model');
const { get, trim } = require('lodash');

// Hosts that Backstage knows without any configuration, and the parts that a repository needs there.
const HOSTS = {
  'github.com': ['repo', 'owner'],
  'gitlab.com': ['repo', 'owner'],
  'bitbucket.org': ['workspace', 'project', 'repo'],
  'dev.azure.com': ['project', 'repo'],
  'amazonaws.com': ['repo', 'owner'],
  'blob.core.windows.net': ['repo', 'owner'],
  'storage.cloud.google.com': ['repo', 'owner'],
};

// Glue: the original lives in a package that brings git and every cloud's client along.
function parseRepoUrl(repoUrl) {
  const url = new URL(`https://${repoUrl}`);
  const part = name => (url.searchParams.has(name) ? trim(url.searchParams.get(name), '/') : undefined);
  let required = HOSTS[url.host];
  if (!required) {
    throw new Error(`No matching integration configuration for host ${url.host}`);
  }
  if (url.host === 'gitlab.com' && part('project')) {
    required = [];
  }
  for (const name of required) {
    if (!url.searchParams.get(name)) {
      throw new Error(`Invalid repo URL passed to publisher: ${url}, missing ${name}`);
    }
  }
  return {
    host: url.host,
    owner: part('owner'),
    repo: part('repo'),
    organization: part('organization'),
    workspace: part('workspace'),
    project: part('project'),
  };
}

const filters = {
  parseRepoUrl: (input, ...rest) => parseRepoUrl(input, ...rest),
  parseEntityRef: (input, ...rest) => parseEntityRef(input, ...rest),
  pick: (input, ...rest) => get(input, ...rest),
  projectSlug: input => {
    const { owner, repo } = parseRepoUrl(input);
    return `${owner}/${repo}`;
  },
};
const globals = { always: () => true, failure: () => false };
const renderers = new Map();

// `always` and `failure` are there for the values of steps, not for files.
function rendererFor(mode, { trimBlocks = false, lstripBlocks = false, cookiecutterCompat = false } = {}) {
  const key = `${mode}${trimBlocks}${lstripBlocks}${cookiecutterCompat}`;
  if (!renderers.has(key)) {
    const options = { trimBlocks, lstripBlocks, cookiecutterCompat };
    if (mode !== 'file') {
      options.globals = globals;
    }
    renderers.set(key, createTemplateRenderer({ allowRegexExecution: true, filters, ...options }));
  }
  return renderers.get(key);
}

function answer({ mode, source, context, options }) {
  try {
    const renderer = rendererFor(mode, options);
    if (mode === 'file') {
      return { value: renderer.render(source, context) };
    }
    const value = renderer.renderValue(source, context, { coercion: options?.coercion ?? 'none' });
    return value === undefined ? { undefined: true } : { value };
  } catch (error) {
    return { error: { message: error.message, line: error.line ?? null, column: error.column ?? null } };
  }
}

function bench({ files, context, rounds, mode = 'file' }) {
  const milliseconds = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const renderer = rendererFor(mode, files[0].options);
    const prepared = renderer.prepareContext(context);
    for (const { source } of files) {
      if (mode === 'file') {
        renderer.render(source, prepared);
      } else {
        renderer.renderValue(source, prepared, { coercion: 'json' });
      }
    }
    milliseconds.push(performance.now() - start);
  }
  return { milliseconds };
}

createInterface({ input: process.stdin }).on('line', line => {
  const request = JSON.parse(line);
  const result = request.op === 'bench' ? bench(request) : answer(request);
  process.stdout.write(`${JSON.stringify({ id: request.id, ...result })}\n`);
});
