package io.millwright.driver;

import java.util.Map;
import java.util.SortedMap;

/**
 * Reads manifests that are kept under version control; found by {@link java.util.ServiceLoader}.
 *
 * <p>It keeps nothing between two calls, writes nothing into the repository, and never follows a
 * link. {@code UNREACHABLE} means that nothing is known; every other fault is about what stands
 * there, and the same commit will not do better.
 */
public interface SourceDriver {
  /** The setting with which a webhook's body is signed; every driver has it as a secret one. */
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
   * @param files the manifests (*.yaml, *.yml and *.json) by their path in the repository
   */
  record Snapshot(String commit, SortedMap<String, byte[]> files) {}

  /**
   * The newest commit of the branch.
   *
   * @throws DriverException REFUSED if there is no such branch, or UNREACHABLE
   */
  String newest(Place place) throws DriverException;

  /**
   * The manifests of the newest commit.
   *
   * @throws DriverException REFUSED if what is there is too much, or leads out of the tree
   */
  Snapshot read(Place place) throws DriverException;
}
