import { Findings } from './findings.jsx';
import { Badge, Counts, Words, counted } from './parts.jsx';

const FEW = 3;

export function Overview({ listed }) {
  if (!listed) return <p class="quiet-text">Reading the folder …</p>;
  const { templates, others } = listed;
  const problems = templates.flatMap(one => one.problems);
  return (
    <div class="page">
      <div class="heading">
        <h1>Templates</h1>
        <p class="quiet-text">
          {counted(templates.length, 'template')} in this folder.{' '}
          {problems.length ? 'Findings are those of backstage-py validate.' : 'Nothing is wrong with them.'}
        </p>
      </div>
      {templates.length === 0 && (
        <p class="notice">
          There is no template in this folder yet. <code>backstage-py new template shop</code> starts one; it shows here
          as soon as it is written.
        </p>
      )}
      <ul class="cards">
        {templates.map(one => (
          <Card key={one.path} template={one} />
        ))}
      </ul>
      {others.length > 0 && (
        <section>
          <h2>Other files</h2>
          <div class="card">
            <Findings problems={others} />
          </div>
        </section>
      )}
    </div>
  );
}

function Card({ template }) {
  const { path, title, description, type, owner, tags, problems, cases } = template;
  return (
    <li class="card">
      <div class="card-head">
        <div>
          <h2>
            <a href={`#/t/${encodeURIComponent(path)}`}>{title}</a>
          </h2>
          <p class="mono quiet-text">{path}</p>
        </div>
        <div class="badges">
          <Counts problems={problems} />
        </div>
      </div>
      <Words text={description} class="quiet-text" />
      <Facts {...{ type, owner, tags, cases }} />
      {problems.length > FEW ? (
        <details>
          <summary>All findings</summary>
          <Findings problems={problems} />
        </details>
      ) : (
        <Findings problems={problems} />
      )}
    </li>
  );
}

/** What a template is: its type, owner, tags and the number of its cases. */
export function Facts({ type, owner, tags = [], cases }) {
  return (
    <p class="badges">
      {type && <Badge>{type}</Badge>}
      {owner && <Badge>{String(owner)}</Badge>}
      {tags.map(tag => (
        <Badge key={tag}>#{tag}</Badge>
      ))}
      {cases !== undefined && <Badge>{cases ? counted(cases, 'test case') : 'no test cases'}</Badge>}
    </p>
  );
}
