/** What the form for a new machine holds. */
export interface Draft {
  name: string;
  project: string;
  image: string;
  size: string;
  network: string;
  ipv4: string;
  profiles: string[];
  volumes: string[];
  hypervisor: string;
  firmware: string;
  labels: string;
  ttl: string;
}

/** `app=web, tier=front` as a mapping. */
export function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)
      .map((part) => {
        const at = part.indexOf('=');
        return at < 0 ? [part, ''] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
      }),
  );
}

/** The manifest that the form makes: only what differs from what is so anyway. */
export function manifestOf(d: Draft): object {
  const labels = labelsOf(d.labels);
  return {
    apiVersion: 'millwright/v1',
    kind: 'Machine',
    metadata: {
      name: d.name,
      project: d.project,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
    },
    spec: {
      image: d.image,
      size: d.size,
      ...(d.profiles.length > 0 ? { profiles: d.profiles } : {}),
      ...(d.network ? { nics: [{ network: d.network, ...(d.ipv4.trim() ? { ipv4: d.ipv4.trim() } : {}) }] } : {}),
      ...(d.volumes.length > 0 ? { volumes: d.volumes } : {}),
      ...(d.hypervisor ? { hypervisor: d.hypervisor } : {}),
      ...(d.firmware ? { firmware: d.firmware } : {}),
      ...(d.ttl ? { expiry: { ttl: d.ttl } } : {}),
    },
  };
}

/** Of a resource as the server shows it: what somebody declared. */
export function declaredOf(r: {
  apiVersion: string;
  kind: string;
  metadata: { name: string; project: string; labels?: object; annotations?: object };
  spec: object;
}): object {
  const { name, project, labels, annotations } = r.metadata;
  return {
    apiVersion: r.apiVersion,
    kind: r.kind,
    metadata: {
      name,
      project,
      ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
      ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: r.spec,
  };
}
