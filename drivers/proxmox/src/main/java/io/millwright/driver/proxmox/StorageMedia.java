package io.millwright.driver.proxmox;

import io.millwright.driver.Content;
import io.millwright.driver.DriverException;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.Transfers;
import java.util.Map;

/** Media as ISO files of a storage. */
final class StorageMedia implements Media {
  private final Api api;
  private final Settings settings;
  private final Guests guests;
  private final Contents contents;

  StorageMedia(Api api, Settings settings, Guests guests, Contents contents) {
    this.api = api;
    this.settings = settings;
    this.guests = guests;
    this.contents = contents;
  }

  @Override
  public Outcome put(ObjectName name, Content iso) throws DriverException {
    guests.requireOurs(name.mark());
    return guests.alone(
        name.mark().uid(),
        () -> {
          Cluster.Place place = Cluster.read(api).place(settings);
          contents.awaitCopy(place.files(), "iso", name.toString());
          contents.put(
              place.files(), "iso", name.toString(), "iso", Transfers.published(iso), Map.of());
          return Outcome.DONE;
        });
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    guests.requireOurs(name.mark());
    return guests.alone(
        name.mark().uid(),
        () -> {
          Cluster.Place place = Cluster.read(api).place(settings);
          for (Contents.Volume volume : contents.list(place.files(), "iso")) {
            if (volume.stem().equals(name.toString())) {
              contents.remove(place.files(), volume);
            }
          }
          return Outcome.DONE;
        });
  }
}
