package io.millwright.images;

/**
 * What an operating system or its installer cannot do, said before anything is built.
 *
 * @param field path in the {@link InstallSpec}, for example {@code interfaces[1].ip.mtu}
 * @param reason one sentence for a person: what cannot be and what could be instead
 */
public record Refusal(String field, String reason) {}
