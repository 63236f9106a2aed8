// What Backstage's fields check besides their schema; the messages are those that it shows.
import { kindOfHost } from './hosts.js';

const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

const CHECKS = {
  EntityNamePicker(value, errors) {
    if (value === undefined || NAME.test(value)) return;
    errors.addError(
      'Must start and end with an alphanumeric character, and contain only alphanumeric characters, hyphens, underscores, and periods. Maximum length is 63 characters.',
    );
  },
  RepoUrlPicker(value, errors) {
    if (value === undefined) return;
    const [host, query] = String(value).split('?');
    const given = new URLSearchParams(query);
    const kind = kindOfHost(host);
    const needed = { azure: ['project'], bitbucketServer: ['project'], bitbucketCloud: ['workspace', 'project'], gerrit: [] }[kind] ?? ['owner'];
    for (const name of host ? [...needed, 'repo'] : ['host']) {
      if (!(host && given.get(name))) errors.addError(`Incomplete repository location provided, ${name} not provided`);
    }
  },
};

/** Checks all fields of a page, those in objects too. */
export function check(values, errors, uiSchema) {
  for (const [name, ui] of Object.entries(uiSchema ?? {})) {
    if (name.startsWith('ui:') || typeof ui !== 'object' || ui === null || !errors[name]) continue;
    CHECKS[ui['ui:field']]?.(values?.[name], errors[name]);
    check(values?.[name], errors[name], ui);
  }
  return errors;
}
