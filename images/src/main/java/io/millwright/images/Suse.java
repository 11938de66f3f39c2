package io.millwright.images;

import java.util.ArrayList;
import java.util.List;

/** What the systems of SUSE have in common once they are installed, whatever the installer. */
final class Suse {
  private Suse() {}

  /** These files, and those for time, locale and the first boot. */
  static List<TargetFile> files(InstallSpec spec, List<TargetFile> own) {
    List<TargetFile> out = new ArrayList<>(own);
    String locale = spec.profile().locale();
    if (locale != null) {
      out.add(TargetFile.ofRoot("/etc/locale.conf", "0644", "LANG=" + locale + "\n"));
    }
    if (!spec.profile().ntp().isEmpty()) {
      StringBuilder text = new StringBuilder();
      spec.profile()
          .ntp()
          .forEach(server -> text.append("server ").append(server).append(" iburst\n"));
      out.add(TargetFile.ofRoot("/etc/chrony.d/millwright.conf", "0644", text.toString()));
    }
    List<TargetFile> first = FirstBoot.files(spec);
    if (!first.isEmpty()) {
      out.addAll(first);
      out.add(FirstBoot.unit());
    }
    return out;
  }

  static List<String> commands(InstallSpec spec) {
    List<String> out = new ArrayList<>();
    out.add(Finish.READ_SSHD_DIRECTORY);
    out.add("systemctl enable sshd.service");
    if (!spec.profile().ntp().isEmpty()) {
      out.add("systemctl enable chronyd.service");
    }
    if (!FirstBoot.files(spec).isEmpty()) {
      out.add("systemctl enable millwright-first-boot.service");
    }
    return out;
  }
}
