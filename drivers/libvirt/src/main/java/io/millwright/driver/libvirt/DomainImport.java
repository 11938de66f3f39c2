package io.millwright.driver.libvirt;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.GuestAgent;
import io.millwright.driver.Import;
import io.millwright.driver.Mark;
import io.millwright.driver.Outcome;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.model.ByteSize;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Domains of others, of which nothing but our element of their metadata is written. */
final class DomainImport implements Import {
  private final Line line;
  private final String installation;

  DomainImport(Line line, String installation) {
    this.line = line;
    this.installation = installation;
  }

  private static DriverException conflict(String forUser, Object forOperator) {
    return new DriverException(FaultKind.CONFLICT, forUser, forOperator.toString(), null);
  }

  private void requireOurs(Mark mark) throws DriverException {
    if (!mark.installation().equals(installation)) {
      throw conflict("It belongs to another installation of Millwright.", mark);
    }
  }

  private static Domain need(@Nullable Domain domain, UUID uid) throws DriverException {
    if (domain == null) {
      throw conflict("There is no such machine on the hypervisor.", uid);
    }
    return domain;
  }

  @Override
  public Found look(UUID uid) throws DriverException {
    return line.call(connection -> {
      try (Domain domain = need(connection.domain(uid), uid)) {
        String xml = domain.xml(Domain.XML_INACTIVE);
        List<Disk> disks = new ArrayList<>();
        for (DomainFacts.Target disk : DomainFacts.allDisks(xml)) {
          String name = disk.file().isEmpty() ? disk.device() : disk.file();
          disks.add(new Disk(name, size(domain, disk.device())));
        }
        return new Found(
            DomainFacts.firmware(xml),
            DomainCompute.markOf(domain).orElse(null),
            disks,
            QemuAgent.look(domain).map(GuestAgent.Facts::addresses).orElse(Map.of()));
      }
    });
  }

  private static @Nullable ByteSize size(Domain domain, String target) {
    try {
      return ByteSize.ofMib(domain.capacity(target) / ByteSize.MIB);
    } catch (LibvirtError e) {
      return null; // it is attached to nothing that has a size now
    }
  }

  @Override
  public Outcome take(Mark mark) throws DriverException {
    requireOurs(mark);
    return line.call(connection -> {
      try (Domain domain = need(connection.domain(mark.uid()), mark.uid())) {
        Optional<Mark> there = DomainCompute.markOf(domain);
        if (there.isPresent()) {
          requireTakeable(there.get(), mark);
        }
        if (!domain.persistent()) {
          throw conflict(
              "The machine is transient: nothing of it would stay when it stops.", mark.uid());
        }
        domain.metadata(DomainXml.mark(mark));
        return Outcome.DONE;
      }
    });
  }

  /** A mark of ours with another uid was copied along with a machine, and says nothing of this. */
  private void requireTakeable(Mark there, Mark mark) throws DriverException {
    if (!there.installation().equals(installation)) {
      throw conflict("The machine belongs to another installation of Millwright.", there);
    }
    if (there.sameOwner(mark) && !there.imported()) {
      throw conflict("Millwright has made the machine itself.", there);
    }
  }

  @Override
  public Outcome release(Mark mark) throws DriverException {
    requireOurs(mark);
    return line.call(connection -> {
      try (Domain domain = connection.domain(mark.uid())) {
        Optional<Mark> there =
            domain == null
                ? Optional.empty()
                : DomainCompute.markOf(domain).filter(m -> m.sameOwner(mark));
        if (domain == null || there.isEmpty()) {
          return Outcome.DONE;
        }
        if (!there.get().imported()) {
          throw conflict("Millwright has made the machine itself.", there.get());
        }
        domain.metadata(null);
        return Outcome.DONE;
      }
    });
  }
}
