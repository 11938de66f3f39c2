package io.millwright.model;

/**
 * A resource that another one names.
 *
 * @param field where the name stands, for messages, for example {@code spec.nics[0].network}
 */
public record Ref(Kind kind, String name, String field) {}
