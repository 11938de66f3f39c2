package io.millwright.store;

class StoreTest extends StoreContract {}
