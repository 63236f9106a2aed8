// The two validators of Backstage. One JSON request a line:
//   {"id", "op": "jsonschema", "schema", "value"} -> {"id", "problems": [error, …]} | {"id", "failed": text}
//   {"id", "op": "ajv", "schema", "value", "others"?, "all"?} -> the same; "others" are schemas that $ref may name,
//   "all" asks for all errors, as the catalog does, where requests are checked up to the first
import { createRequire } from 'node:module';
import process from 'node:process';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.BACKSTAGE_PY_ORACLE}/package.json`);
const jsonschema = require('jsonschema');
const Ajv = require('ajv').default;

function problems({ op, schema, value, others = [], all = false }) {
  if (op === 'jsonschema') {
    return jsonschema.validate(value, schema).errors;
  }
  const ajv = new Ajv({ allErrors: all, strict: false, allowUnionTypes: true, validateSchema: false, logger: false });
  ajv.addSchema(others);
  const check = ajv.compile(schema);
  return check(value) ? [] : check.errors;
}

createInterface({ input: process.stdin }).on('line', line => {
  const request = JSON.parse(line);
  let result;
  try {
    result = JSON.stringify({ id: request.id, problems: problems(request) });
  } catch (error) {
    result = JSON.stringify({ id: request.id, failed: error.message });
  }
  process.stdout.write(`${result}\n`);
});
