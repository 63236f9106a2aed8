import { Link, Words } from '../parts.jsx';
import { Value } from './code.jsx';

/** What a template hands to whoever ran it: links and texts as Backstage shows them, and all of it as it is. */
export function Output({ output, sandbox }) {
  const { links = [], text = [] } = output ?? {};
  if (!output || !Object.keys(output).length) return <p class="quiet-text">The template has no output.</p>;
  return (
    <div class="output">
      {sandbox && list(links).length > 0 && <p class="help">Links to 127.0.0.1 led to the git host of this run, which has ended.</p>}
      {list(links).length > 0 && (
        <ul class="links">
          {list(links).map((one, index) => (
            <li key={index}>{one.url ? <Link href={one.url}>{one.title ?? one.url}</Link> : <span>{one.title ?? one.entityRef}</span>}
              <span class="mono quiet-text">{one.url ?? one.entityRef}</span>
            </li>
          ))}
        </ul>
      )}
      {list(text).map((one, index) => (
        <section key={index} class="card">
          {one.title && <h3>{one.title}</h3>}
          <Words text={one.content} />
        </section>
      ))}
      <Value value={output} label="Output as JSON" />
    </div>
  );
}

const list = value => (Array.isArray(value) ? value.filter(one => typeof one === 'object' && one !== null) : []);
