package io.millwright.engine.port;

import org.jspecify.annotations.Nullable;

/**
 * What the nodes of an installation share besides the database.
 *
 * @param key fingerprint of their key file, or null if none is known yet
 * @param images true once their image directory carries the installation's mark
 */
public record Shared(@Nullable String key, boolean images) {}
