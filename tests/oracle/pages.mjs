// Which pages of a form Backstage shows, and which values stay. One JSON request a line:
//   {"id", "pages", "values"} -> {"id", "visible": [boolean, …], "values"}
import { createRequire } from 'node:module';
import process from 'node:process';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.BACKSTAGE_PY_ORACLE}/package.json`);
const folder = `${process.env.BACKSTAGE_PY_ORACLE}/node_modules/@backstage/plugin-scaffolder-common/dist`;
const { resolveParameterSteps } = require(`${folder}/filterHiddenStepValues.cjs.js`);

createInterface({ input: process.stdin }).on('line', line => {
  const { id, pages, values } = JSON.parse(line);
  const steps = pages.map(page => ({ schema: page, when: page.when }));
  process.stdout.write(`${JSON.stringify({ id, ...resolveParameterSteps(values, steps) })}\n`);
});
