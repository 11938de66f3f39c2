package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Trust;
import io.millwright.driver.testkit.HypervisorContract;
import io.millwright.driver.testkit.VcenterLab;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** What an operator does in the simulated vCenter, with a session of his own. */
final class Vcenter {
  final VcenterLab lab;
  private final boolean cluster;
  final Vim vim;
  final Tasks tasks;
  final Place.Finder places;
  final Machines machines;

  Vcenter(VcenterLab lab, boolean cluster) throws DriverException {
    this.cluster = cluster;
    this.lab = lab;
    Settings settings = Settings.read(settings());
    vim = new Vim(settings, InstantSource.system());
    tasks = new Tasks(vim);
    places = new Place.Finder(settings, new Collector(vim));
    machines = new Machines(vim, tasks, new Options(vim), "00000000");
  }

  /** Of a driver to this vCenter. */
  Map<String, String> settings() {
    Map<String, String> out =
        new HashMap<>(
            Map.of(
                "url", lab.url(),
                "user", lab.user(),
                "password", lab.password(),
                "ca", lab.ca()));
    if (cluster) {
      out.put("cluster", "DC0_C0");
      out.put("resourcePool", "DC0_C0_RP1");
    }
    return out;
  }

  Ref machine(UUID uid) throws DriverException {
    return vim.act(() -> machines.at(uid)).orElseThrow().ref();
  }

  void add(UUID uid, String name) throws DriverException {
    vim.act(() -> {
      Place place = places.get();
      return tasks.run(
          place.folder(),
          "CreateVM_Task",
          new Element("config")
              .add("name", name)
              .add("instanceUuid", uid.toString())
              .add(new Element("files").add("vmPathName", "[" + place.datastoreName() + "]"))
              .add("numCPUs", 1)
              .add("memoryMB", 64),
          place.pool().as("pool"));
    });
  }

  void remove(UUID uid) throws DriverException {
    vim.act(() -> {
      Optional<VmFacts> there = machines.at(uid);
      if (there.isPresent()) {
        tasks.run(there.get().ref(), "Destroy_Task");
      }
      return there;
    });
  }

  /** All that an act of ours could have changed of it. */
  String look(UUID uid) throws DriverException {
    return vim.act(() -> {
      Optional<VmFacts> there = machines.at(uid);
      if (there.isEmpty()) {
        return "";
      }
      StringBuilder out = new StringBuilder();
      Collector.Found found =
          new Collector(vim)
              .read(
                  there.get().ref(),
                  "name",
                  "runtime.powerState",
                  "config.extraConfig",
                  "config.hardware");
      new java.util.TreeMap<>(found.properties()).forEach((name, value) -> value.write(out));
      return out.toString();
    });
  }

  /** All that acts could have changed of every machine there is. */
  Map<Ref, String> lookAtAll() throws DriverException {
    return vim.act(() ->
        new Collector(vim)
            .list(
                List.of("VirtualMachine"),
                "VirtualMachine",
                List.of(
                    "name",
                    "parent",
                    "resourcePool",
                    "runtime.powerState",
                    "config.modified",
                    "config.extraConfig",
                    "config.hardware"),
                HashMap::new,
                (all, found) -> {
                  StringBuilder out = new StringBuilder();
                  new java.util.TreeMap<>(found.properties())
                      .forEach((name, value) -> value.write(out));
                  all.put(found.ref(), out.toString());
                }));
  }

  void power(UUID uid, String task) throws DriverException {
    vim.act(() -> tasks.run(machine(uid), task));
  }

  /** Sets one of its extra options. */
  void option(UUID uid, String key, String value) throws DriverException {
    vim.act(() -> {
      Element spec = new Element("spec");
      Options.note(spec, key, value);
      return tasks.run(machine(uid), "ReconfigVM_Task", spec);
    });
  }

  /** Asks for what only the simulator can. */
  void lab(String act) throws IOException, InterruptedException, DriverException {
    try (HttpClient http = HttpClient.newBuilder().sslContext(Trust.of(lab.ca(), null)).build()) {
      int status =
          http.send(
                  HttpRequest.newBuilder(URI.create(lab.url() + "/lab/" + act)).build(),
                  BodyHandlers.discarding())
              .statusCode();
      if (status != 200) {
        throw new IOException(act + ": " + status);
      }
    }
  }

  /** As the contract asks for it. */
  HypervisorContract.Outside outside() {
    return new HypervisorContract.Outside() {
      @Override
      public void addMachine(UUID uid, String name) throws Exception {
        add(uid, name);
      }

      @Override
      public String look(UUID uid) throws Exception {
        return Vcenter.this.look(uid);
      }

      @Override
      public void removeMachine(UUID uid) throws Exception {
        remove(uid);
      }

      @Override
      public void pause(UUID uid) throws Exception {
        power(uid, "SuspendVM_Task");
      }

      @Override
      public void crash(UUID uid) throws Exception {
        lab("crash?uid=" + uid);
      }

      @Override
      public void restart(UUID uid) throws Exception {
        throw new UnsupportedOperationException("the simulator boots nothing");
      }

      @Override
      public void leaveHalfStaged(String installation, io.millwright.driver.Disks.Image image)
          throws Exception {
        vim.act(() -> {
          DatastoreFiles files = new DatastoreFiles(vim, tasks, "millwright", installation);
          files.upload(
              places.get(),
              files.image(image.sha256()) + ".part-flat.vmdk",
              HttpRequest.BodyPublishers.ofByteArray(new byte[1 << 20]));
          files.upload(
              places.get(),
              files.image(image.sha256()) + ".part.vmdk",
              HttpRequest.BodyPublishers.ofString("half a descriptor"));
          return files;
        });
      }

      @Override
      public void leaveHalfSent(ObjectName medium) throws Exception {
        vim.act(() -> {
          DatastoreFiles files =
              new DatastoreFiles(vim, tasks, "millwright", medium.mark().installation());
          files.ensureDirectory(places.get());
          files.upload(
              places.get(),
              medium + DatastoreFiles.UPLOAD,
              HttpRequest.BodyPublishers.ofByteArray(new byte[1 << 20]));
          return files;
        });
      }
    };
  }
}
