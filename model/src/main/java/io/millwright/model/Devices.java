package io.millwright.model;

/** Which models of disks and network cards a machine sees, and so which drivers it needs. */
public enum Devices {
  /**
   * Made for virtual machines, and the fastest: virtio's, or the hypervisor's own. Linux and the
   * BSDs have drivers of them, the installers of Windows have none.
   */
  PARAVIRTUAL,
  /** As real hardware: SATA disks and e1000e cards, of which every system has drivers. */
  EMULATED
}
