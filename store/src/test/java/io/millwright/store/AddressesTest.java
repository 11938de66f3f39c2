package io.millwright.store;

class AddressesTest extends AddressesContract {}
