package io.millwright.model;

/** What starts a machine. */
public enum Firmware {
  BIOS,
  UEFI
}
