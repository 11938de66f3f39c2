package io.millwright.driver.proxmox;

/** Proxmox VE said no: to a request, or in the end to the task that came of one. */
final class PveFault extends Exception {
  private static final long serialVersionUID = 1L;

  private final int status;

  /**
   * @param status of HTTP; 500 for a task, which tells of all faults by words only
   * @param words its own
   */
  PveFault(int status, String words) {
    super(words.strip());
    this.status = status;
  }

  int status() {
    return status;
  }

  String words() {
    return String.valueOf(getMessage());
  }

  boolean says(String... parts) {
    for (String part : parts) {
      if (words().contains(part)) {
        return true;
      }
    }
    return false;
  }
}
