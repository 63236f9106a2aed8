// Syntax colours for the files of a result; the lines come out as lists of [text, class].
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import go from 'highlight.js/lib/languages/go';
import gradle from 'highlight.js/lib/languages/gradle';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import makefile from 'highlight.js/lib/languages/makefile';
import markdown from 'highlight.js/lib/languages/markdown';
import properties from 'highlight.js/lib/languages/properties';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const LANGUAGES = {
  bash, csharp, css, dockerfile, go, gradle, ini, java, javascript, json, kotlin, makefile, markdown, properties, python, ruby,
  rust, sql, typescript, xml, yaml,
};
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const BY_ENDING = {
  bash: 'sh bash zsh',
  csharp: 'cs',
  css: 'css scss less',
  go: 'go mod',
  gradle: 'gradle',
  ini: 'ini toml cfg conf editorconfig tf tfvars hcl',
  java: 'java',
  javascript: 'js mjs cjs jsx',
  json: 'json json5 jsonc',
  kotlin: 'kt kts',
  makefile: 'mk',
  markdown: 'md mdx',
  properties: 'properties env',
  python: 'py pyi',
  ruby: 'rb',
  rust: 'rs',
  sql: 'sql',
  typescript: 'ts tsx mts',
  xml: 'xml html htm svg vue xsd pom csproj',
  yaml: 'yaml yml',
};
const ENDINGS = Object.fromEntries(Object.entries(BY_ENDING).flatMap(([name, all]) => all.split(' ').map(one => [one, name])));
const NAMES = { dockerfile: 'dockerfile', makefile: 'makefile', containerfile: 'dockerfile', gemfile: 'ruby', jenkinsfile: 'gradle' };
const MOST = 200_000; // characters that are coloured

export function languageOf(path) {
  const name = path.split('/').pop().toLowerCase();
  return NAMES[name] ?? ENDINGS[name.split('.').pop()];
}

/** Returns the lines of a text. */
export function lines(text, language) {
  const found = [[]];
  const add = (part, scope) => {
    part.split('\n').forEach((line, index) => {
      if (index) found.push([]);
      if (line) found.at(-1).push([line, scope]);
    });
  };
  if (!language || text.length > MOST) {
    add(text, '');
    return found;
  }
  const walk = (node, scope) => {
    if (typeof node === 'string') add(node, scope);
    else node.children.forEach(child => walk(child, classOf(node.scope) ?? scope));
  };
  walk(hljs.highlight(text, { language, ignoreIllegals: true })._emitter.rootNode, '');
  return found;
}

const classOf = scope => scope && `hl-${scope.split('.')[0].replace(/[^\w-]/g, '-')}`;
