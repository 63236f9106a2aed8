import { useMemo } from 'preact/hooks';
import { languageOf, lines } from './highlight.js';

const MOST_LINES = 5_000;

/** A text with line numbers and colours. */
export function Code({ text, path, label }) {
  const shown = useMemo(() => lines(text.replace(/\n$/, ''), languageOf(path)), [text, path]);
  return (
    <div class="code" tabIndex={0} role="region" aria-label={label ?? path}>
      <table>
        <tbody>
          {shown.slice(0, MOST_LINES).map((parts, index) => (
            <tr key={index}>
              <td class="number">{index + 1}</td>
              <td class="text">
                <Line parts={parts} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length > MOST_LINES && <p class="quiet-text">… and {shown.length - MOST_LINES} lines more</p>}
    </div>
  );
}

const Line = ({ parts }) => (parts.length ? parts.map(([text, scope], index) => (scope ? <span key={index} class={scope}>{text}</span> : text)) : ' ');

/** A value as JSON. */
export function Value({ value, label }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  const shown = useMemo(() => lines(text, typeof value === 'string' ? undefined : 'json'), [text]);
  return (
    <pre class="value" tabIndex={0} role="region" aria-label={label}>
      {shown.map((parts, index) => [index > 0 && '\n', <Line key={index} parts={parts} />])}
    </pre>
  );
}
