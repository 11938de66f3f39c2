/** What the form for a new machine holds. */
export interface Draft {
  name: string;
  project: string;
  image: string;
  size: string;
  network: string;
  ipv4: string;
  profiles: string[];
  /** Of whoever fills it in: lines as in authorized_keys; and the name of the profile that holds them. */
  keys: string;
  own: string;
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

/** Somebody's name as one of a profile, and as one with which they log in. */
export function loginOf(name: string): string {
  return name.toLowerCase().replace(/@.*/, '').replace(/[^a-z0-9-]+/g, '-').replace(/^[^a-z]+|-+$/g, '').slice(0, 32) || 'me';
}

/** The manifests that the form makes: only what differs from what is so anyway. */
export function manifestsOf(d: Draft): object[] {
  const labels = labelsOf(d.labels);
  const keys = d.keys.split('\n').map((k) => k.trim()).filter(Boolean);
  const profiles = [...d.profiles, ...(keys.length > 0 ? [d.own] : [])];
  const profile = {
    apiVersion: 'millwright/v1',
    kind: 'Profile',
    metadata: { name: d.own, project: d.project },
    spec: { users: [{ name: d.own, sudo: true, keys }] },
  };
  const machine = {
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
      ...(profiles.length > 0 ? { profiles } : {}),
      ...(d.network ? { nics: [{ network: d.network, ...(d.ipv4.trim() ? { ipv4: d.ipv4.trim() } : {}) }] } : {}),
      ...(d.volumes.length > 0 ? { volumes: d.volumes } : {}),
      ...(d.hypervisor ? { hypervisor: d.hypervisor } : {}),
      ...(d.firmware ? { firmware: d.firmware } : {}),
      ...(d.ttl ? { expiry: { ttl: d.ttl } } : {}),
    },
  };
  return keys.length > 0 ? [profile, machine] : [machine];
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
