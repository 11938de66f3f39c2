package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import io.millwright.client.Trees;
import io.millwright.client.UnreachableException;
import picocli.CommandLine.Command;

/** Tells the versions. */
@Command(name = "version", description = "Show the versions of this client and of the server.")
final class VersionCommand extends Part {
  @Override
  public Integer call() {
    print("client " + Cli.Version.text());
    try {
      String server =
          Trees.text(new MillwrightApi(cli().anonymous()).getHealth().body(), "version");
      print("server " + Safe.line(server) + " at " + cli().server());
    } catch (UnreachableException | ApiException e) {
      // Asking for the client's own version must work anywhere.
      print("server unknown: " + Safe.line(Complaint.of(e).line()));
    }
    return 0;
  }
}
