package io.millwright.driver.vsphere;

import io.millwright.driver.Content;
import io.millwright.driver.DriverException;
import io.millwright.driver.Media;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;

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
    files.upload(place, name + DatastoreFiles.UPLOAD, published(iso));
    files.move(place, name + DatastoreFiles.UPLOAD, name + DatastoreFiles.MEDIUM);
    return Outcome.DONE;
  }

  /** Read while it is sent: an installation medium is as large as the vendor's. */
  private static BodyPublisher published(Content iso) {
    return BodyPublishers.fromPublisher(
        BodyPublishers.ofInputStream(() -> {
          try {
            return iso.open();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }),
        iso.length());
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
