// The JS package `yaml` as Backstage calls it. One JSON request a line:
//   {"id", "op": "parse", "text", "merge"?} -> {"id", "documents": [{"value"} | {"errors": [text, …]}]}
//   {"id", "op": "stringify", "value", "options"?} -> {"id", "text"}
import { createRequire } from 'node:module';
import process from 'node:process';
import { createInterface } from 'node:readline';

const YAML = createRequire(`${process.env.BACKSTAGE_PY_ORACLE}/package.json`)('yaml');

const quiet = { logLevel: 'silent' };

function readDocument(document) {
  if (document.errors.length > 0) {
    return { errors: document.errors.map(String) };
  }
  try {
    const value = document.toJSON();
    JSON.stringify(value); // a value that refers to itself cannot be sent on, by Backstage neither
    return { value: value ?? null };
  } catch (error) {
    return { errors: [String(error)] };
  }
}

function answer(request) {
  if (request.op === 'stringify') {
    return { text: YAML.stringify(request.value, request.options) };
  }
  try {
    const documents = YAML.parseAllDocuments(request.text, { merge: request.merge ?? false, ...quiet });
    return { documents: Array.from(documents, d => readDocument(d)) };
  } catch (error) {
    return { documents: [{ errors: [String(error)] }] };
  }
}

// The package warns of keys that are collections on the process's own channel; stdout is for answers only.
process.removeAllListeners('warning');
process.on('warning', () => {});

createInterface({ input: process.stdin }).on('line', line => {
  const request = JSON.parse(line);
  let result;
  try {
    result = answer(request);
  } catch (error) {
    result = { failed: String(error) };
  }
  process.stdout.write(`${JSON.stringify({ id: request.id, ...result })}\n`);
});
