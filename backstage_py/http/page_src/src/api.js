// What the page asks its server for; see backstage_py/cli/workbench/face.py.

export const overview = () => get('/workbench/overview');
export const template = path => get(`/workbench/template?path=${encodeURIComponent(path)}`);
export const visiblePages = (path, values) => post('/workbench/pages', { path, values });
export const entities = (path, filter) => post('/workbench/entities', { path, filter });
export const test = (path, name) => post('/workbench/test', { path, name });
export const record = body => post('/workbench/case', body);

/** Runs a template; `tell(event, data)` gets what happens as it happens. */
export async function run(body, tell, signal) {
  const answer = await fetch('/workbench/run', { ...asJson(body), signal });
  if (!answer.ok) throw await problem(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const frames = text.split('\n\n');
    text = frames.pop();
    for (const frame of frames) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(frame) ?? [];
      if (event) tell(event, JSON.parse(data));
    }
  }
}

/** Calls `onChange` whenever a file below the folder has changed, and `onState` when the server is there or gone. */
export function follow(onChange, onState) {
  const stream = new EventSource('/workbench/changes');
  let last;
  stream.addEventListener('changed', event => {
    const change = JSON.parse(event.data);
    onState(true);
    if (last !== undefined && last !== change.count) onChange(change.paths);
    last = change.count;
  });
  stream.addEventListener('error', () => onState(false));
  return () => stream.close();
}

async function get(url) {
  return read(await fetch(url));
}

async function post(url, body) {
  return read(await fetch(url, asJson(body)));
}

const asJson = body => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

async function read(answer) {
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

async function problem(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Error(body.error?.message ?? `The server answered ${answer.status}`);
}
