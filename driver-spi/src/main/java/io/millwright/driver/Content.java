package io.millwright.driver;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * What a file is to hold. It may be far larger than what one keeps in memory, so it is read when it
 * is brought over, and read anew if that has to be done again.
 */
public interface Content {
  /** In bytes. */
  long length();

  /** From its beginning; whoever opens it closes it. */
  InputStream open() throws IOException;

  /** What is in memory already. */
  static Content of(byte[] bytes) {
    byte[] own = bytes.clone();
    return new Content() {
      @Override
      public long length() {
        return own.length;
      }

      @Override
      public InputStream open() {
        return new ByteArrayInputStream(own);
      }
    };
  }
}
