package io.millwright.driver;

import java.util.List;
import java.util.Optional;

/**
 * Facet: runs commands in guests, as the agent there. A command is begun and then asked for, so
 * that one which takes long keeps nobody waiting on the hypervisor.
 */
public interface GuestCommands {
  /** Longest output that is told, in characters; of a longer one the end. */
  int MOST_OUTPUT = 4096;

  /**
   * A command that has ended.
   *
   * @param exitCode 0 to 255; 128 and the signal if one ended it
   * @param output what it printed, then what it printed as errors: a guest's word, to be shown with
   *     care
   */
  record Ended(int exitCode, String output) {
    public Ended {
      output =
          output.length() <= MOST_OUTPUT ? output : output.substring(output.length() - MOST_OUTPUT);
    }
  }

  /**
   * Begins a command.
   *
   * @param command the program and its arguments; no shell reads them
   * @return by what it is asked for
   * @throws DriverException CONFLICT if there is no such machine, it does not run or no agent
   *     answers in it; REFUSED, with the agent's own words, if the agent does not run it
   */
  long begin(Mark mark, List<String> command) throws DriverException;

  /**
   * Asks for a command that was begun; nothing as long as it runs. Its end is told once.
   *
   * @throws DriverException CONFLICT if there is no such machine, it does not run, no agent answers
   *     in it, or the agent knows of no such command
   */
  Optional<Ended> ended(Mark mark, long begun) throws DriverException;
}
