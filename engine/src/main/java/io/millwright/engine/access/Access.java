package io.millwright.engine.access;

/** People's side of the engine, as one thing to hand on. */
public record Access(Accounts accounts, SignIn signIn) {}
