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
  LOOK_AT,
  TAKE,
  RELEASE,
  STAGE,
  UNSTAGE,
  CREATE_DISK,
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
  MEASURE,
  PUBLISH,
  WITHDRAW,
  BUILD
}
