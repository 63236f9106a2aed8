// Patterns as npm's `jsonschema` compiles them: with the flag u, or else without. One JSON request a line:
//   {"id", "pattern", "texts": [text, …]} -> {"id", "found": [boolean, …] | null}
import process from 'node:process';
import { createInterface } from 'node:readline';

function compiled(pattern) {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      // the next one
    }
  }
  return null;
}

createInterface({ input: process.stdin }).on('line', line => {
  const { id, pattern, texts } = JSON.parse(line);
  const found = compiled(pattern);
  const answer = { id, found: found && texts.map(text => found.test(text)) };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
