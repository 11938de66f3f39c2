package io.millwright.images;

import java.util.LinkedHashMap;
import java.util.Map;

/** How a shell in an installer finds the disk to install on; see disk-rules.peb. */
final class DiskRule {
  private DiskRule() {}

  /** Values for the template; their letters mean nothing to a shell. */
  static Map<String, Object> of(Storage storage) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put(
        "rule",
        switch (storage.disk()) {
          case Storage.Disk.BySerial by -> "by_serial '" + by.serial() + "'";
          case Storage.Disk.ByPath by -> "by_path '" + by.path() + "'";
          case Storage.Disk.BySize by ->
              "by_size " + by.atLeast().bytes() + " " + by.atMost().bytes();
        });
    out.put("untouched", storage.untouched());
    return out;
  }
}
