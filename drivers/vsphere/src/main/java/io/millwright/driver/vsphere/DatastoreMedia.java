package io.millwright.driver.vsphere;

import io.millwright.driver.Content;
import io.millwright.driver.DriverException;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.Transfers;

/** Media as ISO files of the datastore. */
final class DatastoreMedia implements Media {
  private final Machines machines;
  private final Place.Finder places;
  private final DatastoreFiles files;

  DatastoreMedia(Machines machines, Place.Finder places, DatastoreFiles files) {
    this.machines = machines;
    this.places = places;
    this.files = files;
  }

  /**
   * However long it takes: whoever came again while the file is moved would have to send all of it
   * again.
   */
  @Override
  public Outcome put(ObjectName name, Content iso) throws DriverException {
    files.requireOurs(name);
    return machines.atLeisure(name.mark().uid(), () -> sent(name, iso));
  }

  /** A small one is soon sent again. */
  @Override
  public Outcome put(ObjectName name, byte[] iso) throws DriverException {
    files.requireOurs(name);
    return machines.act(name.mark().uid(), () -> sent(name, Content.of(iso)));
  }

  private Outcome sent(ObjectName name, Content iso) throws DriverException, VimFault {
    Place place = places.get();
    files.ensureDirectory(place);
    files.upload(place, name + DatastoreFiles.UPLOAD, Transfers.published(iso));
    files.move(place, name + DatastoreFiles.UPLOAD, name + DatastoreFiles.MEDIUM);
    return Outcome.DONE;
  }

  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    files.requireOurs(name);
    return machines.inTurn(
        name.mark().uid(),
        () -> {
          Place place = places.get();
          files.delete(place, name + DatastoreFiles.MEDIUM);
          files.delete(place, name + DatastoreFiles.UPLOAD);
          return Outcome.DONE;
        });
  }
}
