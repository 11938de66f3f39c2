package io.millwright.cli;

import io.millwright.client.ApiException;
import java.util.function.Supplier;

/** Calls of the server about a bundle of manifests. */
final class Manifests {
  private Manifests() {}

  /** Calls, and puts the names of the files into what the server has to complain of. */
  static <T> T located(Bundle bundle, Supplier<T> call) {
    try {
      return call.get();
    } catch (ApiException e) {
      Complaint complaint = Complaint.of(e.problem());
      throw new Failure(complaint.code(), bundle.locate(complaint.line()));
    } catch (Failure e) {
      throw new Failure(e.code(), bundle.locate(e.line()));
    }
  }
}
