package io.millwright.driver;

/**
 * Facet: what a machine prints on its first serial port is kept while it is defined with an
 * installer, whether anybody reads it or not. It grows from start to start of the same generation,
 * outlives the installer, and goes with the machine.
 */
public interface SerialLog {
  /** How much is read at once, in bytes. */
  int PIECE = 64 << 10;

  /**
   * A piece of it.
   *
   * @param bytes at most {@link #PIECE}; none at its end
   * @param next where the following piece begins
   */
  @SuppressWarnings("ArrayRecordComponent") // made, read and thrown away; never compared
  record Piece(byte[] bytes, long next) {}

  /**
   * Reads on from a position, 0 being the beginning. If the log became shorter, it begins again.
   *
   * @param mark of the definition whose log it is, with its generation
   * @throws DriverException CONFLICT if the machine is not ours
   */
  Piece read(Mark mark, long from) throws DriverException;
}
