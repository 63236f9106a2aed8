import { useCallback, useRef, useState } from 'preact/hooks';
import { run as ask } from './api.js';
import { read } from './result/tree.js';

const FRAMES = /^(Beginning|Finished) step |^(info: )?Running \S+ in dry-run mode with inputs /; // shown otherwise
const COLOURS = /\x1b\[[0-9;]*m/g;

/**
 * The runs of one template: the last one, and the tree of the one before.
 *
 * A run is `{steps, told, after, before, output, error, values, ms, isRunning}`; `told` has for each step its
 * `{status, inputs, output, log, ms}`.
 */
export function useRuns(path) {
  const [run, setRun] = useState(null);
  const control = useRef();
  const tree = useRef(null);
  const start = useCallback(
    async ({ values, secrets, sandbox }) => {
      control.current?.abort();
      const mine = (control.current = new AbortController());
      const begun = performance.now();
      const before = tree.current;
      let state = { steps: [], told: {}, values, before, isRunning: true };
      const change = more => {
        if (mine !== control.current) return;
        state = { ...state, ...more };
        setRun(state);
      };
      change({});
      const tell = (event, data) => change(after(state, event, data, begun));
      try {
        await ask({ path, values, secrets, sandbox }, tell, mine.signal);
        if (state.isRunning) throw new Error('The server went away before the run had ended');
      } catch (error) {
        const message = mine.signal.aborted ? 'The run was stopped' : error.message;
        change({ error: { message }, isRunning: false, ms: performance.now() - begun });
      }
      if (mine === control.current && !state.error) tree.current = state.after;
    },
    [path],
  );
  const stop = useCallback(() => control.current?.abort(), []);
  return { run, start, stop };
}

/** What an event changes of a run. */
function after(state, event, data, begun) {
  const now = performance.now() - begun;
  const told = (id, more) => ({ told: { ...state.told, [id]: { ...state.told[id], ...more(state.told[id] ?? {}) } } });
  switch (event) {
    case 'steps':
      return { steps: data };
    case 'inputs':
      return told(data.stepId, () => ({ inputs: data.value }));
    case 'output':
      return told(data.stepId, () => ({ output: data.value }));
    case 'log': {
      if (!data.stepId) return {};
      return told(data.stepId, step => ({
        log: FRAMES.test(data.message.replace(COLOURS, '')) ? (step.log ?? []) : [...(step.log ?? []), data.message.replace(COLOURS, '').replace(/^info: /, '')],
        begun: step.begun ?? now,
        ...(data.status && { status: step.status === 'skipped' ? 'skipped' : data.status }),
        ...(data.status && data.status !== 'processing' && { ms: now - (step.begun ?? now) }),
      }));
    }
    case 'done': {
      const statuses = Object.entries(data.statuses);
      const all = { ...state.told };
      for (const [id, status] of statuses) all[id] = { ...all[id], status };
      return { told: all, after: read(data.files), output: data.output, error: data.error, isRunning: false, ms: now };
    }
    default:
      return {};
  }
}
