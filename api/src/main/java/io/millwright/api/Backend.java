package io.millwright.api;

import io.millwright.engine.Engine;
import io.millwright.engine.access.Access;
import io.millwright.engine.port.Store;

/**
 * What the API asks things of; the server makes it.
 *
 * @param version of this Millwright, for clients
 * @param access of people, which may be by an identity provider
 */
public record Backend(String version, Store store, Engine engine, Access access) {}
