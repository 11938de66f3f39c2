import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import type { Schemas } from '../api/client';
import { PlanView } from './plan';

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

function shown(item: Schemas['ApplyItem']): string {
  return renderToStaticMarkup(createElement(PlanView, { items: [item] }));
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
});
