/** Who may do what: people, their roles, and the one policy that everything asks. */
@org.jspecify.annotations.NullMarked
package io.millwright.engine.access;
