package io.millwright.driver;

import java.util.Map;
import java.util.SortedMap;

/**
 * Reads manifests that are kept under version control; found by {@link java.util.ServiceLoader}.
 *
 * <p>It keeps nothing between two calls, writes nothing into the repository, and never follows a
 * link or a redirect. {@code UNREACHABLE} means that nothing is known; every other fault is about
 * what stands there, and the same commit will not do better.
 */
public interface SourceDriver {
  /** The setting with which a webhook's calls are signed; every driver has it as a secret one. */
  String WEBHOOK_SECRET = "webhookSecret";

  DriverDescription describe();

  /**
   * Where to read.
   *
   * @param path of a directory, or {@code .} for the whole repository
   * @param settings as described, secrets in clear
   */
  record Place(String url, String branch, String path, Map<String, String> settings) {}

  /**
   * What stood there.
   *
   * @param commit its full name
   * @param files the manifests (*.yaml, *.yml and *.json) by their path in the repository; what
   *     begins with a dot, and what is in a directory that does, is none
   */
  record Snapshot(String commit, SortedMap<String, byte[]> files) {}

  /**
   * The manifests of the newest commit of the branch; never none.
   *
   * @throws DriverException REFUSED if there is no such branch, or what is there is too much, is
   *     none at all, or leads out of the tree; UNREACHABLE
   */
  Snapshot read(Place place) throws DriverException;
}
