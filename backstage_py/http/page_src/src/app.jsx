import { useCallback, useEffect, useState } from 'preact/hooks';
import { follow, overview } from './api.js';
import { useLoaded, useRoute } from './hooks.js';
import { Overview } from './overview.jsx';
import { Icon } from './parts.jsx';
import { Template } from './template.jsx';

const THEMES = { auto: 'as the system', light: 'light', dark: 'dark' };
const THEME_ICONS = { auto: 'auto', light: 'sun', dark: 'moon' };

export function App() {
  const route = useRoute();
  const listed = useLoaded(overview, []);
  const [changes, setChanges] = useState({ count: 0, paths: [] });
  const [isLive, setLive] = useState(true);
  useEffect(
    () =>
      follow(paths => {
        setChanges(before => ({ count: before.count + 1, paths }));
        listed.reload();
      }, setLive),
    [listed.reload],
  );
  const path = route.startsWith('/t/') ? route.slice(3) : null;
  const summary = listed.value?.templates.find(one => one.path === path);
  useEffect(() => {
    document.title = summary ? `${summary.title} – backstage-py dev` : 'backstage-py dev';
    scrollTo(0, 0);
  }, [path, summary?.title]);
  return (
    <>
      <a class="skip" href="#main" onClick={event => (event.preventDefault(), document.getElementById('main').focus())}>
        To the content
      </a>
      <Bar folder={listed.value?.folder} isLive={isLive} changes={changes} />
      <main id="main" tabIndex={-1}>
        {listed.error && <p class="notice bad" role="alert">{listed.error}</p>}
        {path === null ? (
          <Overview listed={listed.value} />
        ) : (
          <Template key={path} path={path} summary={summary} changes={changes} />
        )}
      </main>
      <footer class="foot">
        <a href="/page/licences.txt">Licences of this page's parts</a>
      </footer>
    </>
  );
}

function Bar({ folder, isLive, changes }) {
  return (
    <header class="bar">
      <a class="brand" href="#/">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M9 9h9a4 4 0 0 1 0 8H9zm0 8h10a4 4 0 0 1 0 8H9z" />
        </svg>
        <span>
          backstage-py <b>dev</b>
        </span>
      </a>
      {folder && <span class="folder mono">{folder}/</span>}
      <span class="spring" />
      <span class={`live ${isLive ? '' : 'gone'}`} role="status">
        <i aria-hidden="true" />
        <span class="wide">
          {!isLive ? 'Server gone, trying again' : changes.count ? `Saved: ${changes.paths[0] ?? folder}` : 'Watching'}
        </span>
        {!isLive && <span class="narrow">Server gone</span>}
      </span>
      <ThemeButton />
    </header>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(() => localStorage.getItem('theme') ?? 'auto');
  useEffect(() => {
    localStorage.setItem('theme', theme);
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme) + 1) % names.length];
  const turn = useCallback(() => setTheme(next), [next]);
  return (
    <button type="button" class="quiet square" onClick={turn} aria-label={`Colours: ${THEMES[theme]}; change to ${THEMES[next]}`}>
      <Icon name={THEME_ICONS[theme]} />
    </button>
  );
}
