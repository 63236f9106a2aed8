import { Icon } from './parts.jsx';

/** Findings with the lines that they are about. */
export function Findings({ problems }) {
  if (!problems?.length) return null;
  return (
    <ul class="findings">
      {problems.map((one, index) => (
        <Finding key={`${one.file}:${one.line}:${one.column}:${one.code}:${index}`} problem={one} />
      ))}
    </ul>
  );
}

function Finding({ problem }) {
  const { file, line, column, code, severity, message, fix, source } = problem;
  return (
    <li class={`finding ${severity}`}>
      <details>
        <summary>
          <Icon name={severity} />
          <span class="what">
            <span class="sr">{severity}: </span>
            {message}
            {fix && <span class="fix"> {fix}</span>}
          </span>
          <span class="where mono">
            {file}:{line}:{column} {code}
          </span>
        </summary>
        <div class="code" tabIndex={0} role="region" aria-label={`${file} around line ${line}`}>
          <table>
            <tbody>
              {source.map(one => (
                <tr key={one.line} class={one.line === line ? 'marked' : ''}>
                  <td class="number">{one.line}</td>
                  <td class="text">{one.text || ' '}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </li>
  );
}
