import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import type { Schemas } from '../api/client';
import { fields, PlanView } from './plan';

const ITEM: Schemas['ApplyItem'] = {
  kind: 'Machine',
  project: 'default',
  name: 'web',
  action: 'created',
  changes: [],
  impact: 'create',
  destroys: false,
  steps: [{ title: 'power it on', destroys: false }],
  keeps: [],
};

function shown(item: Schemas['ApplyItem'], whole = false): string {
  return renderToStaticMarkup(createElement(PlanView, { items: [item], whole }));
}

describe('a plan', () => {
  it('says before its steps what it could not be made from', () => {
    const page = shown({ ...ITEM, note: 'hypervisor lab was not seen' });
    expect(page).toContain('hypervisor lab was not seen');
    expect(page.indexOf('hypervisor lab was not seen')).toBeLessThan(page.indexOf('power it on'));
  });

  it('says nothing if all was seen', () => {
    expect(shown(ITEM)).toContain('power it on');
    expect(shown(ITEM)).not.toContain('role="alert"');
  });

  it('shows what is made to who has not written it', () => {
    const changes = [{ path: 'metadata', after: { labels: {} } }, { path: 'spec', after: { size: 'large', nics: [{ network: 'lab' }] } }] as never;
    const page = shown({ ...ITEM, changes }, true);
    expect(page).toContain('spec.nics[0].network');
    expect(page).toContain('large');
    expect(page).not.toContain('metadata');
    expect(shown({ ...ITEM, changes })).not.toContain('large');
  });

  it('tells what is new field by field', () => {
    const value = { keys: ['a', 'b'], users: [{ name: 'anna', sudo: false }, { uid: 0 }], empty: [], labels: {} };
    expect(fields('spec', value)).toEqual([
      { path: 'spec.keys', after: ['a', 'b'] },
      { path: 'spec.users[anna].name', after: 'anna' },
      { path: 'spec.users[anna].sudo', after: false },
      { path: 'spec.users[1].uid', after: 0 },
    ]);
  });
});
