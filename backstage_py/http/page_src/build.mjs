// Builds the page: `node build.mjs OUT`, in a folder that holds these sources and their installed packages.
// The same sources and lock file give the same bytes; nothing of the machine is in them.
import { build } from 'esbuild';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const out = process.argv[2];
const preact = 'preact/compat';
const result = await build({
  entryPoints: { page: 'src/main.jsx' },
  outdir: out,
  bundle: true,
  minify: true,
  metafile: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none', // all licences stand in licences.txt
  jsx: 'automatic',
  jsxImportSource: 'preact',
  define: { 'process.env.NODE_ENV': '"production"' },
  alias: { react: preact, 'react-dom': preact, 'react/jsx-runtime': 'preact/jsx-runtime', lodash: 'lodash-es' },
});
await mkdir(out, { recursive: true });
await copyFile('src/index.html', join(out, 'index.html'));
await writeFile(join(out, 'licences.txt'), await licences(bundled(result.metafile)));

/** The names of the packages that really are in the bundle. */
function bundled(metafile) {
  const inputs = Object.values(metafile.outputs).flatMap(one => Object.entries(one.inputs));
  const used = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
  const names = used.map(path => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

/** One text with the licence of each package, as each of them asks for. */
async function licences(names) {
  const parts = ['The page of backstage-py contains parts of these packages:\n'];
  for (const name of names) {
    const folder = join('node_modules', name);
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const { version, author, homepage } = manifest;
    const license = manifest.license ?? manifest.licenses.map(one => one.type).join(' OR ');
    const by = typeof author === 'object' ? author.name : author;
    const file = (await readdir(folder)).find(one => /^licen[cs]e/i.test(one));
    const text = file ? await readFile(join(folder, file), 'utf8') : `${license}; ${[by, homepage].filter(Boolean).join(', ')}\n`;
    parts.push(`\n${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${text.replaceAll('\r\n', '\n').trim()}\n`);
  }
  return parts.join('');
}
