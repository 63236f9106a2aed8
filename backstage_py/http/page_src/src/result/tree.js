// The files of a result, and what differs from those of the run before.

/** Reads the files of a run's answer: by path `{path, text, size, isExecutable}`; `text` is null for a binary file. */
export function read(files) {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return new Map(
    files.map(({ path, executable, base64Content }) => {
      const bytes = Uint8Array.from(atob(base64Content), one => one.charCodeAt(0));
      let text = null;
      try {
        if (!bytes.includes(0)) text = decoder.decode(bytes);
      } catch {
        // not UTF-8
      }
      return [path, { path, text, base64: base64Content, size: bytes.length, isExecutable: executable }];
    }),
  );
}

/** Returns all paths of two trees in order, each with what became of it: `added`, `changed`, `removed`, `same`. */
export function compared(before, after) {
  const paths = [...new Set([...(before?.keys() ?? []), ...after.keys()])].sort();
  return paths.map(path => {
    const [old, now] = [before?.get(path), after.get(path)];
    const isSame = old && now && old.base64 === now.base64 && old.isExecutable === now.isExecutable;
    const status = !before || isSame ? 'same' : !old ? 'added' : !now ? 'removed' : 'changed';
    return { path, status, old, now };
  });
}

/** Files as nested folders: `{name, path, folders, files}`; folders with a single folder in them are drawn as one. */
export function nested(entries) {
  const root = { name: '', path: '', folders: new Map(), files: [] };
  for (const entry of entries) {
    const names = entry.path.split('/');
    const name = names.pop();
    let node = root;
    for (const one of names) {
      if (!node.folders.has(one)) node.folders.set(one, { name: one, path: `${node.path}${one}/`, folders: new Map(), files: [] });
      node = node.folders.get(one);
    }
    node.files.push({ ...entry, name });
  }
  return root;
}
