import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

/** The part of the address behind `#`, e.g. `/t/path/template.yaml`. */
export function useRoute() {
  const [route, setRoute] = useState(() => decodeURIComponent(location.hash.slice(1)) || '/');
  useEffect(() => {
    const read = () => setRoute(decodeURIComponent(location.hash.slice(1)) || '/');
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return route;
}

/** Whether the window is as wide as a media query says. */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const read = () => setMatches(media.matches);
    media.addEventListener('change', read);
    return () => media.removeEventListener('change', read);
  }, [query]);
  return matches;
}

/** Something loaded by a function; `reload` keeps what is shown until the new one is there. */
export function useLoaded(load, deps) {
  const [state, setState] = useState({});
  const turn = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const value = await load();
      if (mine === turn.current) setState({ value });
    } catch (error) {
      if (mine === turn.current) setState(before => ({ value: before.value, error: error.message }));
    }
  }, deps);
  useEffect(() => {
    setState({});
    reload();
  }, [reload]);
  return { ...state, reload };
}

/** State that outlives a reload of the page, in this tab. */
export function useKept(key, initial) {
  const [value, setValue] = useState(() => {
    try {
      return JSON.parse(sessionStorage.getItem(key)) ?? initial;
    } catch {
      return initial;
    }
  });
  useEffect(() => {
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // full or forbidden: it is kept as long as the page is
    }
  }, [key, value]);
  return [value, setValue];
}
