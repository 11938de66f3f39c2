import type { Schemas } from '../api/client';

/** What the machines of a hypervisor used when it was looked at last. */
export interface HostLoad {
  cores: number;
  /** In MiB. */
  memory: number;
  /** So many machines told of themselves. */
  measured: number;
}

/** The load of each hypervisor, by its name; it lacks those of whose machines nothing is known. */
export function loadOf(machines: Schemas['MachineLoad'][]): Map<string, HostLoad> {
  const out = new Map<string, HostLoad>();
  for (const { hypervisor, latest } of machines) {
    if (hypervisor && latest) {
      const sum = out.get(hypervisor) ?? { cores: 0, memory: 0, measured: 0 };
      out.set(hypervisor, {
        cores: sum.cores + (latest.cores ?? 0),
        memory: sum.memory + (latest.memoryBytes ?? 0) / 1_048_576,
        measured: sum.measured + 1,
      });
    }
  }
  return out;
}
