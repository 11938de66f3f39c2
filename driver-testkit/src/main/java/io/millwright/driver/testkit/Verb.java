package io.millwright.driver.testkit;

/** What can be asked of a simulated system, and so can go wrong there. */
public enum Verb {
  OBSERVE,
  DEFINE,
  START,
  STOP,
  RESET,
  ATTACH_DISK,
  REMOVE,
  STAGE,
  UNSTAGE,
  CREATE_DISK,
  COPY_DISK,
  GROW_DISK,
  DELETE_DISK,
  READ_DISK,
  WRITE_DISK,
  PUT_MEDIUM,
  DELETE_MEDIUM,
  PUT_BOOT_FILE,
  DELETE_BOOT_FILE,
  READ_LOG,
  OPEN_CONSOLE,
  OPEN_SCREEN,
  ASK_AGENT,
  RUN_COMMAND,
  MEASURE,
  PUBLISH,
  WITHDRAW,
  BUILD
}
