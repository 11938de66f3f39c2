package io.millwright.media;

import java.io.IOException;

/** A medium is not what it should be. The message names the place on the medium. */
public final class MediumException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String place;

  /**
   * @param place a path on the medium, or what part of its structure
   * @param wrong what is wrong there, as a phrase that follows the place
   */
  public MediumException(String place, String wrong) {
    super(printable(place) + ": " + wrong);
    this.place = printable(place);
  }

  /** The file on the medium, or the part of its structure, that is wrong. */
  public String place() {
    return place;
  }

  /** Names on a hostile medium may hold anything; a message holds no control characters. */
  static String printable(String text) {
    String clean = text.replaceAll("[\\p{Cntrl}\\p{Cs}\\p{Cf}\\p{Zl}\\p{Zp}]", "?");
    return clean.length() <= 200 ? clean : clean.substring(0, 199) + "\u2026";
  }
}
