import type { Schemas } from '../api/client';

type Rule = Schemas['ApprovalRule'];

/** A rule as it stands in its form; what is empty is not said. */
export interface RuleForm {
  cores: string;
  memory: string;
  disk: string;
  machines: string;
  networks: string;
  roles: NonNullable<Rule['roles']>;
  people: string;
}

export const EMPTY: RuleForm = { cores: '', memory: '', disk: '', machines: '', networks: '', roles: [], people: '1' };

export function formOf(r: Rule): RuleForm {
  return {
    cores: r.coresAbove?.toString() ?? '',
    memory: r.memoryAbove ?? '',
    disk: r.diskAbove ?? '',
    machines: r.machinesAbove?.toString() ?? '',
    networks: r.networks?.join(', ') ?? '',
    roles: r.roles ?? [],
    people: r.people?.toString() ?? '1',
  };
}

export function ruleOf(f: RuleForm): Rule {
  const networks = f.networks.split(',').map((n) => n.trim()).filter(Boolean);
  return {
    ...(f.cores ? { coresAbove: Number(f.cores) } : {}),
    ...(f.memory.trim() ? { memoryAbove: f.memory.trim() } : {}),
    ...(f.disk.trim() ? { diskAbove: f.disk.trim() } : {}),
    ...(f.machines ? { machinesAbove: Number(f.machines) } : {}),
    ...(networks.length > 0 ? { networks } : {}),
    ...(f.roles.length > 0 ? { roles: f.roles } : {}),
    people: Number(f.people),
  };
}

/** A rule in words. */
export function say(r: Rule): string {
  const size = [
    r.coresAbove !== undefined ? `more than ${r.coresAbove} cores` : '',
    r.memoryAbove ? `more than ${r.memoryAbove} memory` : '',
    r.diskAbove ? `more than ${r.diskAbove} disk` : '',
  ].filter(Boolean);
  const what = [
    size.length > 0 ? `a machine with ${size.join(' or ')}` : 'anything',
    r.networks?.length ? `on network ${r.networks.join(' or ')}` : '',
    r.machinesAbove !== undefined ? `more than ${r.machinesAbove} machines at once` : '',
  ].filter(Boolean);
  const who = r.roles?.length ? `, if a ${r.roles.join(' or ')} asks` : '';
  const people = r.people === 2 ? 'Two people have' : 'Somebody else has';
  return `${people} to approve ${what.join(', ')}${who}.`;
}
