package io.millwright.engine.access;

import org.jspecify.annotations.Nullable;

/**
 * People's side of the engine, as one thing to hand on.
 *
 * @param singleSignOn null where there is no provider of identities
 */
public record Access(Accounts accounts, SignIn signIn, @Nullable SingleSignOn singleSignOn) {
  public Access(Accounts accounts, SignIn signIn) {
    this(accounts, signIn, null);
  }

  /** The same with a provider of identities. */
  public Access with(SingleSignOn provider) {
    return new Access(accounts, signIn, provider);
  }
}
