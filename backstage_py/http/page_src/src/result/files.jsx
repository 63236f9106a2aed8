import { structuredPatch } from 'diff';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Badge, Icon, counted } from '../parts.jsx';
import { Code } from './code.jsx';
import { compared, nested } from './tree.js';

const MARKS = { added: 'A', changed: 'M', removed: 'D' };
const WORDS = { added: 'new', changed: 'changed', removed: 'gone', same: '' };
const PATIENCE_MS = 1_000;

/** The tree that a run wrote. `before` is that of the run before, if there was one. */
export function Files({ after, before }) {
  const entries = useMemo(() => compared(before, after), [before, after]);
  const differing = entries.filter(one => one.status !== 'same');
  const [wantsChanges, setWantsChanges] = useState(false);
  const [path, setPath] = useState();
  const isDiff = wantsChanges && before;
  const shown = isDiff ? differing : entries.filter(one => one.now);
  const chosen = shown.find(one => one.path === path) ?? shown.find(one => one.status !== 'same') ?? first(shown);
  useEffect(() => {
    if (before && differing.length) setPath(current => (differing.some(one => one.path === current) ? current : differing[0].path));
  }, [before, after]);
  return (
    <div class="files">
      <div class="files-head">
        <span class="quiet-text">
          {counted([...after.keys()].length, 'file')}
          {before && (differing.length ? `, ${counted(differing.length, 'change')} since the last run` : ', as in the last run')}
        </span>
        <label class="check small">
          <input type="checkbox" checked={wantsChanges} disabled={!before} onChange={event => setWantsChanges(event.target.checked)} />
          <span>Changes since the last run</span>
        </label>
      </div>
      {shown.length === 0 ? (
        <p class="quiet-text">{isDiff ? 'Nothing differs from the last run.' : 'No files were written.'}</p>
      ) : (
        <div class="files-body">
          <nav class="tree" aria-label="Files">
            <Level node={nested(shown)} chosen={chosen?.path} onChoose={setPath} />
          </nav>
          <section class="viewer" aria-live="off">
            {chosen && <Viewer entry={chosen} isDiff={isDiff} />}
          </section>
        </div>
      )}
    </div>
  );
}

/** The file that is looked at first: a README, or the first one. */
const first = shown => shown.find(one => /^readme/i.test(one.path)) ?? shown[0];

function Level({ node, chosen, onChoose }) {
  return (
    <ul>
      {[...node.folders.values()].map(one => (
        <Folder key={one.path} node={one} chosen={chosen} onChoose={onChoose} />
      ))}
      {node.files.map(one => (
        <li key={one.path}>
          <button type="button" class={`entry ${one.status}`} aria-current={one.path === chosen} onClick={() => onChoose(one.path)}>
            <Icon name="file" />
            <span class="name">{one.name}</span>
            {MARKS[one.status] && (
              <span class="mark" aria-label={WORDS[one.status]}>
                {MARKS[one.status]}
              </span>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Folder({ node, chosen, onChoose }) {
  const [isOpen, setOpen] = useState(true);
  return (
    <li>
      <button type="button" class="entry" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="chevron" class={isOpen ? 'turned' : ''} />
        <span class="name">{node.name}</span>
      </button>
      {isOpen && <Level node={node} chosen={chosen} onChoose={onChoose} />}
    </li>
  );
}

function Viewer({ entry, isDiff }) {
  const file = entry.now ?? entry.old;
  const isBinary = file.text === null || (isDiff && entry.old?.text === null);
  return (
    <>
      <div class="viewer-head">
        <span class="mono">{entry.path}</span>
        {entry.status !== 'same' && <Badge kind={entry.status}>{WORDS[entry.status]}</Badge>}
        {file.isExecutable && <Badge>executable</Badge>}
        <span class="quiet-text">{size(file.size)}</span>
      </div>
      {isBinary ? (
        <p class="quiet-text pad">A binary file{isDiff ? ', which differs' : ''}.</p>
      ) : isDiff ? (
        <Diff old={entry.old?.text ?? ''} now={entry.now?.text ?? ''} path={entry.path} />
      ) : file.size === 0 ? (
        <p class="quiet-text pad">An empty file.</p>
      ) : (
        <Code text={file.text} path={entry.path} />
      )}
    </>
  );
}

function Diff({ old, now, path }) {
  const patch = useMemo(() => structuredPatch(path, path, old, now, '', '', { context: 3, timeout: PATIENCE_MS }), [old, now, path]);
  if (!patch) return <p class="quiet-text pad">The texts differ too much to be compared.</p>;
  if (!patch.hunks.length) return <p class="quiet-text pad">Only whether it is executable differs.</p>;
  return (
    <div class="code diff" tabIndex={0} role="region" aria-label={`Changes of ${path}`}>
      <table>
        <tbody>{patch.hunks.map(hunk => hunkRows(hunk))}</tbody>
      </table>
    </div>
  );
}

function hunkRows({ oldStart, newStart, lines }) {
  let [old, now] = [oldStart, newStart];
  const head = (
    <tr class="hunk" key={`${oldStart}-${newStart}`}>
      <td class="number" />
      <td class="number" />
      <td class="text">
        from line {newStart || 1}
      </td>
    </tr>
  );
  const rows = lines.map((line, index) => {
    const sign = line[0];
    if (sign === '\\') return null;
    const [left, right] = [sign === '+' ? '' : old++, sign === '-' ? '' : now++];
    return (
      <tr key={`${oldStart}-${index}`} class={{ '+': 'plus', '-': 'minus' }[sign] ?? ''}>
        <td class="number">{left}</td>
        <td class="number">{right}</td>
        <td class="text">
          <span class="sign">{sign}</span>
          {line.slice(1) || ' '}
        </td>
      </tr>
    );
  });
  return [head, ...rows];
}

export const size = count => (count < 1024 ? `${count} B` : `${(count / 1024).toFixed(1)} kB`);
