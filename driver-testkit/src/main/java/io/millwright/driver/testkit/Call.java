package io.millwright.driver.testkit;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One call to a simulated system.
 *
 * @param uid of the resource it is about, or null if it is about none
 * @param subject its object's name, for people
 */
public record Call(Verb verb, @Nullable UUID uid, String subject) {}
